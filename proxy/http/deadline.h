#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string_view>

#include "http/message.h"

namespace epaulet::http {

/// What is left of the time for a request, from hop to hop: whole milliseconds, in a field of our
/// own between sidecars, and in gRPC's own between everybody.
inline constexpr std::string_view kDeadlineField = "x-epaulet-deadline";

/// 24 h if it is more; nothing if there is none, or if it is malformed.
[[nodiscard]] std::optional<std::chrono::nanoseconds> deadline_in(const RequestHead& head);

/// The text of a time, for either field.
class DeadlineText {
 public:
  /// `left`: rounded up, so that the next hop does not give up before us; at least 1 ms.
  explicit DeadlineText(std::chrono::nanoseconds left);
  /// "1500"
  [[nodiscard]] std::string_view milliseconds() const { return {text_.data(), digits_}; }
  /// "1500m": eight digits at most.
  [[nodiscard]] std::string_view grpc() const { return {text_.data(), digits_ + 1}; }

 private:
  std::array<char, 12> text_{};
  std::size_t digits_ = 0;
};

}  // namespace epaulet::http
