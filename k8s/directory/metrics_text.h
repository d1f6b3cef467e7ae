#pragma once

#include <optional>
#include <string>
#include <vector>

#include "k8s/directory/hub.h"
#include "k8s/directory/server.h"
#include "k8s/directory/status_writer.h"
#include "k8s/directory/watcher.h"

namespace epaulet::kube {

/// The page of /metrics, in Prometheus' text format. Names no principal.
struct DirectoryFacts {
  std::vector<const WatcherStatus*> watchers;  ///< In the order of ObjectKind.
  Hub* hub = nullptr;
  DirectoryCounts counts;
  StatusCounts statuses;
  TimePoint now{};
  std::optional<std::int64_t> own_seconds_left;
};
[[nodiscard]] std::string metrics_text(const DirectoryFacts& facts);

}  // namespace epaulet::kube
