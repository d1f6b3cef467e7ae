#include "telemetry/outcome.h"

namespace epaulet::telemetry {

StringId upstream_reason(const Trace& trace) {
  for (std::size_t i = trace.size(); i > 0; --i) {
    if (trace[i - 1].event == Event::upstream_reason) return trace[i - 1].a;
  }
  return 0;
}

namespace {

/// What is the server's fault, as OpenTelemetry's conventions for gRPC have it.
bool is_servers_fault(std::uint8_t grpc_status) {
  constexpr std::uint32_t kFaults = 1u << 2 | 1u << 4 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 15;
  return grpc_status < 32 && (kFaults >> grpc_status & 1) != 0;
}

}  // namespace

bool has_failed(const ExchangeRecord& record) {
  if (record.error.code != ErrorCode::none || record.status >= 500) return true;
  if (record.grpc_status && is_servers_fault(*record.grpc_status)) return true;
  return record.status >= 400 && upstream_reason(record.trace) != 0;
}

}  // namespace epaulet::telemetry
