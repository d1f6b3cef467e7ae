#include "route/query_match.h"

#include <gtest/gtest.h>

#include <random>

#include "base/limits.h"

namespace epaulet {
namespace {

bool present(std::string_view name, std::string_view query) {
  return QueryMatch({.name = std::string(name), .exact = {}, .pattern = {}}).matches(query);
}
bool exact(std::string_view name, std::string_view value, std::string_view query) {
  return QueryMatch({.name = std::string(name), .exact = std::string(value), .pattern = {}})
      .matches(query);
}
bool fits(std::string_view pattern, std::string_view query) {
  return QueryMatch({.name = "v", .exact = {}, .pattern = std::string(pattern)}).matches(query);
}

TEST(QueryMatchTest, finds_its_parameter_wherever_it_stands) {
  for (const auto* query : {"v=2", "a=1&v=2", "v=2&a=1", "a&v=2&b", "&&v=2&", "vv=1&v=2"}) {
    EXPECT_TRUE(exact("v", "2", query)) << query;
  }
  for (const auto* query : {"", "V=2", "vv=2", "a=v=2", "a&2", "v=22", "v=", "v", "v= 2", "=2"}) {
    EXPECT_FALSE(exact("v", "2", query)) << query;
  }
}

TEST(QueryMatchTest, presence_is_enough_where_nothing_else_is_asked_for) {
  for (const auto* query : {"v", "v=", "v=1", "a&v", "%76=1"}) EXPECT_TRUE(present("v", query));
  for (const auto* query : {"", "a", "V", "a=v", "v1"}) EXPECT_FALSE(present("v", query)) << query;
}

TEST(QueryMatchTest, decodes_once_as_forms_are_read) {
  EXPECT_TRUE(exact("api version", "1.0+b&c=d/\xc3\xa9", "api+version=1.0%2Bb%26c%3dd/%C3%A9"));
  EXPECT_TRUE(exact("v", "a b", "v=a%20b"));
  EXPECT_TRUE(exact("v", "%41", "v=%2541")) << "once";
  EXPECT_FALSE(exact("v", "A", "v=%2541"));
  EXPECT_TRUE(exact("v", "%4", "v=%4")) << "an incomplete encoding stands for itself";
  EXPECT_TRUE(exact("v", "%zz%", "v=%zz%"));
  EXPECT_TRUE(exact("v", "a=b", "v=a=b")) << "the first = ends the name";
  EXPECT_TRUE(exact("v", "1;w=2", "v=1;w=2")) << "a semicolon separates nothing";
  EXPECT_TRUE(exact("v", std::string_view("\0", 1), "v=%00"));
}

TEST(QueryMatchTest, of_several_the_first_counts) {
  EXPECT_TRUE(exact("v", "1", "v=1&v=2"));
  EXPECT_FALSE(exact("v", "2", "v=1&v=2"));
  EXPECT_FALSE(exact("v", "2", "%76=1&v=2"));
  EXPECT_TRUE(exact("v", "", "v&v=2"));
}

TEST(QueryMatchTest, a_star_stands_for_any_text) {
  EXPECT_TRUE(fits("2.*", "v=2.") && fits("2.*", "v=2.0-beta") && fits("*", "v"));
  EXPECT_TRUE(fits("*-beta", "v=2.0-beta-beta") && fits("a*b*c", "v=abxbc"));
  EXPECT_TRUE(fits("a b*", "v=a+bc") && fits("*%*", "v=100%25"));
  EXPECT_FALSE(fits("2.*", "v=3.0") || fits("2.*", "v=2") || fits("*-beta", "v=2.0-betas"));
  EXPECT_FALSE(fits("a*b*c", "v=acb") || fits("2*", "w=2"));
}

/// What fits() must say, the long way.
bool fits_slowly(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] != '*')
    return !text.empty() && text[0] == pattern[0] && fits_slowly(pattern.substr(1), text.substr(1));
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (fits_slowly(pattern.substr(1), text.substr(i))) return true;
  }
  return false;
}

TEST(QueryMatchTest, patterns_agree_with_the_slow_way) {
  std::mt19937 random(7);
  std::size_t fitting = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string pattern;
    std::string text;
    for (auto left = random() % 7; left > 0; --left) pattern += "ab*"[random() % 3];
    for (auto left = random() % 9; left > 0; --left) text += "ab"[random() % 2];
    const bool expected = fits_slowly(pattern, text);
    ASSERT_EQ(fits(pattern, "v=" + text), expected) << pattern << " " << text;
    fitting += expected;
  }
  EXPECT_GT(fitting, 1000u);
}

TEST(QueryMatchTest, a_pattern_has_a_bound) {
  const std::string most(limits::kQueryPatternValueBytesMax, 'a');
  EXPECT_TRUE(fits("a*", "v=" + most));
  EXPECT_FALSE(fits("a*", "v=a" + most));
  EXPECT_TRUE(exact("v", "a" + most, "v=a" + most));
  EXPECT_FALSE(fits("*" + std::string(200, 'a') + "b", "v=" + most)) << "and ends in time";
}

}  // namespace
}  // namespace epaulet
