#include "path/view.h"

#include <algorithm>
#include <functional>

#include "discovery/nearness.h"

namespace epaulet::path {

View::View(SnapshotPtr snapshot, Random& random, std::string told_zone)
    : snapshot_(std::move(snapshot)), own_zone_(std::move(told_zone)), random_(random) {
  const std::size_t count = snapshot_->backends.size();
  endpoints_.resize(count);
  pickers_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t start = random.next();
    pickers_.push_back({balance::make_round_robin(start), start, {}, {}, {}, {}});
  }
  if (const auto& zone = snapshot_->settings.workload.zone; !zone.empty()) own_zone_ = zone;
}

/// One after the other, by weight. As long as the weights stay the same it keeps its place.
void View::take_turns(std::uint32_t backend, std::vector<std::uint32_t> weights) {
  if (std::adjacent_find(weights.begin(), weights.end(), std::not_equal_to<>()) == weights.end())
    weights.clear();
  Picking& picking = pickers_[backend];
  if (picking.picker && weights == picking.weights) return;
  picking.picker = weights.empty() ? balance::make_round_robin(picking.start)
                                   : balance::make_weighted(weights, picking.start);
  picking.weights = std::move(weights);
}

Zones View::zones_of(std::uint32_t backend, const EndpointSet& set) const {
  Zones zones;
  const auto& locality = snapshot_->backends[backend].settings->balance.locality;
  const auto by = nearness_of(set, own_zone_, locality.has_value());
  if (by == Nearness::none) return zones;
  const auto is_own = [&](const Endpoint& each) { return is_near(each, own_zone_, by); };
  const auto& all = set.endpoints;
  if (std::none_of(all.begin(), all.end(), is_own) || std::all_of(all.begin(), all.end(), is_own))
    return zones;
  for (const auto& endpoint : all) {
    zones.is_own.push_back(is_own(endpoint));
    zones.names.push_back(telemetry::intern_foreign(endpoint.zone));
  }
  return zones;
}

/// Of the endpoints of some zones, for requests without a session.
std::unique_ptr<balance::Picker> View::part_picker(const BalanceSettings& settings,
                                                   balance::Members members) {
  const balance::SlowStart slow_start{settings.slow_start.value_or(Duration(0))};
  switch (settings.policy) {
    case BalancePolicy::p2c_ewma:
      return balance::make_p2c_ewma(members, slow_start, random_);
    case BalancePolicy::least_request:
      return balance::make_least_request(members, slow_start, random_);
    case BalancePolicy::random:
      return balance::make_random(members.weights, random_);
    case BalancePolicy::round_robin:
    case BalancePolicy::sticky:
    case BalancePolicy::ring_hash:
    case BalancePolicy::maglev:
      break;
  }
  const auto weights = members.weights;
  const auto start = random_.next();
  const bool are_the_same =
      std::adjacent_find(weights.begin(), weights.end(), std::not_equal_to<>()) == weights.end();
  return are_the_same ? balance::make_round_robin(start) : balance::make_weighted(weights, start);
}

namespace {

/// Sessions by the policy, everything else by `others`.
std::unique_ptr<balance::Picker> with_sessions(BalancePolicy policy, balance::Members members,
                                               std::unique_ptr<balance::Picker> others) {
  if (policy == BalancePolicy::ring_hash)
    return balance::make_ring_hash(members, std::move(others));
  if (policy == BalancePolicy::maglev) return balance::make_maglev(members, std::move(others));
  return balance::make_sticky(members.names, members.weights, std::move(others));
}

}  // namespace

void View::make_picker(std::uint32_t backend, const EndpointSet& set) {
  Picking& picking = pickers_[backend];
  const auto& settings = snapshot_->backends[backend].settings->balance;
  const bool has_sessions = keeps_sessions(settings.policy);
  std::vector<std::uint32_t> weights;
  std::vector<std::uint64_t> names;
  for (const auto& endpoint : set.endpoints) {
    weights.push_back(endpoint.weight);
    if (has_sessions) names.push_back(balance::session_hash(endpoint.address.to_string()));
  }
  const balance::Members members{names, weights, picking.loads};
  const bool was_divided = !picking.zones.is_own.empty();
  picking.zones = zones_of(backend, set);
  // The turns of requests without a session begin anew.
  if (has_sessions || was_divided) picking.picker.reset();
  if (!picking.zones.is_own.empty()) {
    const auto make = [&](balance::Members part) { return part_picker(settings, part); };
    const auto factor = settings.locality.value_or(LocalitySettings()).overprovisioning_factor;
    picking.picker =
        balance::make_own_zone_first(members, picking.zones.is_own, factor, make, random_.unit());
  } else if (has_sessions || settings.policy == BalancePolicy::round_robin) {
    take_turns(backend, weights);
  } else {
    picking.picker = part_picker(settings, members);
  }
  if (has_sessions)
    picking.picker = with_sessions(settings.policy, members, std::move(picking.picker));
}

void View::set_zone(const std::string& told) {
  if (!snapshot_->settings.workload.zone.empty() || told == own_zone_) return;
  own_zone_ = told;
  for (std::uint32_t i = 0; i < endpoints_.size(); ++i) {
    if (!endpoints_[i]) continue;
    if (snapshot_->backends[i].settings->balance.locality || has_hints(*endpoints_[i]))
      make_picker(i, *endpoints_[i]);
  }
}

std::uint32_t View::backend_of(const SocketAddress& endpoint) const {
  const auto* known = owners_.find(endpoint);
  return known == nullptr ? Destination::kNone : known->backend;
}

telemetry::StringId View::id_of(const SocketAddress& endpoint) {
  auto* known = owners_.find(endpoint);
  if (known == nullptr) return 0;
  // DNS servers choose addresses.
  if (known->id == 0) known->id = telemetry::intern_foreign(endpoint.to_string());
  return known->id;
}

std::optional<std::uint32_t> View::index_of(const std::string& backend) const {
  const auto found = path::index_of(snapshot_->backends, backend);
  return found == Destination::kNone ? std::nullopt : std::optional(found);
}

void View::set_endpoints(const std::string& backend, EndpointSetPtr set, TimePoint now,
                         const View& before) {
  const auto found = index_of(backend);
  if (!found) return;
  const auto index = *found;
  std::map<SocketAddress, balance::LoadPtr> known;
  if (const auto was = before.index_of(backend); was && before.endpoints_[*was]) {
    const auto& endpoints = before.endpoints_[*was]->endpoints;
    for (std::size_t i = 0; i < endpoints.size(); ++i)
      known.emplace(endpoints[i].address, before.pickers_[*was].loads[i]);
  }
  if (endpoints_[index]) {
    for (const auto& endpoint : endpoints_[index]->endpoints)
      owners_.remove(endpoint.address, index);
  }
  Picking& picking = pickers_[index];
  picking.loads.clear();
  std::vector<SocketAddress> addresses;
  for (const auto& endpoint : set->endpoints) {
    owners_.add(endpoint.address, index);
    addresses.push_back(endpoint.address);
    auto& load = known[endpoint.address];
    picking.loads.push_back(load ? load : balance::LoadPtr(new balance::Load(now)));
  }
  make_picker(index, *set);
  picking.health = snapshot_->backends[index].outliers->adopt(addresses, set->version);
  const auto known_before = std::exchange(endpoints_[index], std::move(set));
  learn_cluster_addresses(index, known_before.get());
}

/// Services are rarely given another address: then all are learned anew.
void View::learn_cluster_addresses(std::uint32_t backend, const EndpointSet* before) {
  const bool had_some = before != nullptr && !before->service_addresses.empty();
  const auto& now = *endpoints_[backend];
  if (!had_some) return cluster_addresses_.add(*snapshot_, backend, now);
  if (before->service_addresses == now.service_addresses) return;
  cluster_addresses_.clear();
  for (std::uint32_t i = 0; i < endpoints_.size(); ++i)
    if (endpoints_[i]) cluster_addresses_.add(*snapshot_, i, *endpoints_[i]);
}

std::uint64_t View::shape_of(const std::string& backend) const {
  const auto found = index_of(backend);
  return found ? snapshot_->backends[*found].shape : 0;
}

EndpointSetPtr View::find(const std::string& backend) const {
  const auto found = index_of(backend);
  return found ? endpoints_[*found] : nullptr;
}

}  // namespace epaulet::path
