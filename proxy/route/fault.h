#pragma once

#include "config/shaping_settings.h"
#include "route/request_match.h"

namespace epaulet {

/// `fault` of a route: what is done to some of its requests on purpose. Immutable.
class Fault {
 public:
  explicit Fault(const FaultSettings& settings);

  /// Decided for each request anew, the two independently of each other.
  struct Injected {
    Duration delay{};              ///< 0: none.
    std::uint16_t status = 0;      ///< 0: the request goes on.
    std::uint8_t grpc_status = 0;  ///< Of a call of gRPC that is answered.
    [[nodiscard]] bool any() const { return delay.count() != 0 || status != 0; }
  };
  /// Both numbers uniform in [0, 1).
  [[nodiscard]] Injected draw(const http::RequestHead& head, bool is_grpc, double for_delay,
                              double for_abort) const;

 private:
  RequestMatch match_;
  std::optional<FaultDelaySettings> delay_;
  std::optional<FaultAbortSettings> abort_;
};

/// What a client of gRPC makes of an HTTP status that carries none of its own
/// (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
[[nodiscard]] std::uint8_t grpc_status_of_http(std::uint16_t status);

}  // namespace epaulet
