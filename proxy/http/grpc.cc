#include "http/grpc.h"

#include <fmt/format.h>

#include <charconv>

#include "base/ascii.h"
#include "http/each_line.h"

namespace epaulet::http {
namespace {

constexpr std::string_view kStatus = "grpc-status";

std::uint8_t status_in(std::string_view text) {
  constexpr std::uint8_t kUnknown = 2;
  constexpr std::uint8_t kLast = 16;
  std::uint8_t status = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, status);
  return read.ec == std::errc{} && read.ptr == end && status <= kLast ? status : kUnknown;
}

}  // namespace

bool is_grpc(const Head& head) {
  constexpr std::string_view kType = "application/grpc";
  const Field* const type = head.find("content-type");
  if (type == nullptr || type->value.size() < kType.size()) return false;
  if (!equals_ignore_case(type->value.substr(0, kType.size()), kType)) return false;
  const auto rest = type->value.substr(kType.size());
  return rest.empty() || rest[0] == '+' || rest[0] == ';';  // Not grpc-web, which is no gRPC.
}

std::optional<std::chrono::nanoseconds> grpc_timeout(const RequestHead& head) {
  using namespace std::chrono;
  constexpr std::size_t kDigitsMax = 8;
  const Field* const field = head.find("grpc-timeout");
  if (field == nullptr || field->value.size() < 2 || field->value.size() > kDigitsMax + 1)
    return std::nullopt;
  const auto digits = field->value.substr(0, field->value.size() - 1);
  std::uint32_t number = 0;  // Which has no sign: "-0" is none.
  const auto* const end = digits.data() + digits.size();
  if (const auto read = std::from_chars(digits.data(), end, number);
      read.ec != std::errc{} || read.ptr != end) {
    return std::nullopt;
  }
  // No call waits for longer, and the nanoseconds of more hours would not fit.
  constexpr std::int64_t kLongest = nanoseconds(hours(24)).count();
  std::int64_t unit = 0;
  switch (field->value.back()) {
    case 'H':
      unit = nanoseconds(hours(1)).count();
      break;
    case 'M':
      unit = nanoseconds(minutes(1)).count();
      break;
    case 'S':
      unit = nanoseconds(seconds(1)).count();
      break;
    case 'm':
      unit = nanoseconds(milliseconds(1)).count();
      break;
    case 'u':
      unit = nanoseconds(microseconds(1)).count();
      break;
    case 'n':
      unit = 1;
      break;
    default:
      return std::nullopt;
  }
  return nanoseconds(number > kLongest / unit ? kLongest : number * unit);
}

std::optional<std::uint8_t> grpc_status(const ResponseHead& head) {
  const Field* const field = head.find(kStatus);
  if (field == nullptr) return std::nullopt;
  return status_in(field->value);
}

std::optional<std::uint8_t> grpc_status(std::string_view trailers) {
  std::optional<std::uint8_t> first;
  for_each_line(trailers, [&first](std::string_view line) {
    const auto colon = line.find(':');
    if (first || colon == std::string_view::npos) return;
    if (equals_ignore_case(line.substr(0, colon), kStatus))
      first = status_in(trim(line.substr(colon + 1)));
  });
  return first;
}

std::string grpc_message(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace epaulet::http
