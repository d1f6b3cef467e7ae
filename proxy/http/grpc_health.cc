#include "http/grpc_health.h"

#include <fmt/format.h>

namespace epaulet::http {
namespace {

constexpr std::size_t kPrefixBytes = 5;  // Compressed or not, then the length, big-endian.

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

std::optional<std::uint64_t> take_varint(std::string_view& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

/// Passes over a value of this wire type; false if there is none.
bool skip(std::string_view& in, std::uint64_t wire_type) {
  std::uint64_t bytes = 0;
  switch (wire_type) {
    case 0:
      return take_varint(in).has_value();
    case 1:
      bytes = 8;
      break;
    case 2: {
      const auto length = take_varint(in);
      if (!length) return false;
      bytes = *length;
      break;
    }
    case 5:
      bytes = 4;
      break;
    default:
      return false;  // Groups: nobody writes them any more.
  }
  if (bytes > in.size()) return false;
  in.remove_prefix(static_cast<std::size_t>(bytes));
  return true;
}

ServingStatus status_of(std::uint64_t value) {
  switch (value) {
    case 1:
      return ServingStatus::serving;
    case 2:
      return ServingStatus::not_serving;
    case 3:
      return ServingStatus::service_unknown;
    default:
      return ServingStatus::unknown;
  }
}

}  // namespace

std::string grpc_health_request(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message += '\x0a';  // Field 1, with a length.
    append_varint(message, service.size());
    message += service;
  }
  std::string body(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    body += static_cast<char>(message.size() >> shift & 0xff);
  return body + message;
}

std::optional<ServingStatus> grpc_health_answer(std::string_view body) {
  if (body.size() < kPrefixBytes || body.front() != '\0') return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 1; i < kPrefixBytes; ++i)
    length = length << 8 | static_cast<unsigned char>(body[i]);
  body.remove_prefix(kPrefixBytes);
  if (length != body.size()) return std::nullopt;
  auto status = ServingStatus::unknown;
  while (!body.empty()) {
    const auto key = take_varint(body);
    if (!key) return std::nullopt;
    if (*key != 0x08) {  // Not field 1, a number.
      if (*key >> 3 == 0 || !skip(body, *key & 7)) return std::nullopt;
      continue;
    }
    const auto value = take_varint(body);
    if (!value) return std::nullopt;
    status = status_of(*value);
  }
  return status;
}

HealthWord judge_grpc_health(std::uint16_t http_status, std::optional<std::uint8_t> grpc_status,
                             std::string_view body, std::string_view service) {
  constexpr std::uint8_t kNotFound = 5;
  constexpr std::uint8_t kUnimplemented = 12;
  HealthWord word;
  if (http_status != 200 || !grpc_status) {
    word.text = fmt::format("answered {}, which is no answer of gRPC", http_status);
  } else if (*grpc_status == kUnimplemented) {
    word.text = "has no grpc.health.v1.Health (UNIMPLEMENTED)";
  } else if (*grpc_status == kNotFound) {
    word.text = fmt::format("knows nothing of the service {} (NOT_FOUND)", service);
  } else if (*grpc_status != 0) {
    word.text = fmt::format("answered with gRPC status {}", *grpc_status);
  } else if (const auto answer = grpc_health_answer(body); !answer) {
    word.text = "answered with something else than a HealthCheckResponse";
  } else {
    word.serving = *answer == ServingStatus::serving;
    word.text = fmt::format("says {}", name_of(*answer));
  }
  return word;
}

std::string_view name_of(ServingStatus status) {
  switch (status) {
    case ServingStatus::unknown:
      return "UNKNOWN";
    case ServingStatus::serving:
      return "SERVING";
    case ServingStatus::not_serving:
      return "NOT_SERVING";
    case ServingStatus::service_unknown:
      return "SERVICE_UNKNOWN";
  }
  return "UNKNOWN";
}

}  // namespace epaulet::http
