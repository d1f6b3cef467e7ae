#pragma once

#include <chrono>
#include <optional>
#include <string>

struct asn1_string_st;

namespace epaulet {

/// Calendar time: the same type as in runtime/clock.h, which crypto/ may not include. Nobody here
/// reads a clock: `now` is always a parameter.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// "2026-11-22T14:53:07Z" (RFC 3339, whole seconds).
[[nodiscard]] std::string rfc3339(WallTime time);

/// "23 h 55 min", "9 d 4 h", "42 s", "0 s": the two largest units, for people. The sign is dropped.
[[nodiscard]] std::string span_text(std::chrono::nanoseconds span);

/// Nothing if the certificate's time is malformed. Times that do not fit (the year 9999 of RFC 5280
/// section 4.1.2.5, "no expiry") become the nearest that does, in 2262.
[[nodiscard]] std::optional<WallTime> from_asn1(const asn1_string_st* time);

}  // namespace epaulet
