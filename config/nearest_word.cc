#include "config/nearest_word.h"

#include <algorithm>

#include "base/ascii.h"

namespace epaulet::config {
namespace {

constexpr std::size_t kWordBytesMax = 128;  ///< Longer ones are no slip of the finger.
constexpr std::size_t kCommonPrefixMin = 4;

bool share_a_beginning(std::string_view a, std::string_view b) {
  const auto shorter = std::min(a.size(), b.size());
  const auto longer = std::max(a.size(), b.size());
  const auto end =
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(shorter), b.begin());
  const auto common = static_cast<std::size_t>(end.first - a.begin());
  return common >= kCommonPrefixMin && common * 2 >= longer;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > most) return most + 1;
  // Three rows of the classic table: the swap of neighbours looks two rows back.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return std::min(above[b.size()], most + 1);
}

std::string nearest_word(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.empty() || word.size() > kWordBytesMax) return {};
  const std::string wanted = lower(word);
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto candidate : candidates) {
    const std::string offered = lower(candidate);
    if (wanted.size() == 1 && offered.size() == 1 && wanted != offered) continue;
    const auto distance = edit_distance(wanted, offered, best_distance);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  if (!best.empty()) return std::string(best);
  for (const auto candidate : candidates) {
    if (share_a_beginning(wanted, lower(candidate))) return std::string(candidate);
  }
  return {};
}

}  // namespace epaulet::config
