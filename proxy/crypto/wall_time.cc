#include "crypto/wall_time.h"

#include <fmt/format.h>
#include <openssl/asn1.h>

#include <array>
#include <ctime>
#include <utility>

namespace epaulet {

std::string rfc3339(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t raw = seconds.time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&raw, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string span_text(std::chrono::nanoseconds span) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  if (seconds < 0) seconds = -seconds;
  constexpr std::array<std::pair<long, const char*>, 4> kUnits{
      {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}};
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    const auto [size, name] = kUnits[i];
    if (seconds < size) continue;
    auto text = fmt::format("{} {}", seconds / size, name);
    const auto rest = seconds % size;
    if (i + 1 < kUnits.size() && rest >= kUnits[i + 1].first) {
      text += fmt::format(" {} {}", rest / kUnits[i + 1].first, kUnits[i + 1].second);
    }
    return text;
  }
  return "0 s";
}

std::optional<WallTime> from_asn1(const asn1_string_st* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  const auto seconds = std::chrono::seconds(timegm(&parts));
  constexpr auto kMax =
      std::chrono::floor<std::chrono::seconds>(WallTime::max().time_since_epoch());
  constexpr auto kMin = std::chrono::ceil<std::chrono::seconds>(WallTime::min().time_since_epoch());
  if (seconds >= kMax) return WallTime(kMax);
  if (seconds <= kMin) return WallTime(kMin);
  return WallTime(seconds);
}

}  // namespace epaulet
