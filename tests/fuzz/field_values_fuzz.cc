// Fields that decide how long something takes or is kept: each line of the input is the value of
// one of them. A time is what a naive reader makes of it, or none, and never beyond its bound.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "http/cache_control.h"
#include "http/deadline.h"
#include "http/grpc.h"
#include "http/http1/head_parser.h"
#include "http/retry_after.h"

namespace {

using namespace epaulet;

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// grpc-timeout, in nanoseconds; -1: malformed.
long double naive_timeout(std::string_view value) {
  constexpr std::string_view kUnits = "HMSmun";
  constexpr long double kLengths[] = {3600e9L, 60e9L, 1e9L, 1e6L, 1e3L, 1};
  if (value.size() < 2 || value.size() > 9) return -1;
  const auto unit = kUnits.find(value.back());
  if (unit == std::string_view::npos) return -1;
  long double number = 0;
  for (const char c : value.substr(0, value.size() - 1)) {
    if (c < '0' || c > '9') return -1;
    number = number * 10 + (c - '0');
  }
  return std::min(number * kLengths[unit], 24 * 3600e9L);
}

void check_request(std::string_view timeout, std::string_view deadline) {
  std::string text = "POST /s/m HTTP/1.1\r\nHost: h\r\ncontent-type: application/grpc\r\n";
  text.append("grpc-timeout: ").append(timeout).append("\r\nx-epaulet-deadline: ");
  text.append(deadline).append("\r\n\r\n");
  http::RequestHead head;
  if (!http::http1::parse_request_head(std::as_bytes(std::span(text)), http::http1::HeadLimits(),
                                       head))
    return;
  const auto* field = head.find("grpc-timeout");
  const auto found = http::grpc_timeout(head);
  const auto expected = field == nullptr ? -1 : naive_timeout(field->value);
  EPAULET_ASSERT(found.has_value() == (expected >= 0));
  if (found) EPAULET_ASSERT(static_cast<long double>(found->count()) == expected);
  const auto left = http::deadline_in(head);
  if (left) EPAULET_ASSERT(left->count() >= 0);
}

void check_response(std::string_view retry, std::string_view cached, std::string_view status) {
  std::string text = "HTTP/1.1 503 x\r\ncontent-type: application/grpc\r\nretry-after: ";
  text.append(retry).append("\r\ncache-control: ").append(cached);
  text.append("\r\ngrpc-status: ").append(status).append("\r\n\r\n");
  http::ResponseHead head;
  if (!http::http1::parse_response_head(std::as_bytes(std::span(text)), http::http1::HeadLimits(),
                                        http::Method::post, head))
    return;
  const auto pause = http::retry_after(head, kNow);
  if (pause) EPAULET_ASSERT(pause->count() >= 0 && *pause <= http::kRetryAfterMax);
  const auto kept = http::cache_control_of(head);
  for (const auto& age : {kept.max_age, kept.s_maxage, kept.stale_if_error})
    if (age) EPAULET_ASSERT(age->count() >= 0 && *age <= http::kLongestAge);
  EPAULET_ASSERT(http::grpc_status(head).value_or(0) <= 16);
}

/// A message arrives as it was, and is a field's value on its way.
void check_message(std::string_view text) {
  const auto encoded = http::grpc_message(text);
  std::string decoded;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    EPAULET_ASSERT(encoded[i] >= ' ' && encoded[i] <= '~');
    if (encoded[i] != '%') {
      decoded += encoded[i];
      continue;
    }
    EPAULET_ASSERT(i + 2 < encoded.size());
    decoded += static_cast<char>(std::stoi(encoded.substr(i + 1, 2), nullptr, 16));
    i += 2;
  }
  EPAULET_ASSERT(decoded == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  check_message(text);
  const auto in_trailers = http::grpc_status(text);
  EPAULET_ASSERT(in_trailers.value_or(0) <= 16);
  const auto first = take_line(text);
  const auto second = take_line(text);
  check_request(first, second);
  check_response(first, second, text.substr(0, text.find('\n')));
  return 0;
}
