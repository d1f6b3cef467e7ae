#include "base/line_splitter.h"

#include <gtest/gtest.h>

namespace epaulet {
namespace {

TEST(LineSplitter, gives_whole_lines_however_they_are_cut) {
  const std::string text = "one\ntwo\n\nthree\nrest";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    LineSplitter splitter(10);
    std::string seen;
    for (std::size_t at = 0; at < text.size(); at += size) {
      ASSERT_TRUE(
          splitter.take(std::string_view(text).substr(at, size), [&](std::string_view line) {
            seen += "[" + std::string(line) + "]";
            return true;
          }));
    }
    EXPECT_EQ(seen, "[one][two][][three]") << size;
  }
}

TEST(LineSplitter, a_line_without_end_is_refused) {
  LineSplitter splitter(4);
  const auto all = [](std::string_view) { return true; };
  EXPECT_TRUE(splitter.take("1234", all));
  EXPECT_FALSE(splitter.take("5", all));
}

}  // namespace
}  // namespace epaulet
