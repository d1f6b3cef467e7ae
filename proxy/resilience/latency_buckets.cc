#include "resilience/latency_buckets.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace epaulet::resilience {

using std::chrono::nanoseconds;

std::size_t LatencyBuckets::index_of(nanoseconds latency) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count() / 1000, 1));
  const auto octave = static_cast<std::size_t>(std::bit_width(us)) - 1;
  // The three bits behind the first one say where in its octave it is.
  const auto part = octave >= 3 ? (us >> (octave - 3)) & 7 : (us << (3 - octave)) & 7;
  return std::min(octave * kPerOctave + static_cast<std::size_t>(part), kBuckets - 1);
}

LatencyBuckets::Counts LatencyBuckets::take(Keep keep) {
  Counts counts{};
  for (std::size_t i = 0; i < kBuckets; ++i) {
    auto& bucket = buckets_[i];
    counts[i] = bucket.load(std::memory_order_relaxed);
    // Not a store: others count meanwhile.
    const auto kept = keep == Keep::none ? 0 : counts[i] / 2;
    if (counts[i] != kept) bucket.fetch_sub(counts[i] - kept, std::memory_order_relaxed);
  }
  return counts;
}

nanoseconds quantile_of(const LatencyBuckets::Counts& counts, double share) {
  const auto all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  double rank = static_cast<double>(all) * share;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double here = counts[i];
    if (counts[i] == 0 || here < rank) {
      rank -= here;
      continue;
    }
    const double octave =
        static_cast<double>(1ull << (i / LatencyBuckets::kPerOctave)) * 1000;  // Nanoseconds.
    const double width = octave / LatencyBuckets::kPerOctave;
    const double begin = octave + static_cast<double>(i % LatencyBuckets::kPerOctave) * width;
    return nanoseconds(static_cast<std::int64_t>(begin + width * rank / here));
  }
  return nanoseconds(0);
}

}  // namespace epaulet::resilience
