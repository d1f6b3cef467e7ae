#include "config/nearest_word.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace epaulet::config {
namespace {

constexpr std::string_view kWords[] = {"timeouts", "retries", "limits", "tls", "to", "a", "log"};

TEST(NearestWord, finds_slips_of_the_finger) {
  EXPECT_EQ(nearest_word("timeout", kWords), "timeouts");
  EXPECT_EQ(nearest_word("tiemouts", kWords), "timeouts") << "a swap is one edit";
  EXPECT_EQ(nearest_word("TIMEOUTS", kWords), "timeouts");
  EXPECT_EQ(nearest_word("lmits", kWords), "limits");
  EXPECT_EQ(nearest_word("tsl", kWords), "tls");
  EXPECT_EQ(nearest_word("retry", kWords), "retries") << "a common beginning";
}

TEST(NearestWord, offers_nothing_that_is_far_away) {
  EXPECT_EQ(nearest_word("colour", kWords), "");
  EXPECT_EQ(nearest_word("", kWords), "");
  EXPECT_EQ(nearest_word("x", kWords), "") << "one letter is not a slip for another";
  EXPECT_EQ(nearest_word(std::string(10'000, 't'), kWords), "");
  EXPECT_EQ(nearest_word("limits", {}), "");
}

/// The definition, without any cleverness.
std::size_t naive(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

TEST(NearestWord, distance_agrees_with_its_definition) {
  std::mt19937 random(7);
  for (int i = 0; i < 3'000; ++i) {
    std::string a(random() % 8, 'a');
    std::string b(random() % 8, 'a');
    for (char& c : a) c = static_cast<char>('a' + random() % 3);
    for (char& c : b) c = static_cast<char>('a' + random() % 3);
    const std::size_t most = random() % 8;
    EXPECT_EQ(edit_distance(a, b, most), std::min(naive(a, b), most + 1)) << a << " " << b;
  }
}

}  // namespace
}  // namespace epaulet::config
