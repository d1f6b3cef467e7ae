#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "crypto/jose_base64.h"
#include "crypto/jose_hash.h"
#include "crypto/jose_json.h"
#include "tests/support/test_token.h"

namespace epaulet {
namespace {

using namespace std::string_view_literals;

TEST(JoseBase64Test, what_is_strict_base64url_is_decoded) {
  // RFC 4648 section 10, without the padding; RFC 7515 appendix C.
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"", ""},
      {"Zg", "f"},
      {"Zm8", "fo"},
      {"Zm9v", "foo"},
      {"Zm9vYg", "foob"},
      {"Zm9vYmE", "fooba"},
      {"Zm9vYmFy", "foobar"},
      {"A-z_4ME", "\x03\xec\xff\xe0\xc1"},
      {"AA", "\0"sv},
      {"__8", "\xff\xff"},
      {"-_-_", "\xfb\xff\xbf"},
  };
  for (const auto& [text, bytes] : rows) EXPECT_EQ(decode_base64url(text), bytes) << text;
}

TEST(JoseBase64Test, anything_else_is_refused) {
  for (const std::string_view text : {
           "Z"sv,     "A"sv,     "Zm9vA"sv,       "Zm9vY"sv,   // no whole byte
           "Zg=="sv,  "Zm8="sv,  "Zg="sv,         "="sv,       // padding
           "Zh"sv,    "Zm9"sv,   "AB"sv,          "_w1"sv,     // bits behind the last byte
           "Zm 9v"sv, " Zm9v"sv, "Zm9v "sv,       "Zm9v\n"sv,  // white space
           "Zm+v"sv,  "Zm/v"sv,                                // the other alphabet
           "Zm.v"sv,  "Zm\0v"sv, "Zm\xc3\xa4v"sv, "Zm\x80v"sv, "Zm%v"sv,
       }) {
    EXPECT_FALSE(decode_base64url(text).has_value()) << text;
  }
}

TEST(JoseBase64Test, every_byte_survives_and_no_other_text_means_the_same) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string bytes(1, static_cast<char>(byte));
    unsigned found = 0;
    for (const char first : kAlphabet) {
      for (const char second : kAlphabet)
        found += decode_base64url(std::string{first, second}) == bytes ? 1 : 0;
    }
    EXPECT_EQ(found, 1u) << byte;
    EXPECT_EQ(decode_base64url(base64url(bytes)), bytes);
  }
}

TEST(JoseHashTest, it_is_sha_256) {
  // FIPS 180-2, appendix B.
  EXPECT_EQ(hex(hash_token("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  for (std::size_t size = 0; size < 200; ++size) {
    const std::string text(size, 'x');
    EXPECT_EQ(hash_token(text),
              sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
  }
}

TEST(JoseJsonTest, objects_are_read) {
  for (const std::string_view text :
       {R"({})"sv, R"( {"a":1} )"sv, "{\"a\":1}\n"sv, R"({"a":{"a":[{"a":null}]}})"sv,
        R"({"a":"ä","b":[true,false,-1.5e3,18446744073709551615]})"sv}) {
    EXPECT_TRUE(parse_json_object(text, 16).has_value()) << text;
  }
  const auto object = parse_json_object(
      R"({"long key, longer than any small buffer of a parser":"value","n":7})", 16);
  ASSERT_TRUE(object.has_value());
  EXPECT_EQ(object->at("long key, longer than any small buffer of a parser").as_string(), "value");
  EXPECT_EQ(object->at("n").as_int64(), 7);
}

TEST(JoseJsonTest, what_two_readers_could_read_in_two_ways_is_refused) {
  for (const std::string_view text : {
           R"({"a":1,"a":1})"sv,
           R"({"a":1,"b":2,"a":3})"sv,
           R"({"b":{"a":1,"a":2}})"sv,
           R"([{"a":1,"a":2}])"sv,
           R"({"a":1,"\u0061":2})"sv,  // one name in two spellings
           R"({"":1,"":2})"sv,
           R"({"b":[{"a":{"c":1,"c":1}}]})"sv,
       }) {
    EXPECT_FALSE(parse_json_object(text, 16).has_value()) << text;
  }
}

TEST(JoseJsonTest, the_same_name_in_different_objects_is_no_duplicate) {
  EXPECT_TRUE(parse_json_object(R"({"a":{"a":{"a":1}},"b":{"a":1},"c":[{"a":1},{"a":2}]})", 16)
                  .has_value());
}

TEST(JoseJsonTest, what_is_no_object_is_refused) {
  for (const std::string_view text : {
           ""sv,
           " "sv,
           "null"sv,
           "1"sv,
           "\"a\""sv,
           "[]"sv,
           "{"sv,
           "{}x"sv,
           "{} {}"sv,
           "{}]"sv,
           "{\"a\"}"sv,
           "{\"a\":}"sv,
           "{\"a\":1,}"sv,
           "{'a':1}"sv,
           "{a:1}"sv,
           "{\"a\":01}"sv,
           "{\"a\":NaN}"sv,
           "{\"a\":\"\xff\"}"sv,
           "{\"a\":\"\xc0\xaf\"}"sv,
           "{\"a\":\"\n\"}"sv,
           "{\"a\":\"\\ud800\"}"sv,
           "\xef\xbb\xbf{}"sv,
           "{}\0"sv,
           "/**/{}"sv,
           "{\"a\":tru}"sv,
           "{\"a\":\"b}"sv,
       }) {
    EXPECT_FALSE(parse_json_object(text, 16).has_value()) << text;
  }
}

TEST(JoseJsonTest, depth_is_bounded) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(parse_json_object(nested(16), 16).has_value());
  EXPECT_FALSE(parse_json_object(nested(17), 16).has_value());
  EXPECT_FALSE(parse_json_object(std::string(8000, '['), 16).has_value());
}

}  // namespace
}  // namespace epaulet
