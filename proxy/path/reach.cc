#include "path/reach.h"

#include <fmt/format.h>

#include <algorithm>

namespace epaulet::path {
namespace {

using telemetry::Event;

Error connect_timed_out() {
  return {ErrorCode::connect_timeout, Side::upstream, Stage::connect, Retry::safe};
}

using resilience::Outliers;

bool contains(std::span<const std::size_t> indices, std::size_t index) {
  return std::find(indices.begin(), indices.end(), index) != indices.end();
}

/// The picker's choice among those that may be asked and were not tried before; else, of a retry,
/// one that is left out, since it may be well again where the others have just failed; else any
/// again. As long as there is a better choice, an endpoint that may be asked again has its turn
/// with a first attempt only: a retry is no time for experiments.
std::size_t pick_healthy(View& view, std::uint32_t backend, bool is_first,
                         std::span<const std::size_t> tried, balance::SessionKey key,
                         TimePoint now) {
  const auto health = view.health(backend);
  const Outliers& outliers = *view.snapshot().backends[backend].outliers;
  const Zones* const zones = key ? nullptr : view.zones(backend);
  auto& avoided = view.scratch();
  avoided.clear();
  for (std::size_t i = 0; i < health.size(); ++i) {
    const auto standing = outliers.standing(health[i], now);
    const bool may_try = standing == Outliers::Standing::due && is_first;
    // Nothing else may lead to another zone, and who is there shall be known to be well by then.
    if (may_try && zones != nullptr && !zones->is_own[i]) return i;
    if (standing != Outliers::Standing::in && !may_try) avoided.push_back(i);
  }
  const auto left_out = avoided.size();
  for (const auto index : tried) avoided.push_back(index);
  auto& picker = view.picker(backend);
  const auto first = *picker.pick(health.size(), avoided, key, now);
  if (!contains(avoided, first)) return first;
  if (!tried.empty()) {
    const auto other = *picker.pick(health.size(), tried, key, now);
    if (!contains(tried, other)) return other;
  }
  const auto out = std::span<const std::size_t>(avoided).first(left_out);
  const auto again = *picker.pick(health.size(), out, key, now);
  if (!contains(out, again)) return again;
  avoided.clear();  // Who asks for a pause before who fails.
  for (std::size_t i = 0; i < health.size(); ++i) {
    const auto standing = outliers.standing(health[i], now);
    if (standing != Outliers::Standing::in && standing != Outliers::Standing::spared)
      avoided.push_back(i);
  }
  const auto spared = *picker.pick(health.size(), avoided, key, now);
  if (!contains(avoided, spared)) return spared;
  return *picker.pick(health.size(), tried, key, now);
}

/// Zones fail as a whole: a retry whose attempts were all in our own goes to another one, if
/// somebody is well there.
std::optional<std::size_t> pick_elsewhere(View& view, std::uint32_t backend, const Zones& zones,
                                          std::span<const std::size_t> tried, TimePoint now) {
  const auto was_ours = [&zones](std::size_t index) { return zones.is_own[index]; };
  if (tried.empty() || !std::all_of(tried.begin(), tried.end(), was_ours)) return std::nullopt;
  const auto health = view.health(backend);
  const Outliers& outliers = *view.snapshot().backends[backend].outliers;
  auto& avoided = view.scratch();
  avoided.clear();
  for (std::size_t i = 0; i < health.size(); ++i) {
    const bool is_in = outliers.standing(health[i], now) == Outliers::Standing::in;
    if (zones.is_own[i] || !is_in) avoided.push_back(i);
  }
  if (avoided.size() == health.size()) return std::nullopt;
  return view.picker(backend).pick(health.size(), avoided, {}, now);
}

/// Where the endpoint is, and if it is not in our zone, how that one does.
void place(Hop& hop, const View& view, const Zones& zones, std::size_t index, TimePoint now) {
  hop.zone = zones.is_own[index] ? Hop::Zone::own : Hop::Zone::other;
  if (hop.zone == Hop::Zone::own) return;
  const auto health = view.health(hop.backend);
  const Outliers& outliers = *view.snapshot().backends[hop.backend].outliers;
  std::size_t well = 0;
  std::size_t all = 0;
  for (std::size_t i = 0; i < health.size(); ++i) {
    if (!zones.is_own[i]) continue;
    ++all;
    well += outliers.standing(health[i], now) == Outliers::Standing::in ? 1 : 0;
  }
  hop.zone_name = zones.names[index];
  hop.own_zone = telemetry::in_zone(well, all);
}

std::optional<std::size_t> index_in(const EndpointSet& set, const SocketAddress& address) {
  const auto& all = set.endpoints;
  const auto found = std::lower_bound(
      all.begin(), all.end(), address,
      [](const Endpoint& endpoint, const SocketAddress& at) { return endpoint.address < at; });
  if (found == all.end() || found->address != address) return std::nullopt;
  return static_cast<std::size_t>(found - all.begin());
}

EndpointIdentityPtr identity_at(const EndpointSet* set, const SocketAddress& address) {
  const auto index = set == nullptr ? std::nullopt : index_in(*set, address);
  return index ? set->endpoints[*index].identity : nullptr;
}

}  // namespace

bool TriedEndpoints::contains(const SocketAddress& endpoint) const {
  const auto end = endpoints_.begin() + static_cast<std::ptrdiff_t>(count_);
  return std::find(endpoints_.begin(), end, endpoint) != end;
}

TriedEndpoints::Indices TriedEndpoints::in(const EndpointSet& set) const {
  Indices indices;
  for (std::size_t i = 0; i < count_; ++i) {
    if (const auto index = index_in(set, endpoints_[i]))
      indices.indices_[indices.count_++] = *index;
  }
  return indices;
}

Result<Hop> next_hop(View& view, std::uint32_t backend, const std::optional<SocketAddress>& pinned,
                     TriedEndpoints& tried, balance::SessionKey key, TimePoint now) {
  if (pinned) {
    Hop hop;
    hop.backend = backend;
    hop.endpoint = *pinned;
    hop.endpoint_id = view.id_of(*pinned);
    if (backend != Destination::kNone) hop.identity = identity_at(view.endpoints(backend), *pinned);
    return hop;
  }
  const EndpointSet* set = view.endpoints(backend);
  if (set == nullptr || set->endpoints.empty()) {
    const bool ever = set != nullptr && set->ever_had_endpoint;
    return Error(ever ? ErrorCode::no_endpoint : ErrorCode::never_had_endpoint, Side::upstream,
                 Stage::resolve, Retry::safe);
  }
  auto& outliers = *view.snapshot().backends[backend].outliers;
  const Zones* const zones = key ? nullptr : view.zones(backend);
  const auto indices = tried.in(*set);
  const auto before = indices.all();
  const bool is_first = tried.count() == 0;
  const auto elsewhere =
      zones != nullptr ? pick_elsewhere(view, backend, *zones, before, now) : std::nullopt;
  Hop hop;
  std::size_t index = 0;
  if (elsewhere) {
    index = *elsewhere;
  } else if (!outliers.any_to_avoid(now)) {
    index = *view.picker(backend).pick(set->endpoints.size(), before, key, now);
  } else {
    index = pick_healthy(view, backend, is_first, before, key, now);
    hop.is_try = outliers.claim(view.health(backend)[index], now);
    // Another worker was a moment faster, and finds out for all of us.
    if (!hop.is_try &&
        outliers.standing(view.health(backend)[index], now) == Outliers::Standing::out)
      index = pick_healthy(view, backend, is_first, before, key, now);
  }
  hop.backend = backend;
  hop.endpoint = set->endpoints[index].address;
  tried.add(hop.endpoint);
  hop.identity = set->endpoints[index].identity;
  hop.endpoint_id = view.id_of(hop.endpoint);
  hop.health = view.health(backend)[index];
  hop.load = view.loads(backend)[index];
  hop.balancer = view.snapshot().backends[backend].balancer_for(key);
  if (zones != nullptr) place(hop, view, *zones, index, now);
  return hop;
}

void note_zone(Worker& worker, const Hop& hop, telemetry::Trace& trace) {
  if (hop.zone == Hop::Zone::none) return;
  const bool is_own = hop.zone == Hop::Zone::own;
  worker.telemetry.count(is_own ? telemetry::Counter::zone_picks_own
                                : telemetry::Counter::zone_picks_other);
  if (!is_own)
    trace.add(worker.loop.now(), Stage::connect, Event::left_zone, hop.zone_name, hop.own_zone);
}

bool has_untried(const View& view, std::uint32_t backend, const TriedEndpoints& tried,
                 TimePoint now) {
  const EndpointSet* const set = view.endpoints(backend);
  if (set == nullptr) return false;
  const auto health = view.health(backend);
  const Outliers& outliers = *view.snapshot().backends[backend].outliers;
  for (std::size_t i = 0; i < health.size(); ++i) {
    if (!tried.contains(set->endpoints[i].address) &&
        outliers.standing(health[i], now) == Outliers::Standing::in)
      return true;
  }
  return false;
}

bool spend_retry(Worker& worker, resilience::RetryBudget* budget) {
  if (budget == nullptr || budget->try_spend(worker.loop.now())) return true;
  worker.telemetry.count(telemetry::Counter::retries_over_budget);
  return false;
}

upstream::DialPlan plan_for(const Snapshot& snapshot, const Hop& hop,
                            detect::MeshProtocol protocol) {
  upstream::DialPlan plan;
  plan.to = hop.endpoint;
  if (hop.backend == Destination::kNone) return plan;
  const BackendSettings& backend = *snapshot.backends[hop.backend].settings;
  if (backend.tls.mode == UpstreamTls::none || hop.unwrapped) return plan;
  plan.mesh = true;
  plan.identities = hop.identity ? &hop.identity->ids : &backend.tls.identities;
  plan.protocol = protocol;
  plan.server_name = backend.name;
  if (backend.endpoints.tunnel != 0) {
    plan.server_name = fmt::format("p{}.{}", hop.endpoint.port, backend.name);
    plan.to.port = backend.endpoints.tunnel;
  }
  return plan;
}

upstream::PoolKey pool_key(const Worker& worker, const Snapshot& snapshot, const Hop& hop) {
  upstream::PoolKey key;
  key.address = hop.endpoint;
  if (hop.backend == Destination::kNone) return key;
  const BackendState& backend = snapshot.backends[hop.backend];
  key.backend = backend.name;
  key.shape = backend.shape ^ (hop.identity ? hop.identity->key : 0);
  if (backend.settings->tls.mode == UpstreamTls::mesh) key.trust = worker.tls.trust_generation();
  return key;
}

Task<Result<resilience::ConnectionLimit::Permit>> permit_for(Worker& worker,
                                                             const Snapshot& snapshot,
                                                             const Hop& hop, Scope& scope) {
  using Permit = resilience::ConnectionLimit::Permit;
  if (hop.backend == Destination::kNone) co_return Permit();
  const BackendState& backend = snapshot.backends[hop.backend];
  if (Permit permit = backend.limit->try_acquire()) co_return permit;
  // Idle connections hold no exclusive permit: the longest idle one makes room.
  if (!worker.make_room(backend.name) && worker.shared.release_idle) {
    worker.shared.release_idle(&worker, backend.name);
  }
  co_return co_await backend.limit->acquire(scope);
}

Task<Result<RawUpstream>> dial_raw(Connection& connection, View& view, Hop hop,
                                   detect::MeshProtocol protocol, Duration connect_timeout) {
  Worker& worker = connection.worker;
  Scope scope(connection.scope);
  // What it waits for now is ours to give: the endpoint and its breaker shall not be blamed.
  scope.set_deadline(connection.now() + connect_timeout,
                     Error(ErrorCode::limit_pending, Side::self, Stage::limit, Retry::never));
  auto permit = co_await permit_for(worker, view.snapshot(), hop, scope);
  if (!permit) co_return permit.error();
  scope.set_deadline(connection.now() + connect_timeout, connect_timed_out());
  connection.trace(Stage::connect, Event::dialling, hop.endpoint_id);
  auto plan = plan_for(view.snapshot(), hop, protocol);
  auto dialled = co_await upstream::dial(worker.dialer, worker.tls, worker.telemetry,
                                         connection.record().trace, std::move(plan), scope);
  if (!dialled) co_return dialled.error();
  RawUpstream raw;
  raw.stream = std::move(dialled->stream);
  raw.reader = std::make_unique<StreamReader>(*raw.stream);
  raw.backend = hop.backend;
  raw.endpoint = hop.endpoint;
  raw.identity = hop.identity;
  raw.peer = dialled->peer;
  raw.trust = dialled->trust;
  raw.rests_on = dialled->rests_on;
  raw.max_duration = connection.snapshot().inbound_timeouts.max_duration;
  raw.permit = std::move(*permit);
  co_return raw;
}

namespace {

upstream::LeasePtr take_pooled(Worker& worker, const upstream::PoolKey& key, const Wanted& wanted,
                               telemetry::Trace& trace) {
  if (wanted.fresh) return nullptr;
  auto taken = worker.pool.take(key, wanted.cautious);
  if (!taken) return nullptr;
  const auto idle = std::chrono::duration_cast<std::chrono::microseconds>(worker.loop.now() -
                                                                          taken->idle_since());
  trace.add(worker.loop.now(), Stage::connect, Event::connection_reused,
            static_cast<std::uint32_t>(idle.count()));
  return taken;
}

upstream::LeasePtr made_from(upstream::Dialled&& dialled, const upstream::PoolKey& key,
                             const Snapshot& snapshot, resilience::ConnectionLimit::Permit&& permit,
                             Worker& worker) {
  auto made = std::make_unique<upstream::Connection>(
      key, std::move(dialled.stream), snapshot.head_limits(), std::move(permit), worker.telemetry);
  made->peer = dialled.peer;
  made->rests_on = dialled.rests_on;
  return made;
}

/// Who has left while its endpoint was dialled has waited for that one, and for nothing of ours.
void note_given_up(const Worker& worker, const Hop& hop, TimePoint began, const Scope& scope) {
  if (hop.load && scope.cancelled())
    hop.load->unanswered(worker.loop.now() - began, worker.loop.now());
}

/// A connection that nobody else shares.
Task<Result<upstream::LeasePtr>> obtain_own(Worker& worker, View& view, Hop hop, Wanted wanted,
                                            Duration connect_timeout, telemetry::Trace& trace,
                                            Scope& scope) {
  const auto key = pool_key(worker, view.snapshot(), hop);
  // Queued under the request's deadline; only dialling is under the connect timeout.
  auto permit = co_await permit_for(worker, view.snapshot(), hop, scope);
  if (!permit) co_return permit.error();
  Scope connecting(scope);
  connecting.set_deadline(worker.loop.now() + connect_timeout, connect_timed_out());
  const auto turn = co_await worker.dial_gate.enter(key, connecting);
  if (!turn) co_return turn.error();
  if (auto taken = take_pooled(worker, key, wanted, trace)) co_return taken;
  trace.add(worker.loop.now(), Stage::connect, Event::dialling, hop.endpoint_id);
  auto plan = plan_for(view.snapshot(), hop, detect::MeshProtocol::http1);
  const auto began = worker.loop.now();
  auto dialled = co_await upstream::dial(worker.dialer, worker.tls, worker.telemetry, trace,
                                         std::move(plan), connecting);
  if (!dialled) {
    note_given_up(worker, hop, began, scope);
    co_return dialled.error();
  }
  co_return made_from(std::move(*dialled), key, view.snapshot(), std::move(*permit), worker);
}

/// The permit to dial, or nothing if a stream came free meanwhile.
Task<Result<resilience::ConnectionLimit::Permit>> permit_or_stream(Worker& worker,
                                                                   const Snapshot& snapshot,
                                                                   const Hop& hop,
                                                                   const upstream::PoolKey& key,
                                                                   Scope& scope) {
  upstream::SharedPool::Wait wait(worker.shared_pool, key, scope);
  auto permit = co_await permit_for(worker, snapshot, hop, wait.scope);
  if (!permit && wait.came_free && !scope.cancelled()) {
    co_return resilience::ConnectionLimit::Permit();
  }
  co_return permit;
}

/// Who finds all streams taken stands in line, unless `limits.pending` do already. Who only waits
/// for the first connection, or for its peer to say how many streams it takes, is not one of too
/// many.
Result<resilience::ConnectionLimit::Place> stand_in_line(Worker& worker, const Snapshot& snapshot,
                                                         const Hop& hop,
                                                         const upstream::PoolKey& key,
                                                         TimePoint not_before) {
  using Place = resilience::ConnectionLimit::Place;
  auto& pool = worker.shared_pool;
  if (hop.backend == Destination::kNone || !pool.is_awaited(key)) return Place();
  auto& limit = *snapshot.backends[hop.backend].limit;
  if (limit.is_crowded() && pool.is_full(key, not_before) && !pool.is_settling(key))
    return Error(ErrorCode::limit_pending, Side::self, Stage::limit, Retry::never);
  return Place(limit);
}

/// Of the connections that there are.
upstream::LeasePtr take_shared(Worker& worker, const Snapshot& snapshot,
                               const upstream::PoolKey& key, const Wanted& wanted,
                               telemetry::Trace& trace) {
  const auto now = worker.loop.now();
  if (!key.carries) {
    auto lease = worker.shared_pool.take(key, now, wanted.not_before);
    if (lease) trace.add(now, Stage::connect, Event::connection_reused);
    return lease;
  }
  auto own_key = key;
  own_key.carries = false;
  if (auto pooled = take_pooled(worker, own_key, wanted, trace)) return pooled;
  auto carried = worker.shared_pool.carry(key, now, snapshot.head_limits(), worker.telemetry);
  if (carried) trace.add(now, Stage::connect, Event::stream_opened);
  return carried;
}

/// A new one, under the key of those that are shared.
upstream::LeasePtr share(upstream::Dialled&& dialled, const upstream::PoolKey& key,
                         const Snapshot& snapshot, resilience::ConnectionLimit::Permit&& permit,
                         Worker& worker, telemetry::Trace& trace) {
  auto made = std::make_shared<upstream::SharedConnection>(
      key, std::move(dialled.stream), worker.session_limits(snapshot), std::move(permit),
      worker.root, worker.telemetry);
  made->peer = dialled.peer;
  made->rests_on = dialled.rests_on;
  upstream::LeasePtr lease;
  if (key.carries) {
    lease = made->carry(snapshot.head_limits(), worker.telemetry);
    trace.add(worker.loop.now(), Stage::connect, Event::stream_opened);
  } else {
    lease = made->lease();
  }
  worker.shared_pool.add(std::move(made));
  return lease;
}

/// A stream of a connection that others share, or (`carries`) one of HTTP/1.1 which that carries.
Task<Result<upstream::LeasePtr>> obtain_shared(Worker& worker, View& view, Hop hop, bool carries,
                                               Wanted wanted, Duration connect_timeout,
                                               telemetry::Trace& trace, Scope& scope) {
  const Snapshot& snapshot = view.snapshot();
  auto key = pool_key(worker, snapshot, hop);
  const auto own_key = key;
  key.carries = carries;
  const auto protocol = carries ? detect::MeshProtocol::multiplexed : detect::MeshProtocol::http2;
  auto& pool = worker.shared_pool;
  const auto not_before = wanted.not_before;
  if (!pool.is_awaited(key)) {
    if (auto lease = take_shared(worker, snapshot, key, wanted, trace)) co_return lease;
  }
  auto place = stand_in_line(worker, view.snapshot(), hop, key, not_before);
  if (!place) co_return place.error();
  for (;;) {
    // Whoever waits for another's dial waits no longer than for its own; whoever waits for a stream
    // or a permit does so under the request's deadline.
    Scope connecting(scope);
    if (!pool.is_full(key, not_before))
      connecting.set_deadline(worker.loop.now() + connect_timeout, connect_timed_out());
    const auto turn = co_await worker.shared_dial_gate.enter(key, connecting);
    if (!turn && !scope.cancelled() && pool.is_full(key, not_before)) continue;
    if (!turn) co_return turn.error();
    place->leave();
    if (auto lease = take_shared(worker, snapshot, key, wanted, trace)) co_return lease;
    if (pool.is_settling(key)) {
      // Not another connection for the sake of one round trip.
      upstream::SharedPool::Wait settling(pool, key, connecting);
      (void)co_await sleep_until(settling.scope, worker.loop.now() + limits::kSettlingMax);
    }
    if (auto lease = take_shared(worker, snapshot, key, wanted, trace)) co_return lease;
    if (pool.is_unshared(key, worker.loop.now())) break;
    connecting.clear_deadline();
    auto permit = co_await permit_or_stream(worker, snapshot, hop, key, connecting);
    if (!permit) co_return permit.error();
    if (auto lease = take_shared(worker, snapshot, key, wanted, trace)) co_return lease;
    if (!*permit && hop.backend != Destination::kNone) continue;
    connecting.set_deadline(worker.loop.now() + connect_timeout, connect_timed_out());
    trace.add(worker.loop.now(), Stage::connect, Event::dialling, hop.endpoint_id);
    auto plan = plan_for(snapshot, hop, protocol);
    const auto began = worker.loop.now();
    auto dialled = co_await upstream::dial(worker.dialer, worker.tls, worker.telemetry, trace,
                                           std::move(plan), connecting);
    if (!dialled) {
      note_given_up(worker, hop, began, scope);
      co_return dialled.error();
    }
    if (!carries || dialled->protocol == detect::MeshProtocol::multiplexed) {
      co_return share(std::move(*dialled), key, snapshot, std::move(*permit), worker, trace);
    }
    pool.note_unshared(key, worker.loop.now());
    co_return made_from(std::move(*dialled), own_key, snapshot, std::move(*permit), worker);
  }
  // Its sidecar knows of no sharing: not in the others' way here.
  co_return co_await obtain_own(worker, view, hop, wanted, connect_timeout, trace, scope);
}

bool is_multiplexed(const Snapshot& snapshot, const Hop& hop) {
  if (hop.backend == Destination::kNone) return false;
  const auto& tls = snapshot.backends[hop.backend].settings->tls;
  return tls.mode == UpstreamTls::mesh && tls.multiplex;
}

}  // namespace

Task<Result<upstream::LeasePtr>> obtain(Worker& worker, View& view, Hop hop, Wanted wanted,
                                        Duration connect_timeout, telemetry::Trace& trace,
                                        Scope& scope) {
  auto key = pool_key(worker, view.snapshot(), hop);
  if (auto taken = take_pooled(worker, key, wanted, trace)) co_return taken;
  bool shares = is_multiplexed(view.snapshot(), hop);
  if (shares) {
    key.carries = true;
    shares = !worker.shared_pool.is_unshared(key, worker.loop.now());
  }
  if (shares) {
    co_return co_await obtain_shared(worker, view, hop, true, wanted, connect_timeout, trace,
                                     scope);
  }
  co_return co_await obtain_own(worker, view, hop, wanted, connect_timeout, trace, scope);
}

Task<Result<upstream::LeasePtr>> obtain_stream(Worker& worker, View& view, Hop hop,
                                               TimePoint not_before, Duration connect_timeout,
                                               telemetry::Trace& trace, Scope& scope) {
  Wanted wanted;
  wanted.not_before = not_before;
  return obtain_shared(worker, view, hop, false, wanted, connect_timeout, trace, scope);
}

}  // namespace epaulet::path
