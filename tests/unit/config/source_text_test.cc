#include "config/source_text.h"

#include <gtest/gtest.h>

#include "config/loader.h"
#include "config/utf8.h"

namespace epaulet::config {
namespace {

TEST(Utf8, accepts_what_yaml_prints) {
  for (const auto* text : {"", "a\tb\n", "a\r\nb", "\xc2\xa0", "caf\xc3\xa9", "\xe2\x82\xac",
                           "\xf0\x9f\x99\x82", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8_text(text)) << text;
  }
}

TEST(Utf8, names_the_first_byte_that_is_no_text) {
  const std::pair<std::string_view, std::size_t> cases[] = {
      {"ab\x80", 2},            // A continuation alone.
      {"ab\xc3", 2},            // Cut short.
      {"\xc0\xaf", 0},          // Overlong.
      {"\xe0\x80\xaf", 0},      // Overlong.
      {"\xed\xa0\x80", 0},      // A surrogate.
      {"\xf4\x90\x80\x80", 0},  // Beyond U+10FFFF.
      {"a\xff", 1},
      {std::string_view("a\0b", 3), 1},
      {"\x1b[31m", 0},
      {"a\x7f", 1},
      {"a\xc2\x85", 1},  // A C1 control character.
      {"a\rb", 1},
      {"a\r", 1},
      {"a\xef\xbb\xbf", 1}};  // A byte order mark inside.
  for (const auto& [text, at] : cases) EXPECT_EQ(first_byte_not_text(text), at) << text;
}

TEST(SourceText, places_are_found_in_order_and_out_of_order) {
  SourceText source("f", "a\xc3\xa9: b\n\xc3\xa9\xc3\xa9: x y\n");
  // "b" of line 1 is byte 5, the fifth character.
  auto place = source.place(5, 0, 5);
  EXPECT_EQ(place.line, 1u);
  EXPECT_EQ(place.column, 5u);
  place = source.place(13, 1, 6);
  EXPECT_EQ(place.line, 2u);
  EXPECT_EQ(place.column, 5u);
  place = source.place(15, 1, 8);
  EXPECT_EQ(place.column, 7u);
  place = source.place(0, 0, 0);
  EXPECT_EQ(place.line, 1u);
  EXPECT_EQ(place.column, 1u);
  EXPECT_EQ(source.place_of_offset(15).column, 7u);
  EXPECT_EQ(source.place_of_offset(15).line, 2u);
  EXPECT_EQ(source.line_at(place), "a\xc3\xa9: b");
}

TEST(SourceText, places_behind_the_end_are_the_end) {
  SourceText source("f", "ab");
  EXPECT_EQ(source.place(100, 0, 100).offset, 2u);
  EXPECT_EQ(source.line_at(source.place(100, 7, 3)), "ab");
}

TEST(SourceText, knows_whether_a_quote_is_closed) {
  const auto closed = [](std::string_view text, std::size_t offset = 0) {
    return SourceText("f", text).quote_is_closed(offset);
  };
  EXPECT_TRUE(closed("\"a\""));
  EXPECT_TRUE(closed("\"a\\\"\""));
  EXPECT_TRUE(closed("''"));
  EXPECT_TRUE(closed("'it''s'"));
  EXPECT_TRUE(closed("plain"));
  EXPECT_TRUE(closed("x", 5));
  EXPECT_FALSE(closed("\""));
  EXPECT_FALSE(closed("\"a\\\""));
  EXPECT_FALSE(closed("\"a\\"));
  EXPECT_FALSE(closed("'"));
  EXPECT_FALSE(closed("'it''s"));
  EXPECT_FALSE(closed("'''"));
}

TEST(SourceText, finds_the_dash_of_an_empty_item) {
  const auto found = [](std::string_view text) {
    return SourceText("f", text).empty_item(text.size());
  };
  EXPECT_EQ(found("- a\n-\n"), 4u);
  EXPECT_EQ(found("- a\n-   # - not this one\n\n  # nor - this -\n"), 4u);
  EXPECT_EQ(found("[a,"), 2u);
  EXPECT_EQ(found("a: b\n"), 5u) << "no dash at all";
  EXPECT_EQ(found(""), 0u);
}

TEST(Diagnostics, show_the_line_with_a_mark_and_the_remedy) {
  SourceText source("f.yaml", "egress:\tdenyy\n");
  const auto diagnostic =
      source.diagnose(source.place_of_offset(8), "egress", "wrong", "do this", "deny");
  EXPECT_EQ(diagnostic.format(),
            "f.yaml:1:9: wrong; did you mean \"deny\"?\n"
            "     1 | egress:\tdenyy\n"
            "       |        \t^\n"
            "  remedy: do this\n");
}

TEST(Diagnostics, cut_long_lines_around_the_mistake) {
  std::string line(500, 'x');
  line.append("HERE").append(500, 'y');
  SourceText source("f.yaml", line);
  const auto text = source.diagnose(source.place_of_offset(500), "", "wrong").format();
  EXPECT_LT(text.size(), 300u);
  // The mark stands under the H.
  const auto row = text.find(" | ") + 3;
  const auto mark_row = text.find(" | ", row) + 3;
  EXPECT_EQ(text.find("HERE") - row, text.find('^') - mark_row);
}

TEST(Diagnostics, print_nothing_that_a_terminal_would_obey) {
  EXPECT_EQ(in_quotes("a\x1b[31m\n\t\x7f\xff\xc2\x85z"),
            "\"a\\x1b[31m\\n\\t\\x7f\\xff\\xc2\\x85z\"");
  EXPECT_EQ(in_quotes(std::string(100, 'a')).size(), 60u + 5u);

  // A line that is no text is shown beside its own diagnostic.
  const auto raw = load_settings("f.yaml", "a\x7f\x1b[31m\xff\xc2\x85", "");
  EXPECT_NE(raw.format().find("1 | a??[31m??\n"), std::string::npos) << raw.format();
  // Names can hold what escapes make of them, and stand in paths.
  const auto named = load_settings("f.yaml", R"(roles: { "a\e[31mb": [ { x: 1 } ] })", "");
  EXPECT_EQ(named.format().find('\x1b'), std::string::npos);
  EXPECT_NE(named.format().find("roles.a\\x1b[31mb[0]: unknown key"), std::string::npos)
      << named.format();
}

}  // namespace
}  // namespace epaulet::config
