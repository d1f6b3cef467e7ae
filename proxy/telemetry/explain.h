#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/worker_telemetry.h"

namespace epaulet::telemetry {

/// Reads what all threads keep for explain. Control thread; the others go on meanwhile.
class Explain {
 public:
  /// The shards outlive this.
  explicit Explain(std::vector<const WorkerTelemetry*> shards) : shards_(std::move(shards)) {}

  /// {"records":[...]}: all that is kept, oldest first.
  [[nodiscard]] std::string all() const;
  /// The same with those of this id only, or nothing if there is none. There may be several: a pod
  /// that dials itself, or a caller that uses an id twice.
  [[nodiscard]] std::optional<std::string> find(std::string_view id) const;

 private:
  std::vector<const WorkerTelemetry*> shards_;
};

}  // namespace epaulet::telemetry
