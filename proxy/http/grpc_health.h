#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The health protocol of gRPC, as far as a client needs it
/// (https://github.com/grpc/grpc/blob/master/doc/health-checking.md): two messages with one field
/// each, so that no protobuf library is needed.
namespace epaulet::http {

inline constexpr std::string_view kGrpcHealthPath = "/grpc.health.v1.Health/Check";

enum class ServingStatus : std::uint8_t { unknown, serving, not_serving, service_unknown };

/// The body of the request, with gRPC's prefix. `service` "": the server as a whole.
[[nodiscard]] std::string grpc_health_request(std::string_view service);

/// What the body of the answer says, prefix included. Nothing: it is no such answer, or longer than
/// one can be. Fields that we do not know are passed over, as newer servers may have them.
[[nodiscard]] std::optional<ServingStatus> grpc_health_answer(std::string_view body);

[[nodiscard]] std::string_view name_of(ServingStatus status);

/// What an answer means, and a word about it for people.
struct HealthWord {
  bool serving = false;
  std::string text;
};

/// `http_status` and `grpc_status` of the response, and its body. `service`: that was asked for.
[[nodiscard]] HealthWord judge_grpc_health(std::uint16_t http_status,
                                           std::optional<std::uint8_t> grpc_status,
                                           std::string_view body, std::string_view service);

}  // namespace epaulet::http
