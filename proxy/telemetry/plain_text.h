#pragma once

#include <array>
#include <string_view>

#include "base/address.h"
#include "runtime/clock.h"

/// Text of small values in memory of their own: what a line needs, without the heap.
namespace epaulet::telemetry {

/// "2026-11-22T15:44:54.123456Z" (RFC 3339). All have one length, so they sort as text.
class TimeText {
 public:
  explicit TimeText(WallTime time);
  [[nodiscard]] std::string_view view() const { return {text_.data(), text_.size()}; }

 private:
  std::array<char, 27> text_;
};

/// As SocketAddress::to_string().
class AddressText {
 public:
  explicit AddressText(const SocketAddress& address);
  [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 56> text_;
  std::size_t size_ = 0;
};

}  // namespace epaulet::telemetry
