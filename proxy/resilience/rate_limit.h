#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "config/settings.h"
#include "runtime/clock.h"

namespace epaulet::resilience {

/// So many requests in so much time: a token bucket for all callers, or one for each key.
///
/// A bucket is one number, when it will be full again (the "theoretical arrival time" of the GCRA,
/// ITU-T I.371), so that nothing has to be refilled. Buckets of keys stand in a table of fixed
/// size, of `keys` or a few more, in sets of eight: where all eight of a key's set are taken, the
/// fullest bucket makes room, which loses nothing if it was full. One for all workers, outside
/// snapshots; atomics, no lock: where two workers race for one place, a request more may pass.
class RateLimit {
 public:
  using Time = std::chrono::nanoseconds;
  struct Rules {
    explicit Rules(const RateLimitSettings& settings);
    std::uint32_t requests;
    Time per;
    std::uint32_t burst;  ///< At most as many as cost 146 years.
    std::uint32_t keys;   ///< 0: one bucket for all.
  };

  explicit RateLimit(const Rules& rules);

  struct Verdict {
    bool allowed = false;
    std::uint32_t limit = 0;      ///< A full bucket.
    std::uint32_t remaining = 0;  ///< What is left in it.
    Time full_in{0};              ///< Until it is full again.
    Time retry_in{0};             ///< Refused: until one more is allowed.
  };
  /// One request of this key; any key where there is one bucket.
  Verdict take(std::uint64_t key, TimePoint now);
  /// What take() has allowed was refused elsewhere.
  void give_back(std::uint64_t key);

  [[nodiscard]] const Rules& rules() const { return rules_; }
  struct Totals {
    std::uint64_t allowed = 0;
    std::uint64_t refused = 0;
    std::uint64_t evicted = 0;  ///< Buckets that were not full and made room for others.
  };
  [[nodiscard]] Totals totals() const;

 private:
  struct Bucket {
    std::atomic<std::uint64_t> key{0};
    std::atomic<std::int64_t> full_at{0};
  };
  [[nodiscard]] Bucket& bucket_of(std::uint64_t key, std::int64_t now);

  const Rules rules_;
  const std::int64_t each_;   ///< Nanoseconds that one request costs.
  const std::int64_t depth_;  ///< Nanoseconds that an empty bucket needs to be full.
  std::size_t sets_ = 0;
  std::unique_ptr<Bucket[]> buckets_;
  std::atomic<std::uint64_t> allowed_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> evicted_{0};
};

}  // namespace epaulet::resilience
