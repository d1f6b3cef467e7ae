// Rows of texts with one mistake each, shared by the loader's error tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

namespace epaulet {

/// A text with one mistake. `@@` stands where the diagnostic must point and is not part of it.
struct Mistake {
  const char* name;
  std::string_view marked_text;
  std::string_view message;
  std::string_view did_you_mean = "";
  std::string_view remedy_part = "";
};

inline void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

struct Marked {
  std::string text;
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

/// Counts lines and columns on its own: the texts are ASCII.
inline Marked unmark(std::string_view marked) {
  Marked result;
  const auto at = marked.find("@@");
  for (const char c : marked.substr(0, at)) {
    result.column = c == '\n' ? 1 : result.column + 1;
    result.line += c == '\n' ? 1 : 0;
  }
  result.text = std::string(marked.substr(0, at)) + std::string(marked.substr(at + 2));
  return result;
}

/// What is asked of every row stands in loader_errors_test.cc.
class OneMistake : public testing::TestWithParam<Mistake> {};

inline std::string name_of_case(const testing::TestParamInfo<Mistake>& info) {
  return info.param.name;
}

#define MISTAKES(suite, ...) \
  INSTANTIATE_TEST_SUITE_P(suite, OneMistake, testing::Values(__VA_ARGS__), name_of_case)

}  // namespace epaulet
