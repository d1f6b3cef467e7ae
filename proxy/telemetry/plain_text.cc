#include "telemetry/plain_text.h"

#include <arpa/inet.h>

#include <charconv>
#include <chrono>

namespace epaulet::telemetry {
namespace {

/// `digits` decimal digits, with leading zeros.
char* put_digits(char* out, std::uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return out + digits;
}

}  // namespace

TimeText::TimeText(WallTime time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const auto in_day = floor<microseconds>(time - day).count();
  const auto seconds_in_day = static_cast<std::uint64_t>(in_day / 1'000'000);
  // Years beyond four digits do not occur: the clock counts nanoseconds and ends in 2262.
  char* out = put_digits(text_.data(), static_cast<std::uint64_t>(int{date.year()}), 4);
  *out++ = '-';
  out = put_digits(out, unsigned{date.month()}, 2);
  *out++ = '-';
  out = put_digits(out, unsigned{date.day()}, 2);
  *out++ = 'T';
  out = put_digits(out, seconds_in_day / 3600, 2);
  *out++ = ':';
  out = put_digits(out, seconds_in_day / 60 % 60, 2);
  *out++ = ':';
  out = put_digits(out, seconds_in_day % 60, 2);
  *out++ = '.';
  out = put_digits(out, static_cast<std::uint64_t>(in_day % 1'000'000), 6);
  *out = 'Z';
}

AddressText::AddressText(const SocketAddress& address) {
  char* out = text_.data();
  char* const end = out + text_.size();
  const auto& bytes = address.ip.bytes();
  if (address.ip.is_v4()) {
    for (std::size_t i = 0; i < 4; ++i) {
      if (i > 0) *out++ = '.';
      out = std::to_chars(out, end, bytes[i]).ptr;
    }
  } else {
    *out++ = '[';
    ::inet_ntop(AF_INET6, bytes.data(), out, INET6_ADDRSTRLEN);
    while (*out != '\0') ++out;
    *out++ = ']';
  }
  *out++ = ':';
  out = std::to_chars(out, end, address.port).ptr;
  size_ = static_cast<std::size_t>(out - text_.data());
}

}  // namespace epaulet::telemetry
