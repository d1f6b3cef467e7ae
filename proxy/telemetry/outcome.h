#pragma once

#include <array>
#include <string_view>

#include "base/error_table.h"
#include "telemetry/record.h"

/// Words that metrics, log and explain share.
namespace epaulet::telemetry {

/// The error's name; "ok" without one.
[[nodiscard]] inline std::string_view outcome_name(ErrorCode code) {
  return code == ErrorCode::none ? "ok" : describe(code).name;
}

[[nodiscard]] inline std::string_view name_of(Direction direction) {
  return direction == Direction::inbound ? "inbound" : "outbound";
}

[[nodiscard]] inline std::string_view name_of(Shaped shaped) {
  static constexpr std::array<std::string_view, 5> kNames{"", "redirected", "delayed", "aborted",
                                                          "preflight"};
  return kNames[static_cast<std::size_t>(shaped)];
}

[[nodiscard]] inline std::string_view name_of(Hedged hedged) {
  static constexpr std::array<std::string_view, 3> kNames{"", "lost", "won"};
  return kNames[static_cast<std::size_t>(hedged)];
}

/// For explain and log: a tunnel and a refused connection are both connections.
[[nodiscard]] inline std::string_view name_of(ConnectionRecord::Kind kind) {
  return kind == ConnectionRecord::Kind::handshake ? "handshake" : "connection";
}

[[nodiscard]] inline std::string_view method_of(const ExchangeRecord& record) {
  return {record.method.data()};  // Zero-terminated.
}

/// "2xx"; "none" if no status was sent.
[[nodiscard]] inline std::string_view status_class(std::uint16_t status) {
  static constexpr std::array<std::string_view, 10> kClasses{"none", "1xx", "2xx", "3xx", "4xx",
                                                             "5xx",  "6xx", "7xx", "8xx", "9xx"};
  return kClasses[status / 100 % 10];
}

/// "14"; empty if the exchange was no gRPC call, or none was sent.
[[nodiscard]] inline std::string_view grpc_status_text(std::optional<std::uint8_t> status) {
  static constexpr std::array<std::string_view, 17> kNumbers{
      "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};
  return status && *status < kNumbers.size() ? kNumbers[*status] : "";
}

/// Until the response was complete; for an upgrade, until it was agreed: the tunnel behind it has
/// no length that means anything for a route.
[[nodiscard]] inline std::chrono::nanoseconds duration_of(const ExchangeRecord& record) {
  const bool upgraded = record.status == 101 && record.upstream_head >= record.start;
  return (upgraded ? record.upstream_head : record.end) - record.start;
}

/// The reason that the next sidecar gave for its answer; 0 if it gave none.
[[nodiscard]] StringId upstream_reason(const Trace& trace);

/// We failed, or the service did: an answer of 500 and above, or one that the next sidecar
/// explains; a gRPC status that says the same of the service (unknown, deadline_exceeded,
/// unimplemented, internal, unavailable, data_loss).
[[nodiscard]] bool has_failed(const ExchangeRecord& record);

}  // namespace epaulet::telemetry
