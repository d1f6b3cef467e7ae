#include "crypto/jwk.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/limits.h"
#include "tests/support/test_token.h"

namespace epaulet {
namespace {

testing::AssertionResult contains(std::string_view text, std::string_view part) {
  if (text.find(part) != std::string_view::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << '"' << text << "\" lacks \"" << part << '"';
}

Checked<JwkSet> parse(std::string_view bytes) {
  return JwkSet::parse(bytes, "portal.jwks.json");
}

/// A set of the key under test and a good one, so that the reason for skipping can be seen.
void expect_skipped(const std::string& key, std::string_view reason) {
  const auto set = parse(R"({"keys":[)" + key + "," + test_key().jwk(R"(,"kid":"good")") + "]}");
  ASSERT_TRUE(set.has_value()) << key;
  ASSERT_EQ(set->keys().size(), 1u) << key;
  EXPECT_EQ(set->keys()[0].id, "good");
  ASSERT_EQ(set->skipped().size(), 1u) << key;
  EXPECT_TRUE(contains(set->skipped()[0], "key 1 of portal.jwks.json"));
  EXPECT_TRUE(contains(set->skipped()[0], reason)) << key;
}

TEST(JwkSetTest, rsa_keys_for_signatures_are_usable) {
  for (const std::string_view members : {
           R"(,"kid":"k1")",
           R"(,"kid":"k1","use":"sig")",
           R"(,"kid":"k1","alg":"RS256")",
           R"(,"kid":"k1","use":"sig","alg":"RS256","key_ops":["verify"])",
           R"(,"kid":"k1","key_ops":["sign","verify"])",
           R"(,"kid":"k1","x5t":"AAAA","unknown":{"a":[1]})",
       }) {
    const auto set = parse(test_key().jwks(members));
    ASSERT_TRUE(set.has_value()) << members;
    ASSERT_EQ(set->keys().size(), 1u) << members;
    EXPECT_EQ(set->keys()[0].id, "k1");
    EXPECT_EQ(set->keys()[0].key->kind(), "RSA 2048");
    EXPECT_TRUE(set->skipped().empty());
  }
}

TEST(JwkSetTest, other_keys_are_skipped_with_a_reason) {
  const std::pair<std::string_view, std::string_view> members[] = {
      {R"(,"kid":"k","use":"enc")", "use"},
      {R"(,"kid":"k","use":["sig"])", "use"},
      {R"(,"kid":"k","alg":"RS512")", "alg"},
      {R"(,"kid":"k","alg":"PS256")", "alg"},
      {R"(,"kid":"k","alg":"HS256")", "alg"},
      {R"(,"kid":"k","alg":"none")", "alg"},
      {R"(,"kid":"k","alg":"rs256")", "alg"},
      {R"(,"kid":"k","alg":null)", "alg"},
      {R"(,"kid":"k","key_ops":["sign"])", "key_ops"},
      {R"(,"kid":"k","key_ops":[])", "key_ops"},
      {R"(,"kid":"k","key_ops":"verify")", "key_ops"},
      {R"(,"kid":"")", "kid"},
      {R"(,"kid":7)", "kid"},
      {R"(,"kid":"k","d":"AQAB")", "private key"},
  };
  for (const auto& [text, reason] : members) expect_skipped(test_key().jwk(text), reason);
}

TEST(JwkSetTest, keys_that_are_no_rsa_keys_are_skipped) {
  const std::string n = base64url(test_key().modulus());
  const auto rsa = [](std::string_view modulus, std::string_view exponent) {
    return R"({"kty":"RSA","kid":"k","n":")" + std::string(modulus) + R"(","e":")" +
           std::string(exponent) + "\"}";
  };
  const std::pair<std::string, std::string_view> keys[] = {
      {R"({"kty":"EC","crv":"P-256","kid":"k","x":"AA","y":"AA"})", "kty"},
      {R"({"kty":"oct","kid":"k","k":"c2VjcmV0"})", "kty"},
      {R"({"kty":"OKP","crv":"Ed25519","kid":"k","x":"AA"})", "kty"},
      {R"({"kty":"rsa","kid":"k"})", "kty"},
      {R"({"kid":"k"})", "kty"},
      {R"({"kty":["RSA"],"kid":"k"})", "kty"},
      {R"({"kty":"RSA","kid":"k","e":"AQAB"})", "n or e"},
      {R"({"kty":"RSA","kid":"k","n":7,"e":"AQAB"})", "n or e"},
      {R"({"kty":"RSA","kid":"k","n":")" + n + "\"}", "n or e"},
      {rsa(n + "=", "AQAB"), "n or e"},
      {rsa(n, ""), "n or e"},
      {rsa("", "AQAB"), "n or e"},
      {rsa(n, "AQ"), "out of range"},    // 1: the signature would be the padded digest itself
      {rsa(n, "AAAB"), "out of range"},  // 1 with zeros before it
      {rsa(n, "AA"), "out of range"},    // 0
      {rsa(n, "AQAA"), "even"},          // 65536
      {rsa(n, "AQAAAAAAAAAB"), "out of range"},  // longer than eight bytes
      {rsa(base64url(std::string(255, '\xff') + "\xfe"), "AQAB"), "even"},
      {rsa(base64url(std::string(128, '\xff')), "AQAB"), "too weak"},
      {rsa(base64url(std::string(2048, '\xff')), "AQAB"), "too slow"},
      {"7", "no JSON object"},
      {"null", "no JSON object"},
      {R"("RSA")", "no JSON object"},
  };
  for (const auto& [key, reason] : keys) expect_skipped(key, reason);
}

TEST(JwkSetTest, weak_keys_are_skipped) {
  const TestKey weak(1024);
  expect_skipped(weak.jwk(R"(,"kid":"k")"), "1024 bits is too weak");
}

TEST(JwkSetTest, of_two_keys_with_one_id_the_first_counts) {
  const auto set = parse(R"({"keys":[)" + test_key().jwk(R"(,"kid":"k1")") + "," +
                         foreign_key().jwk(R"(,"kid":"k1")") + "]}");
  ASSERT_TRUE(set.has_value());
  ASSERT_EQ(set->keys().size(), 1u);
  const auto expected = parse(test_key().jwks());
  EXPECT_TRUE(set->keys()[0].key->matches(expected->keys()[0].key->get()));
  ASSERT_EQ(set->skipped().size(), 1u);
  EXPECT_TRUE(contains(set->skipped()[0], "same kid"));
}

TEST(JwkSetTest, a_key_is_found_by_its_id) {
  const auto set = parse(R"({"keys":[)" + test_key().jwk(R"(,"kid":"old")") + "," +
                         foreign_key().jwk(R"(,"kid":"new")") + "]}");
  ASSERT_TRUE(set.has_value());
  ASSERT_NE(set->find("old"), nullptr);
  EXPECT_EQ(set->find("old")->id, "old");
  ASSERT_NE(set->find("new"), nullptr);
  EXPECT_EQ(set->find("new")->id, "new");
  EXPECT_EQ(set->find("OLD"), nullptr);
  EXPECT_EQ(set->find(""), nullptr);
  EXPECT_EQ(set->find(std::nullopt), nullptr) << "two keys: which one?";
}

TEST(JwkSetTest, a_token_without_key_id_takes_the_only_key) {
  const auto named = parse(test_key().jwks(R"(,"kid":"k1")"));
  EXPECT_EQ(named->find(std::nullopt), &named->keys()[0]);
  const auto unnamed = parse(test_key().jwks(""));
  ASSERT_TRUE(unnamed.has_value());
  EXPECT_EQ(unnamed->find(std::nullopt), &unnamed->keys()[0]);
  EXPECT_EQ(unnamed->find(""), nullptr) << "an empty id is an id";
  EXPECT_EQ(unnamed->find("k1"), nullptr);
}

TEST(JwkSetTest, what_is_no_key_set_is_refused_by_name) {
  for (const std::string& text :
       {std::string(""), std::string("{}"), std::string("[]"), std::string("{\"keys\":{}}"),
        std::string("{\"keys\":null}"), test_key().jwk(), std::string("{\"keys\":["),
        R"({"keys":[],"keys":[)" + test_key().jwk() + "]}",
        "-----BEGIN PUBLIC KEY-----\n" + test_key().public_pem()}) {
    const auto set = parse(text);
    ASSERT_FALSE(set.has_value()) << text;
    EXPECT_TRUE(contains(set.error().what, "portal.jwks.json"));
    EXPECT_FALSE(set.error().remedy.empty());
  }
}

TEST(JwkSetTest, a_set_without_usable_key_says_why_each_is_none) {
  const auto set =
      parse(R"({"keys":[{"kty":"EC","kid":"a"},)" + test_key().jwk(R"(,"use":"enc")") + "]}");
  ASSERT_FALSE(set.has_value());
  EXPECT_TRUE(contains(set.error().what, "no usable key"));
  EXPECT_TRUE(contains(set.error().what, "key 1 of portal.jwks.json: its kty is not RSA"));
  EXPECT_TRUE(contains(set.error().what, "key 2 of portal.jwks.json: its use is not sig"));
  EXPECT_FALSE(parse(R"({"keys":[]})").has_value());
}

TEST(JwkSetTest, size_is_bounded) {
  std::string text = test_key().jwks();
  text.append(limits::kJwksBytesMax - text.size(), ' ');
  EXPECT_TRUE(parse(text).has_value());
  text += ' ';
  const auto set = parse(text);
  ASSERT_FALSE(set.has_value());
  EXPECT_TRUE(contains(set.error().what, "larger than"));
}

TEST(JwkSetTest, the_number_of_keys_is_bounded) {
  std::string text = R"({"keys":[)";
  for (std::size_t i = 0; i <= limits::kJwksKeysMax; ++i) {
    if (i > 0) text += ',';
    text += test_key().jwk(R"(,"kid":")" + std::to_string(i) + "\"");
  }
  const auto set = parse(text + "]}");
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->keys().size(), limits::kJwksKeysMax);
  EXPECT_EQ(set->skipped().size(), 1u);
}

TEST(JwkSetTest, what_is_told_of_useless_keys_is_bounded) {
  std::string keys = test_key().jwk(R"(,"kid":"good")");
  for (int i = 0; i < 100'000; ++i) keys += ",{}";
  const auto set = parse(R"({"keys":[)" + keys + "]}");
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->keys().size(), 1u);
  ASSERT_EQ(set->skipped().size(), 17u);
  EXPECT_TRUE(contains(set->skipped().back(), "99984 more keys"));
  const auto none = parse(R"({"keys":[{})" + keys.substr(keys.find(",{}")) + "]}");
  ASSERT_FALSE(none.has_value());
  EXPECT_LT(none.error().to_string().size(), 2000u);
}

TEST(JwkSetTest, the_digest_tells_two_sets_apart) {
  EXPECT_EQ(parse(test_key().jwks())->digest(), parse(test_key().jwks())->digest());
  EXPECT_NE(parse(test_key().jwks())->digest(), parse(foreign_key().jwks())->digest());
}

}  // namespace
}  // namespace epaulet
