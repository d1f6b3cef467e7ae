#include "path/health_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "config/health_check_settings.h"

namespace epaulet::path {
namespace {

using resilience::HealthBoard;

/// What says nothing of the endpoint, for the lack of a certificate say, is soon tried again.
constexpr std::chrono::seconds kAgainSoon{1};
const Error kLeft{ErrorCode::cancelled, Side::self, Stage::none};

Error timed_out() {
  return {ErrorCode::attempt_timeout, Side::upstream, Stage::receive, Retry::never};
}

void tell_change(Worker& worker, const BackendState& backend, const SocketAddress& endpoint,
                 HealthBoard::State to, std::uint32_t in_row, const HealthBoard::Finding& finding) {
  const bool is_bad = to == HealthBoard::State::unhealthy;
  const auto message = is_bad ? fmt::format("an endpoint fails its health check: {}", finding.text)
                              : std::string("an endpoint passes its health check");
  telemetry::HealthRecord record;
  record.event = is_bad ? "endpoint_unhealthy" : "endpoint_healthy";
  record.message = message;
  record.reason = is_bad ? "check_failed" : "check_passed";
  record.is_bad_news = is_bad;
  record.backend = backend.name;
  record.endpoint = telemetry::intern_foreign(endpoint.to_string());
  record.consecutive = in_row;
  if (is_bad) {
    record.outcome = finding.code;
    record.status = finding.status;
    record.grpc_status = finding.grpc_status;
  }
  worker.telemetry.report(record, worker.loop.wall_now());
}

void tell_panic(Worker& worker, const BackendState& backend, bool panics) {
  telemetry::HealthRecord record;
  record.event = panics ? "health_checks_not_heeded" : "health_checks_heeded";
  record.message = panics ? "too few endpoints pass their health check: all get requests, whatever "
                            "it says (health_check.panic_threshold)"
                          : "enough endpoints pass their health check: the others get no requests";
  record.reason = "panic_threshold";
  record.is_bad_news = panics;
  record.backend = backend.name;
  const auto totals = backend.checks->totals();
  record.calls = totals.healthy + totals.unhealthy;
  record.failures = totals.unhealthy;
  worker.telemetry.report(record, worker.loop.wall_now());
}

}  // namespace

HealthChecks::HealthChecks(Worker& worker)
    : worker_(worker), schedule_(limits::kHealthChecksAtOnceMax) {
  follow();
}

/// Null: there is none of this name, or its endpoints are not checked.
const BackendState* HealthChecks::checked_backend(const std::string& name) const {
  const auto index = worker_.view->index_of(name);
  if (!index) return nullptr;
  const auto& backend = worker_.view->snapshot().backends[*index];
  return backend.checks ? &backend : nullptr;
}

void HealthChecks::follow() {
  if (stopped_) return;
  std::vector<std::string> gone;
  for (const auto& [name, board] : boards_) {
    if (checked_backend(name) == nullptr) gone.push_back(name);
  }
  for (const auto& name : gone) follow(name);
  for (const auto& backend : worker_.view->snapshot().backends) {
    if (backend.checks) follow(backend.settings->name);
  }
}

void HealthChecks::follow(const std::string& name) {
  if (stopped_) return;
  const BackendState* const backend = checked_backend(name);
  const auto set = backend == nullptr ? nullptr : worker_.view->find(name);
  std::vector<SocketAddress> endpoints;
  if (set) {
    for (const auto& endpoint : set->endpoints) endpoints.push_back(endpoint.address);
  }
  // Other rules, or another question: all begins anew.
  const bool begins_anew = backend == nullptr || boards_[name].lock() != backend->checks;
  std::vector<Id> gone;
  const SocketAddress lowest{IpAddress::v6({}), 0};  // IPv6 comes before IPv4.
  for (auto it = ids_.lower_bound({name, lowest}); it != ids_.end() && it->first.first == name;
       ++it) {
    if (begins_anew || !std::binary_search(endpoints.begin(), endpoints.end(), it->first.second))
      gone.push_back(it->second);
  }
  for (const Id id : gone) remove(id);
  if (backend == nullptr) {
    boards_.erase(name);
    panics_.erase(name);
    // A check that ended while the new snapshot was on its way may have spoken last.
    if (const auto index = worker_.view->index_of(name))
      worker_.view->snapshot().backends[*index].outliers->heed(nullptr);
    return;
  }
  boards_[name] = backend->checks;
  backend->checks->adopt(endpoints);
  for (const auto& endpoint : endpoints) add({name, endpoint}, *backend);
  heed(*backend);
  arm();  // Whoever brought the endpoints is not to wait for what is begun.
}

void HealthChecks::add(const Name& name, const BackendState& backend) {
  if (ids_.contains(name)) return;
  const Id id = ++last_id_;
  ids_.emplace(name, id);
  targets_.emplace(id, Target{name.first, name.second});
  const auto& check = *backend.settings->health_check;
  const bool is_awaited = check.initially == InitialHealth::unhealthy;
  schedule_.add(id, worker_.loop.now() + resilience::pause_before_first(check.interval, is_awaited,
                                                                        worker_.loop.random()));
}

void HealthChecks::remove(Id id) {
  const auto found = targets_.find(id);
  Target& target = found->second;
  schedule_.remove(id);
  ids_.erase({target.backend, target.endpoint});
  Scope* const under_way = target.under_way;
  targets_.erase(found);
  if (under_way != nullptr) under_way->cancel(kLeft);
}

void HealthChecks::stop() {
  stopped_ = true;
  Timer::disarm();
  while (!targets_.empty()) remove(targets_.begin()->first);
}

void HealthChecks::go_on() {
  if (stopped_ || worker_.root.cancelled()) return;
  while (const auto id = schedule_.begin(worker_.loop.now())) worker_.loop.spawn(check(*id));
  arm();
}

void HealthChecks::arm() {
  if (const auto at = schedule_.wake_at()) {
    worker_.loop.timers().arm(*this, *at);
  } else {
    Timer::disarm();
  }
}

std::optional<Hop> HealthChecks::hop_to(const Target& target) const {
  const auto& view = *worker_.view;
  const auto index = view.index_of(target.backend);
  const EndpointSet* const set = index ? view.endpoints(*index) : nullptr;
  if (set == nullptr || !view.snapshot().backends[*index].checks) return std::nullopt;
  for (const auto& endpoint : set->endpoints) {
    if (endpoint.address != target.endpoint) continue;
    Hop hop;
    hop.backend = *index;
    hop.endpoint = endpoint.address;
    hop.identity = endpoint.identity;
    return hop;
  }
  return std::nullopt;
}

Task<void> HealthChecks::check(Id id) {
  const auto found = targets_.find(id);
  auto hop = found == targets_.end() ? std::nullopt : hop_to(found->second);
  std::optional<HealthBoard::Finding> finding;
  if (hop) {
    Scope scope(worker_.root);
    const auto& settings = *worker_.view->snapshot().backends[hop->backend].settings;
    scope.set_deadline(worker_.loop.now() + settings.health_check->timeout, timed_out());
    found->second.under_way = &scope;
    const auto probe = std::make_unique<Probe>(worker_, worker_.view, std::move(*hop));
    finding = co_await probe->run(scope);
    if (const auto still = targets_.find(id); still != targets_.end())
      still->second.under_way = nullptr;
  }
  note(id, finding);
}

void HealthChecks::note(Id id, const std::optional<HealthBoard::Finding>& finding) {
  const auto now = worker_.loop.now();
  const auto found = targets_.find(id);
  const BackendState* const backend =
      found == targets_.end() ? nullptr : checked_backend(found->second.backend);
  if (backend == nullptr) {  // It has left.
    if (found != targets_.end()) remove(id);
    schedule_.ended(id, now);
    return arm();
  }
  const auto& check = *backend->settings->health_check;
  const auto interval =
      finding ? check.interval : std::min<std::chrono::nanoseconds>(check.interval, kAgainSoon);
  const auto next =
      now + resilience::pause_between_checks(interval, check.jitter, worker_.loop.random());
  schedule_.ended(id, next);
  if (finding) {
    const auto& endpoint = found->second.endpoint;
    const auto settled = backend->checks->settle(endpoint, *finding, now, next);
    if (settled.to) {
      // That somebody is well to begin with is no news, but where it was waited for.
      const bool is_unhealthy = *settled.to == HealthBoard::State::unhealthy;
      const bool is_awaited = check.initially == InitialHealth::unhealthy;
      if (is_unhealthy || found->second.was_unhealthy || is_awaited)
        tell_change(worker_, *backend, endpoint, *settled.to, settled.in_row, *finding);
      found->second.was_unhealthy = is_unhealthy;
      heed(*backend);
    }
  }
  // The next one is begun by the timer: a check that ends at once would begin it on its own stack.
  arm();
}

void HealthChecks::heed(const BackendState& backend) {
  backend.outliers->heed(backend.checks);
  const bool panics = backend.checks->totals().panics;
  bool& told = panics_[backend.settings->name];
  if (panics != told) tell_panic(worker_, backend, panics);
  told = panics;
}

}  // namespace epaulet::path
