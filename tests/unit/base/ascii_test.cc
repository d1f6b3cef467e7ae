#include "base/ascii.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/char_class.h"

namespace epaulet {
namespace {

TEST(Ascii, only_the_26_letters_have_a_lower_case) {
  for (int c = 0; c < 256; ++c) {
    const char octet = static_cast<char>(c);
    const char expected = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : octet;
    EXPECT_EQ(to_lower(octet), expected) << c;
  }
  EXPECT_EQ(lower("X-Forwarded-For[\xC4]"), "x-forwarded-for[\xC4]");
}

TEST(Ascii, compares_without_case_and_never_by_a_prefix) {
  EXPECT_TRUE(equals_ignore_case("Content-Length", "content-LENGTH"));
  EXPECT_TRUE(equals_ignore_case("", ""));
  EXPECT_FALSE(equals_ignore_case("content", "content-length"));
  EXPECT_FALSE(equals_ignore_case("content-length", "content"));
  EXPECT_FALSE(equals_ignore_case("[", "{"));  // 32 apart, and no letters.
  EXPECT_FALSE(equals_ignore_case("@", "`"));
  EXPECT_FALSE(equals_ignore_case("\xC4", "\xE4"));
  EXPECT_FALSE(equals_ignore_case("ab", "ac"));
}

TEST(Ascii, trims_spaces_and_tabs_and_nothing_else) {
  EXPECT_EQ(trim(" \t a b\t "), "a b");
  EXPECT_EQ(trim(" \t "), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("\ra\n"), "\ra\n");
  EXPECT_EQ(trim("\va\f"), "\va\f");
}

std::vector<std::string> elements_of(std::string_view list) {
  std::vector<std::string> elements;
  for_each_element(list, [&elements](std::string_view element) { elements.emplace_back(element); });
  return elements;
}

TEST(Ascii, visits_the_elements_of_a_list_and_leaves_out_the_empty_ones) {
  using Elements = std::vector<std::string>;
  EXPECT_EQ(elements_of("a"), Elements({"a"}));
  EXPECT_EQ(elements_of("a, b\t,c d"), Elements({"a", "b", "c d"}));
  EXPECT_EQ(elements_of(",, a ,,b, ,"), Elements({"a", "b"}));
  EXPECT_EQ(elements_of(""), Elements());
  EXPECT_EQ(elements_of(" , "), Elements());
}

bool is_alphanumeric(int c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_one_of(int c, std::string_view octets) {
  return c != 0 && octets.find(static_cast<char>(c)) != std::string_view::npos;
}

TEST(CharClass, agrees_with_the_grammar_for_each_octet) {
  namespace cc = char_class;
  for (int c = 0; c < 256; ++c) {
    SCOPED_TRACE(c);
    const char octet = static_cast<char>(c);
    // RFC 9110 section 5.6.2.
    EXPECT_EQ(cc::is(octet, cc::kToken), is_alphanumeric(c) || is_one_of(c, "!#$%&'*+-.^_`|~"));
    // RFC 9110 section 5.5: no control but the tab, and no DEL.
    EXPECT_EQ(cc::is(octet, cc::kValue), c == '\t' || (c >= 0x20 && c != 0x7f));
    EXPECT_EQ(cc::is(octet, cc::kTarget), c > 0x20 && c < 0x7f && c != '#');
    EXPECT_EQ(cc::is(octet, cc::kHost), is_alphanumeric(c) || is_one_of(c, "-._~"));
    EXPECT_EQ(cc::is(octet, cc::kDigit), c >= '0' && c <= '9');
    EXPECT_EQ(cc::is(octet, cc::kHexDigit), is_one_of(c, "0123456789abcdefABCDEF"));
  }
}

TEST(CharClass, asks_for_any_of_several_classes) {
  namespace cc = char_class;
  EXPECT_TRUE(cc::is(' ', cc::kToken | cc::kValue));
  EXPECT_FALSE(cc::is('\r', cc::kToken | cc::kValue | cc::kTarget | cc::kHost));
}

}  // namespace
}  // namespace epaulet
