#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "config/scalar.h"

/// Numbers with units, without any range: scalar.cc knows those.
namespace epaulet::config {

/// "10s", "1m30s", "0.5s", "0": nanoseconds. Units ns, us, ms, s, m, h; as in Kubernetes' GEP-2257,
/// several parts add up. Finer than a nanosecond is refused.
[[nodiscard]] std::variant<std::int64_t, Complaint> read_duration(std::string_view text);
[[nodiscard]] std::string write_duration(std::int64_t nanoseconds);

/// "20%" or "0.2": 0..1.
[[nodiscard]] std::variant<double, Complaint> read_share(std::string_view text);

/// "512B", "64KiB", "1MiB", "2GiB": bytes.
[[nodiscard]] std::variant<std::int64_t, Complaint> read_size(std::string_view text);
[[nodiscard]] std::string write_size(std::int64_t bytes);

/// Digits with at most one point, no sign, no exponent.
[[nodiscard]] std::optional<double> read_decimal(std::string_view text);
/// The shortest text that read_decimal() turns into the same number.
[[nodiscard]] std::string write_decimal(double value);

}  // namespace epaulet::config
