#include "telemetry/worker_metrics.h"

#include "telemetry/outcome.h"
#include "telemetry/string_table.h"

namespace epaulet::telemetry {
namespace {

/// The finalizer of MurmurHash3 (Appleby, public domain constants): keys differ in a few low bits.
std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  return value ^ (value >> 33);
}

std::uint64_t pair(StringId high, StringId low) {
  return std::uint64_t{high} << 32 | low;
}

RequestKey request_overflow() {
  RequestKey key;
  key.service = key.route = StringTable::kOverflow;
  return key;
}

RouteKey route_overflow() {
  RouteKey key;
  key.service = key.route = StringTable::kOverflow;
  return key;
}

ConnectionKey connection_overflow() {
  ConnectionKey key;
  key.service = StringTable::kOverflow;
  return key;
}

}  // namespace

std::uint64_t RequestKey::hash() const {
  const std::uint64_t small =
      std::uint64_t{static_cast<std::uint16_t>(outcome)} << 16 | std::uint64_t{status_class} << 8 |
      std::uint64_t{direction == Direction::outbound} << 1 | std::uint64_t{mesh_tls} |
      std::uint64_t{grpc_status.value_or(0xff)} << 32;
  return mix(mix(pair(service, route)) + small);
}

std::uint64_t RouteKey::hash() const {
  return mix(mix(pair(service, route)) + std::uint64_t{direction == Direction::outbound});
}

std::uint64_t ConnectionKey::hash() const {
  const std::uint64_t small = std::uint64_t{static_cast<std::uint16_t>(outcome)} << 16 |
                              std::uint64_t{static_cast<std::uint8_t>(kind)} << 8 |
                              std::uint64_t{direction == Direction::outbound} << 1 |
                              std::uint64_t{mesh_tls};
  return mix(pair(service, 0) + small);
}

std::uint64_t PortKey::hash() const {
  return mix(std::uint64_t{port} << 8 | static_cast<std::uint64_t>(protection));
}

WorkerMetrics::WorkerMetrics()
    : requests_(request_overflow()),
      routes_(route_overflow()),
      connections_(connection_overflow()),
      ports_(PortKey()) {}

bool WorkerMetrics::observe(const ExchangeRecord& record) {
  RequestKey key;
  key.service = record.service;
  key.route = record.route;
  key.outcome = record.error.code;
  key.status_class = static_cast<std::uint8_t>(record.status / 100 % 10);
  key.grpc_status = record.grpc_status;
  key.direction = record.direction;
  key.mesh_tls = record.mesh_tls;
  requests_.find_or_add(key).add();

  RouteKey route_key;
  route_key.service = record.service;
  route_key.route = record.route;
  route_key.direction = record.direction;
  RouteCells& route = routes_.find_or_add(route_key);
  const auto duration = duration_of(record);
  route.duration.observe(duration);
  route.request_bytes.add(record.request_bytes);
  route.response_bytes.add(record.response_bytes);
  if (record.attempts > 1) route.retries.add(record.attempts - 1u);
  return route.sketch.observe(duration);
}

void WorkerMetrics::observe(const ConnectionRecord& record) {
  ConnectionKey key;
  key.service = record.service;
  key.outcome = record.error.code;
  key.kind = record.kind;
  key.direction = record.direction;
  key.mesh_tls = record.mesh_tls;
  ConnectionCells& cells = connections_.find_or_add(key);
  cells.count.add();
  cells.bytes_received.add(record.bytes_received);
  cells.bytes_sent.add(record.bytes_sent);
}

}  // namespace epaulet::telemetry
