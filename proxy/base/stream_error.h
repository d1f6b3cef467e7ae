#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

/// HTTP/2 error numbers (RFC 9113 section 7) as `Error::detail`, where they stand beside errnos: of
/// a stream that was reset, by whom Error::side says.
namespace epaulet {

inline constexpr std::int32_t kStreamErrorBase = 1 << 16;  // Above every errno.

/// 0 for a number that no RFC has, of which nothing is known to pass on.
[[nodiscard]] constexpr std::int32_t detail_of_stream_error(std::uint32_t number) {
  constexpr std::uint32_t kLast = 13;
  return number <= kLast ? kStreamErrorBase + static_cast<std::int32_t>(number) : 0;
}
[[nodiscard]] constexpr std::optional<std::uint32_t> stream_error_in(std::int32_t detail) {
  if (detail < kStreamErrorBase) return std::nullopt;
  return static_cast<std::uint32_t>(detail - kStreamErrorBase);
}

/// As the RFC spells it: "CANCEL".
[[nodiscard]] constexpr std::string_view name_of_stream_error(std::uint32_t number) {
  constexpr std::string_view kNames[] = {"NO_ERROR",
                                         "PROTOCOL_ERROR",
                                         "INTERNAL_ERROR",
                                         "FLOW_CONTROL_ERROR",
                                         "SETTINGS_TIMEOUT",
                                         "STREAM_CLOSED",
                                         "FRAME_SIZE_ERROR",
                                         "REFUSED_STREAM",
                                         "CANCEL",
                                         "COMPRESSION_ERROR",
                                         "CONNECT_ERROR",
                                         "ENHANCE_YOUR_CALM",
                                         "INADEQUATE_SECURITY",
                                         "HTTP_1_1_REQUIRED"};
  return number < std::size(kNames) ? kNames[number] : std::string_view("an unknown error");
}

}  // namespace epaulet
