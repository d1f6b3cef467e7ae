#include "telemetry/json_line.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>
#include <string>

#include "telemetry/utf8.h"

namespace epaulet::telemetry {
namespace {

/// As any reader of the log does. Throws, and so fails the test, if it is not strict JSON.
boost::json::object parse(std::string_view line) {
  EXPECT_TRUE(line.ends_with("}\n"));
  EXPECT_EQ(line.find('\n'), line.size() - 1) << "one line";
  return boost::json::parse(line.substr(0, line.size() - 1)).as_object();
}

TEST(JsonLine, writes_members_in_order) {
  JsonLine line;
  line.text("kind", "exchange").number("status", std::uint16_t{200}).boolean("tls", true);
  line.begin("rule").text("name", "internal").text("source", "a.yaml:1:2").end();
  line.number("balance", std::int64_t{-3}).text_if("peer", "");
  EXPECT_EQ(line.finish(),
            "{\"kind\":\"exchange\",\"status\":200,\"tls\":true,"
            "\"rule\":{\"name\":\"internal\",\"source\":\"a.yaml:1:2\"},\"balance\":-3}\n");
}

TEST(JsonLine, of_nothing_is_an_empty_object) {
  EXPECT_EQ(JsonLine().finish(), "{}\n");
}

TEST(JsonLine, escapes_what_would_end_the_string_or_the_line) {
  JsonLine line;
  line.text("t", "a\"b\\c\nd\re\tf\x01g\x7Fh");
  EXPECT_EQ(line.finish(), "{\"t\":\"a\\\"b\\\\c\\u000ad\\u000de\\u0009f\\u0001g\\u007fh\"}\n");
}

TEST(JsonLine, keeps_letters_of_any_language_and_escapes_terminal_controls) {
  JsonLine line;
  line.text("t", "h\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8E\x80 \xC2\x9B");
  EXPECT_EQ(line.finish(), "{\"t\":\"h\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8E\x80 \\u009b\"}\n");
}

TEST(JsonLine, replaces_octets_that_are_not_utf8) {
  // RFC 3629: overlong, surrogate, too high, cut, stray.
  for (const char* bad : {"\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                          "\xF5\x80\x80\x80", "\xE2\x82", "\x80", "\xFF"}) {
    JsonLine line;
    line.text("t", bad);
    const auto read = parse(line.finish());
    EXPECT_NE(read.at("t").as_string().find("\xEF\xBF\xBD"), std::string::npos);
  }
}

TEST(JsonLine, is_strict_json_of_the_same_text_whatever_the_octets) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string value;
    const auto size = random() % 40;
    for (unsigned i = 0; i < size; ++i) {
      // Mostly octets that mean something to JSON, UTF-8 or a terminal.
      static constexpr unsigned char kNasty[] = {'"',  '\\', '\n', 0x00, 0x1F, 0x7F, 0x80, 0x9B,
                                                 0xA0, 0xBF, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF};
      const auto octet = random() % 2 == 0 ? kNasty[random() % sizeof kNasty]
                                           : static_cast<unsigned char>(random() % 256);
      value += static_cast<char>(octet);
    }
    JsonLine line;
    line.text("value", value).number("n", std::uint64_t{7});
    const auto read = parse(line.finish());
    EXPECT_EQ(read.at("value").as_string(), valid_utf8(value)) << "round " << round;
    EXPECT_EQ(read.at("n").as_int64(), 7);
  }
}

TEST(JsonLine, leaves_out_what_does_not_fit_and_says_so) {
  JsonLine line;
  line.text("small", "here").text("large", std::string(limits::kLogLineBytesMax, 'x'));
  line.text("after", "still here");
  const auto text = line.finish();
  EXPECT_LE(text.size(), limits::kLogLineBytesMax);
  const auto read = parse(text);
  EXPECT_EQ(read.at("small").as_string(), "here");
  EXPECT_EQ(read.at("after").as_string(), "still here");
  EXPECT_FALSE(read.contains("large"));
  EXPECT_TRUE(read.at("cut").as_bool());
}

TEST(JsonLine, is_valid_wherever_it_runs_full) {
  for (std::size_t used = limits::kLogLineBytesMax - 200; used < limits::kLogLineBytesMax; ++used) {
    JsonLine line;
    line.text("fill", std::string(used, 'x'));
    line.text("escaped", "\n\n\n\n").number("n", std::uint64_t{UINT64_MAX}).boolean("b", false);
    line.begin("rule").text("name", std::string(60, 'n')).text("source", "s").end();
    const auto text = line.finish();
    EXPECT_LE(text.size(), limits::kLogLineBytesMax);
    (void)parse(text);
  }
}

}  // namespace
}  // namespace epaulet::telemetry
