#include "certs-tool/lifetime.h"

#include <fmt/format.h>

#include <charconv>

namespace epaulet::certs {
namespace {

constexpr long long kMaxSeconds = 100LL * 365 * 24 * 3600;

long long seconds_in(std::string_view unit) {
  if (unit == "s") return 1;
  if (unit == "m" || unit == "min") return 60;
  if (unit == "h") return 3600;
  if (unit == "d") return 24 * 3600;
  return 0;
}

}  // namespace

Checked<std::chrono::seconds> parse_lifetime(std::string_view text) {
  const auto refuse = [&](const char* why) {
    return Reason(fmt::format("`{}` is no lifetime: {}", text.substr(0, 40), why),
                  "write a whole number and a unit, for example 45m, 24h or 90d");
  };
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return refuse("it does not begin with a number");
  const auto unit = seconds_in(text.substr(static_cast<std::size_t>(end - text.data())));
  if (unit == 0) return refuse("its unit is none of s, m, h and d");
  if (number <= 0) return refuse("it is not positive");
  if (number > kMaxSeconds / unit) return refuse("it is longer than 100 years");
  return std::chrono::seconds(number * unit);
}

}  // namespace epaulet::certs
