#include "resilience/rate_limit.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace epaulet::resilience {
namespace {

constexpr std::size_t kWays = 8;  ///< Of a set: as many as one or two cache lines have.
constexpr auto kRelaxed = std::memory_order_relaxed;

/// 0 says that a bucket has no key.
std::uint64_t as_key(std::uint64_t key) {
  return key == 0 ? 1 : key;
}

/// A bucket that takes longer to fill than anything runs, as `per: 24h` and a large `burst` can
/// make it, is as deep as this: half of what can be counted, so that the time when it is full can
/// be counted too.
constexpr std::int64_t kDeepest = std::numeric_limits<std::int64_t>::max() / 2;

/// Nanoseconds that one request costs.
std::int64_t cost_of(RateLimit::Time per, std::uint32_t requests) {
  return std::max<std::int64_t>(per.count() / requests, 1);
}

/// So many of them as can be counted.
std::uint32_t countable(std::uint32_t burst, std::int64_t cost) {
  return static_cast<std::uint32_t>(std::min<std::int64_t>(burst, kDeepest / cost));
}

}  // namespace

RateLimit::Rules::Rules(const RateLimitSettings& settings)
    : requests(settings.requests),
      per(settings.per),
      burst(countable(settings.burst.value_or(settings.requests), cost_of(per, requests))),
      keys(settings.by ? settings.keys : 0) {}

RateLimit::RateLimit(const Rules& rules)
    : rules_(rules), each_(cost_of(rules.per, rules.requests)), depth_(each_ * rules.burst) {
  if (rules.keys == 0) {
    buckets_ = std::make_unique<Bucket[]>(1);
    return;
  }
  sets_ = std::bit_ceil((std::size_t{rules.keys} + kWays - 1) / kWays);
  buckets_ = std::make_unique<Bucket[]>(sets_ * kWays);
}

RateLimit::Bucket& RateLimit::bucket_of(std::uint64_t key, std::int64_t now) {
  if (sets_ == 0) return buckets_[0];
  Bucket* const set = &buckets_[((key >> 32) ^ key) % sets_ * kWays];
  for (std::size_t i = 0; i < kWays; ++i) {
    if (set[i].key.load(kRelaxed) == key) return set[i];
  }
  Bucket* fullest = set;
  for (std::size_t i = 0; i < kWays; ++i) {
    if (set[i].key.load(kRelaxed) == 0) {
      fullest = &set[i];
      break;
    }
    if (set[i].full_at.load(kRelaxed) < fullest->full_at.load(kRelaxed)) fullest = &set[i];
  }
  const bool was_used = fullest->key.exchange(key, kRelaxed) != 0;
  const auto full_at = fullest->full_at.exchange(now, kRelaxed);
  if (was_used && full_at > now) evicted_.fetch_add(1, kRelaxed);
  return *fullest;
}

RateLimit::Verdict RateLimit::take(std::uint64_t key, TimePoint at) {
  const std::int64_t now = at.time_since_epoch().count();
  auto& full_at = bucket_of(as_key(key), now).full_at;
  Verdict verdict;
  verdict.limit = rules_.burst;
  auto before = full_at.load(kRelaxed);
  for (;;) {
    const auto after = std::max(before, now) + each_;
    verdict.allowed = after - now <= depth_;
    if (!verdict.allowed) {
      verdict.full_in = Time(before - now);
      verdict.retry_in = Time(after - now - depth_);
      refused_.fetch_add(1, kRelaxed);
      return verdict;
    }
    if (!full_at.compare_exchange_weak(before, after, kRelaxed)) continue;
    verdict.full_in = Time(after - now);
    verdict.remaining = static_cast<std::uint32_t>((depth_ - (after - now)) / each_);
    allowed_.fetch_add(1, kRelaxed);
    return verdict;
  }
}

void RateLimit::give_back(std::uint64_t key) {
  key = as_key(key);
  Bucket* const set = sets_ == 0 ? &buckets_[0] : &buckets_[((key >> 32) ^ key) % sets_ * kWays];
  for (std::size_t i = 0; i < (sets_ == 0 ? 1 : kWays); ++i) {
    if (sets_ != 0 && set[i].key.load(kRelaxed) != key) continue;
    set[i].full_at.fetch_sub(each_, kRelaxed);
    allowed_.fetch_sub(1, kRelaxed);
    return;
  }
}

RateLimit::Totals RateLimit::totals() const {
  return {allowed_.load(kRelaxed), refused_.load(kRelaxed), evicted_.load(kRelaxed)};
}

}  // namespace epaulet::resilience
