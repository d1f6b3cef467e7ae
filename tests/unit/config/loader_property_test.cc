#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "config/loader.h"
#include "config/settings_json.h"

namespace epaulet {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What is true of every answer, whatever the text.
void expect_sound(const std::string& text, const LoadResult& result) {
  ASSERT_NE(result.ok(), !result.diagnostics.empty());
  const auto lines = static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n') + 1);
  for (const auto& diagnostic : result.diagnostics) {
    EXPECT_FALSE(diagnostic.message.empty());
    EXPECT_LE(diagnostic.origin.line, lines);
    EXPECT_EQ(diagnostic.origin.line == 0, diagnostic.origin.column == 0);
    for (const char c : diagnostic.format()) {
      EXPECT_TRUE(c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20);
    }
  }
  if (!result.ok()) return;
  const auto dump = settings_to_json(*result.settings);
  const auto again = load_settings("dump.json", dump, "/");
  ASSERT_TRUE(again.ok()) << again.format() << dump;
  EXPECT_EQ(settings_to_json(*again.settings), dump);
}

class Mutation {
 public:
  explicit Mutation(std::uint64_t seed) : random_(seed) {}

  std::string of(std::string text) {
    for (auto times = 1 + pick(3); times > 0; --times) mutate(text);
    return text;
  }

 private:
  std::size_t pick(std::size_t below) { return below == 0 ? 0 : random_() % below; }

  void mutate(std::string& text) {
    static constexpr std::string_view kWords[] = {
        "",     "{",    "}",   "[",     "]",    "-",         "- ",      ":",  ": ",  ",",
        "#",    "\n",   "\t",  "&a",    "*a",   "<<:",       "!!x",     "|",  ">",   "'",
        "\"",   "\\",   "~",   "null",  "true", "0",         "-1",      "1s", "20%", "/**",
        "\xff", "\x04", "---", "99999", "? ",   "\r\n",      "http",    "a",  "{}",  "[]",
        "1e9",  "%",    "..",  "*.x",   "@",    "spiffe://", "\xc3\xa9"};
    const auto at = pick(text.size());
    const auto length = std::min(pick(12), text.size() - at);
    switch (pick(6)) {
      case 0:  // One byte.
        if (!text.empty()) text[at] = static_cast<char>(random_());
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, kWords[pick(std::size(kWords))]);
        break;
      case 3:
        text.replace(at, length, kWords[pick(std::size(kWords))]);
        break;
      case 4: {  // A line twice, or in another place.
        const auto line = line_at(text, at);
        text.insert(line_start(text, pick(text.size())), line);
        break;
      }
      case 5:  // A line less.
        text.erase(line_start(text, at), line_at(text, at).size());
        break;
    }
  }

  static std::size_t line_start(const std::string& text, std::size_t at) {
    const auto newline = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
    return newline == std::string::npos ? 0 : newline + 1;
  }
  static std::string line_at(const std::string& text, std::size_t at) {
    const auto start = line_start(text, at);
    const auto end = text.find('\n', start);
    return text.substr(start, end == std::string::npos ? end : end + 1 - start);
  }

  std::mt19937_64 random_;
};

TEST(LoaderProperty, any_mutation_of_the_full_example_gives_settings_or_errors) {
  const std::string full = read(EPAULET_SOURCE_DIR "/config/examples/full.yaml");
  ASSERT_FALSE(full.empty());
  std::size_t accepted = 0;
  for (std::uint64_t seed = 1; seed <= 1'500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::string text = Mutation(seed).of(full);
    const auto result = load_settings("f.yaml", text, "/");
    accepted += result.ok() ? 1 : 0;
    expect_sound(text, result);
    if (HasFatalFailure()) return;
  }
  // Both answers must occur, or the mutations prove nothing.
  EXPECT_GT(accepted, 100u);
  EXPECT_LT(accepted, 1'400u);
}

TEST(LoaderProperty, every_beginning_of_the_minimal_example_gives_settings_or_errors) {
  const std::string minimal = read(EPAULET_SOURCE_DIR "/config/examples/minimal.yaml");
  ASSERT_FALSE(minimal.empty());
  for (std::size_t size = 0; size <= minimal.size(); ++size) {
    SCOPED_TRACE("the first " + std::to_string(size) + " bytes");
    const auto text = minimal.substr(0, size);
    expect_sound(text, load_settings("f.yaml", text, "/"));
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace epaulet
