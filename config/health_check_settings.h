#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"

/// `health_check` of a backend: its endpoints are asked, also while nobody else asks them.
namespace epaulet {

struct HttpCheckSettings {
  Origin origin;
  std::string path = "/";
  std::string host;                     ///< "": the backend's name.
  std::vector<std::uint16_t> statuses;  ///< That are well: 200 to 599, or a class by its digit.
};

struct GrpcCheckSettings {
  Origin origin;
  std::string service;  ///< "": the server as a whole.
};

struct TcpCheckSettings {
  Origin origin;
};

/// What an endpoint counts for before it was checked.
enum class InitialHealth : std::uint8_t { healthy, unhealthy };

/// Exactly one of `http`, `grpc` and `tcp`.
struct HealthCheckSettings {
  Origin origin;
  std::optional<HttpCheckSettings> http;
  std::optional<GrpcCheckSettings> grpc;
  std::optional<TcpCheckSettings> tcp;
  Duration interval = std::chrono::seconds(10);  ///< From the end of one to the next.
  Duration timeout = std::chrono::seconds(1);    ///< Of all of one, connecting included.
  double jitter = 0.1;                           ///< Of `interval`, more or less.
  std::uint32_t healthy_after = 2;               ///< In a row.
  std::uint32_t unhealthy_after = 3;             ///< In a row.
  InitialHealth initially = InitialHealth::healthy;
  double panic_threshold = 0.5;  ///< With less than this share healthy, checks are not heeded.
};

}  // namespace epaulet
