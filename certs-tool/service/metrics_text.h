#pragma once

#include <optional>
#include <string>

#include "certs-tool/service/server.h"

namespace epaulet::certs {

/// The page of /metrics, in Prometheus' text format. Names no principal.
struct ServiceFacts {
  ServiceCounts counts;
  std::size_t connections = 0;
  bool can_sign = false;
  std::optional<std::int64_t> signer_seconds_left;
  std::optional<std::int64_t> own_seconds_left;
};
[[nodiscard]] std::string metrics_text(const ServiceFacts& facts);

}  // namespace epaulet::certs
