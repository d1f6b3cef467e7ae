#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/address.h"
#include "runtime/clock.h"

namespace epaulet::certs {

/// So many a second from each source, with a burst: a token bucket for each address (of IPv6, for
/// each /64, which is what one host has). Bounded: when the table is full of sources that are at
/// it, all new ones share one bucket.
class RateLimit {
 public:
  struct Rate {
    double per_second = 10;
    double burst = 40;
  };
  static constexpr std::size_t kSourcesMax = 4096;

  explicit RateLimit(Rate rate, std::size_t sources_max = kSourcesMax)
      : rate_(rate), sources_max_(sources_max) {}

  [[nodiscard]] bool admit(const IpAddress& source, TimePoint now);
  [[nodiscard]] std::size_t sources() const { return buckets_.size(); }

 private:
  struct Bucket {
    double left;
    TimePoint at;
  };
  [[nodiscard]] bool take(Bucket& bucket, TimePoint now) const;
  [[nodiscard]] double left(const Bucket& bucket, TimePoint now) const;

  Rate rate_;
  std::size_t sources_max_;
  std::unordered_map<std::uint64_t, Bucket> buckets_;
  Bucket others_{0, {}};
};

}  // namespace epaulet::certs
