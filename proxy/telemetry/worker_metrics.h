#pragma once

#include <array>
#include <optional>

#include "base/limits.h"
#include "telemetry/cell_table.h"
#include "telemetry/counters.h"
#include "telemetry/duration_histogram.h"
#include "telemetry/record.h"
#include "telemetry/slow_sketch.h"

namespace epaulet::telemetry {

/// What exchanges are counted by. Ids of names, so the cells of a route stay its own over reloads.
struct RequestKey {
  StringId service = 0;
  StringId route = 0;
  ErrorCode outcome = ErrorCode::none;
  std::uint8_t status_class = 0;  ///< Hundreds.
  std::optional<std::uint8_t> grpc_status;
  Direction direction = Direction::inbound;
  bool mesh_tls = false;

  friend bool operator==(const RequestKey&, const RequestKey&) = default;
  [[nodiscard]] std::uint64_t hash() const;
};

struct RouteKey {
  StringId service = 0;
  StringId route = 0;
  Direction direction = Direction::inbound;

  friend bool operator==(const RouteKey&, const RouteKey&) = default;
  [[nodiscard]] std::uint64_t hash() const;
};

struct ConnectionKey {
  StringId service = 0;
  ErrorCode outcome = ErrorCode::none;
  ConnectionRecord::Kind kind = ConnectionRecord::Kind::tunnel;
  Direction direction = Direction::inbound;
  bool mesh_tls = false;

  friend bool operator==(const ConnectionKey&, const ConnectionKey&) = default;
  [[nodiscard]] std::uint64_t hash() const;
};

/// Of `workload.ports`.
struct PortKey {
  std::uint16_t port = 0;
  Protection protection = Protection::mesh;

  friend bool operator==(const PortKey&, const PortKey&) = default;
  [[nodiscard]] std::uint64_t hash() const;
};

struct PortCells {
  Cell opened;
  Cell closed;
};

struct RouteCells {
  DurationHistogram duration;
  Cell request_bytes;
  Cell response_bytes;
  Cell retries;
  SlowSketch sketch;  ///< Of the worker's thread only.
};

struct ConnectionCells {
  Cell count;
  Cell bytes_received;
  Cell bytes_sent;
};

/// The metrics of one worker: it counts, the control thread reads at the same time.
class WorkerMetrics {
 public:
  WorkerMetrics();

  // The worker's thread only.

  void count(Counter counter, std::uint64_t by) { counter_cell(counter).add(by); }
  [[nodiscard]] Cell& counter_cell(Counter counter) {
    return counters_[static_cast<std::size_t>(counter)];
  }
  void adjust(Gauge gauge, std::int64_t by) {
    gauges_[static_cast<std::size_t>(gauge)].add(static_cast<std::uint64_t>(by));  // Modulo 2^64.
  }
  /// Returns whether it was slow for its route.
  [[nodiscard]] bool observe(const ExchangeRecord& record);
  void observe(const ConnectionRecord& record);
  [[nodiscard]] PortCells& port_cells(std::uint16_t port, Protection protection) {
    return ports_.find_or_add({port, protection});
  }

  // Any thread.

  [[nodiscard]] std::uint64_t value(Counter counter) const {
    return counters_[static_cast<std::size_t>(counter)].value();
  }
  [[nodiscard]] std::int64_t value(Gauge gauge) const {
    return static_cast<std::int64_t>(gauges_[static_cast<std::size_t>(gauge)].value());
  }
  using Requests = CellTable<RequestKey, Cell, limits::kMetricCellsMax>;
  using Routes = CellTable<RouteKey, RouteCells, limits::kMetricCellsMax>;
  using Connections = CellTable<ConnectionKey, ConnectionCells, limits::kMetricCellsMax>;
  using Ports = CellTable<PortKey, PortCells, limits::kMetricPortCellsMax>;
  [[nodiscard]] const Ports& ports() const { return ports_; }
  [[nodiscard]] const Requests& requests() const { return requests_; }
  [[nodiscard]] const Routes& routes() const { return routes_; }
  [[nodiscard]] const Connections& connections() const { return connections_; }

 private:
  std::array<Cell, kCounters> counters_;
  std::array<Cell, kGauges> gauges_;
  Requests requests_;
  Routes routes_;
  Connections connections_;
  Ports ports_;
};

}  // namespace epaulet::telemetry
