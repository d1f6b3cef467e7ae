#include "base/line_splitter.h"

#include <gtest/gtest.h>

namespace epaulet {
namespace {

/// What it gives, each line in brackets, of a text that comes in pieces of so many bytes.
std::string lines_of(LineSplitter& splitter, std::string_view text, std::size_t size) {
  std::string seen;
  for (std::size_t at = 0; at < text.size(); at += size) {
    EXPECT_TRUE(splitter.take(text.substr(at, size), [&](std::string_view line) {
      seen += "[" + std::string(line) + "]";
      return true;
    }));
  }
  return seen;
}

TEST(LineSplitter, gives_whole_lines_however_they_are_cut) {
  const std::string text = "one\ntwo\n\nthree\nrest";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    LineSplitter splitter(10);
    EXPECT_EQ(lines_of(splitter, text, size), "[one][two][][three]") << size;
  }
}

TEST(LineSplitter, a_line_without_end_is_refused) {
  LineSplitter splitter(4);
  const auto all = [](std::string_view) { return true; };
  EXPECT_TRUE(splitter.take("1234", all));
  EXPECT_FALSE(splitter.take("5", all));
}

TEST(LineSplitter, a_line_that_is_too_long_is_passed_over_where_that_is_wanted) {
  const std::string text = "one\ntoo long\ntwo\nlonger still\n1234\n";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    LineSplitter splitter(4, LineSplitter::TooLong::is_passed_over);
    EXPECT_EQ(lines_of(splitter, text, size), "[one][two][1234]") << size;
    EXPECT_EQ(splitter.passed_over(), 2u) << size;
    EXPECT_TRUE(std::string_view("longer still").starts_with(splitter.head())) << splitter.head();
    EXPECT_GE(splitter.head().size(), 5u) << size;
  }
}

TEST(LineSplitter, keeps_no_more_of_a_line_without_end_than_how_it_begins) {
  LineSplitter splitter(1000, LineSplitter::TooLong::is_passed_over);
  const auto none = [](std::string_view) { return false; };
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(splitter.take(std::string(900, 'x'), none));
  EXPECT_EQ(splitter.head(), std::string(LineSplitter::kHeadBytes, 'x'));
  EXPECT_EQ(splitter.passed_over(), 0u) << "not before its end";
}

}  // namespace
}  // namespace epaulet
