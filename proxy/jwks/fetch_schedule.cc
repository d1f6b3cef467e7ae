#include "jwks/fetch_schedule.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "base/backoff.h"
#include "base/limits.h"

namespace epaulet::jwks {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::chrono::nanoseconds shortened(std::chrono::nanoseconds most, double share) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double, std::nano>(most) * share);
}

}  // namespace

void FetchSchedule::demand(TimePoint now) {
  if (failures_ > 0) return;
  const auto earliest = begun_ ? std::max(now, *begun_ + limits::kJwksDemandEvery) : now;
  next_ = std::min(next_, earliest);
}

void FetchSchedule::succeed(TimePoint now, std::optional<std::chrono::seconds> max_age,
                            double chance) {
  failures_ = 0;
  auto fresh = refresh_;
  if (max_age) {
    // Whatever it says: who forbids to keep keys forbids to check tokens.
    constexpr std::chrono::nanoseconds kLeast = kFreshAtLeast;
    fresh = std::clamp<std::chrono::nanoseconds>(*max_age, std::min(kLeast, refresh_), refresh_);
  }
  next_ = now + shortened(fresh, 0.9 + 0.1 * chance);
}

void FetchSchedule::fail(TimePoint now, double chance) {
  ++failures_;
  next_ = now + backoff(failures_, limits::kJwksBackoffMax, chance);
}

std::optional<std::chrono::seconds> max_age_in(std::string_view cache_control) {
  constexpr std::string_view kMaxAge = "max-age=";
  constexpr std::uint64_t kMost = 365 * 24 * 3600;
  std::optional<std::chrono::seconds> found;
  while (!cache_control.empty()) {
    const auto comma = std::min(cache_control.find(','), cache_control.size());
    const auto directive = trimmed(cache_control.substr(0, comma));
    cache_control.remove_prefix(std::min(comma + 1, cache_control.size()));
    if (equals_ignore_case(directive, "no-store") || equals_ignore_case(directive, "no-cache"))
      return std::chrono::seconds(0);
    if (directive.size() <= kMaxAge.size() ||
        !equals_ignore_case(directive.substr(0, kMaxAge.size()), kMaxAge))
      continue;
    auto digits = directive.substr(kMaxAge.size());
    // RFC 9111 section 4.2.1 lets it be quoted.
    if (digits.size() > 2 && digits.front() == '"' && digits.back() == '"')
      digits = digits.substr(1, digits.size() - 2);
    std::uint64_t seconds = 0;
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (stop != digits.data() + digits.size()) continue;
    if (error == std::errc::result_out_of_range) seconds = kMost;
    const std::chrono::seconds age(std::min(seconds, kMost));
    found = found ? std::min(*found, age) : age;
  }
  return found;
}

}  // namespace epaulet::jwks
