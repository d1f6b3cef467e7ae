#pragma once

#include <memory>
#include <string>

#include "http/message.h"
#include "http/stream.h"
#include "path/reach.h"
#include "resilience/health_board.h"
#include "telemetry/trace.h"
#include "telemetry/unheard.h"

namespace epaulet::path {

/// One check of one endpoint, over a connection of its own that is made as a request's would be:
/// the same address, tunnel, mesh TLS and identities. It takes no permit of `limits.connections`
/// and counts for nothing but itself: no request, dial, breaker, budget or balancer knows of it.
/// Its User-Agent is `epaulet/health`.
class Probe {
 public:
  /// `hop` is of a backend with `health_check`.
  Probe(Worker& worker, ViewPtr view, Hop hop);

  /// Nothing: it tells nothing of the endpoint, since what failed is ours. The scope has the
  /// check's deadline.
  Task<std::optional<resilience::HealthBoard::Finding>> run(Scope& scope);

 private:
  using Finding = resilience::HealthBoard::Finding;
  Task<Finding> over_http1(Scope& scope);
  Task<Finding> over_http2(Scope& scope);
  Task<Finding> over_tcp(Scope& scope);
  void compose();
  Task<Finding> ask(http::ClientStream& stream, Scope& scope);
  Task<Finding> hear_grpc(http::ClientStream& stream, Scope& scope);
  [[nodiscard]] Finding judge_http() const;
  [[nodiscard]] Finding judge_grpc(std::optional<std::uint8_t> status, std::string_view body) const;
  [[nodiscard]] Finding broken(const Error& error) const;
  void add_what_its_sidecar_says(Finding& finding) const;

  Worker& worker_;
  const ViewPtr view_;
  const Hop hop_;
  const BackendSettings& backend_;
  const HealthCheckSettings& check_;
  telemetry::Unheard unheard_;
  telemetry::Trace trace_;  ///< Kept by nobody.
  upstream::Dialled dialled_;
  bool is_connected_ = false;
  http::RequestHead request_;
  std::string body_;
  http::ResponseHead response_;
};

}  // namespace epaulet::path
