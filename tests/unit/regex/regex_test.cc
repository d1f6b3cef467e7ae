#include "regex/regex.h"

#include <gtest/gtest.h>

#include <chrono>

namespace epaulet {
namespace {

TEST(RegexTest, the_whole_text_has_to_fit) {
  const Regex regex("/v[0-9]+/(orders|items)");
  EXPECT_TRUE(regex.fits("/v1/orders"));
  EXPECT_TRUE(regex.fits("/v12/items"));
  for (const auto* text : {"", "/v/orders", "/v1/orders/", "x/v1/orders", "/v1/orders\n"})
    EXPECT_FALSE(regex.fits(text)) << text;
  EXPECT_TRUE(Regex("a|ab").fits("ab")) << "another way is found";
  EXPECT_TRUE(Regex("(?i)blue").fits("Blue"));
  EXPECT_TRUE(Regex("").fits(""));
  EXPECT_FALSE(Regex("").fits("a"));
}

TEST(RegexTest, texts_are_bytes_and_only_utf_8_is_a_character) {
  EXPECT_TRUE(Regex("caf.").fits("caf\xc3\xa9"));
  EXPECT_TRUE(Regex("caf\xc3\xa9").fits("caf\xc3\xa9"));
  EXPECT_FALSE(Regex(".*").fits("caf\xe9"));
  EXPECT_TRUE(Regex("(?s)a.b").fits(std::string_view("a\0b", 3)));
}

TEST(RegexTest, what_is_none_is_told_why) {
  EXPECT_EQ(Regex::fault_of("[0-9]+"), std::nullopt);
  for (const auto* bad : {"(", "a)", "[", "*", "(?=a)b", "(a)\\1", "a{1001}", "\\", "\xff"})
    EXPECT_NE(Regex::fault_of(bad).value_or(""), "") << bad;
}

TEST(RegexTest, expressions_and_texts_have_limits) {
  EXPECT_EQ(Regex::fault_of(std::string(Regex::kBytesMax - 100, 'a')), std::nullopt);
  EXPECT_NE(Regex::fault_of(std::string(Regex::kBytesMax + 1, 'a')), std::nullopt);
  EXPECT_NE(Regex::fault_of("((a{30}){30}){30}"), std::nullopt);
  EXPECT_EQ(Regex::fault_of("(a?){300}"), std::nullopt);
  EXPECT_NE(Regex::fault_of("(abc?){900}"), std::nullopt);
  const Regex any(".*");
  EXPECT_TRUE(any.fits(std::string(Regex::kTextBytesMax, 'a')));
  EXPECT_FALSE(any.fits(std::string(Regex::kTextBytesMax + 1, 'a')));
}

/// What makes a backtracking matcher take longer than the universe has, and what gives an
/// automaton more states than it may keep. The bound is a hundred times what they take here.
TEST(RegexTest, no_text_takes_long) {
  const std::string text(Regex::kTextBytesMax - 1, 'a');
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_FALSE(Regex("(a+)+b").fits(text + "c"));
  EXPECT_FALSE(Regex("(a|aa|aaa)+b").fits(text));
  std::string mixed;
  for (unsigned i = 0, x = 1; i < Regex::kTextBytesMax; ++i, x = x * 1103515245u + 12345u)
    mixed += (x >> 16 & 1) != 0 ? 'a' : 'b';
  EXPECT_FALSE(Regex("(.*a.{90}c)*").fits(mixed));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST(RegexTest, it_moves) {
  Regex one("a+");
  Regex other(std::move(one));
  EXPECT_TRUE(other.fits("aa"));
  other = Regex("b");
  EXPECT_TRUE(other.fits("b"));
}

}  // namespace
}  // namespace epaulet
