#include "telemetry/explain.h"

#include <algorithm>
#include <boost/json.hpp>

#include "telemetry/explain_json.h"

namespace epaulet::telemetry {
namespace {

struct Timed {
  WallTime time;
  boost::json::object record;
};

/// `wanted(id, trace_id)` chooses, before anything is rendered.
template <class Wanted>
std::vector<Timed> collect(const std::vector<const WorkerTelemetry*>& shards, Wanted&& wanted) {
  std::vector<Timed> found;
  for (const auto* shard : shards) {
    shard->kept().exchanges.for_each([&](const KeptExchange& kept) {
      const auto& trace = kept.record.trace_id;
      if (wanted(kept.record.request_id, std::string_view(trace.data(), trace.size())))
        found.push_back({kept.time, to_json(kept)});
    });
    shard->kept().connections.for_each([&](const KeptConnection& kept) {
      if (wanted(kept.record.id, std::string_view())) found.push_back({kept.time, to_json(kept)});
    });
    shard->kept().dns.for_each([&](const KeptDns& kept) {
      if (wanted(kept.id, std::string_view())) found.push_back({kept.time, to_json(kept)});
    });
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Timed& a, const Timed& b) { return a.time < b.time; });
  return found;
}

std::string page_of(std::vector<Timed> found) {
  boost::json::array records;
  for (auto& each : found) records.push_back(std::move(each.record));
  boost::json::object page;
  page["records"] = std::move(records);
  return boost::json::serialize(page);
}

}  // namespace

std::string Explain::all() const {
  return page_of(collect(shards_, [](const RequestId&, std::string_view) { return true; }));
}

std::optional<std::string> Explain::find(std::string_view id) const {
  auto found = collect(shards_, [id](const RequestId& each, std::string_view trace) {
    return each.view() == id || (!trace.empty() && trace == id);
  });
  if (found.empty()) return std::nullopt;
  return page_of(std::move(found));
}

}  // namespace epaulet::telemetry
