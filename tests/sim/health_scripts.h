#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "scripts.h"

/// What tests of breakers, outliers and health checks ask and count.
namespace epaulet::sim {

/// Nobody listens there.
inline const SocketAddress kDead = *SocketAddress::parse("10.0.0.77:1");

/// So many requests, one after so long.
inline std::vector<int> call_every(Mesh& mesh, int count, milliseconds apart,
                                   const RequestScript& asked = request(),
                                   const AnswerScript& answered = answer()) {
  std::vector<int> ids;
  for (int i = 0; i < count; ++i) {
    ids.push_back(mesh.add(asked, answered));
    mesh.call({ids.back()}, false, apart * i);
  }
  return ids;
}

inline std::size_t count_with(const Mesh& mesh, const std::vector<int>& ids, int status) {
  return static_cast<std::size_t>(std::count_if(ids.begin(), ids.end(), [&](int id) {
    return mesh.ledger.at(id).response.status() == status;
  }));
}

inline std::size_t said(const Mesh& mesh, std::string_view event) {
  std::size_t times = 0;
  for (const auto& worker : mesh.api.workers) {
    times += static_cast<std::size_t>(
        std::count(worker->telemetry.health.begin(), worker->telemetry.health.end(), event));
  }
  return times;
}

inline std::size_t attempts_at(const Mesh& mesh, SocketAddress endpoint) {
  std::size_t attempts = 0;
  for (const auto& record : mesh.api.exchanges()) {
    for (std::size_t i = 0; i < record.trace.size(); ++i) {
      const auto& entry = record.trace[i];
      attempts += entry.event == telemetry::Event::endpoint_picked &&
                          telemetry::text_of(entry.a) == endpoint.to_string()
                      ? 1
                      : 0;
    }
  }
  return attempts;
}

}  // namespace epaulet::sim
