#include <cstdlib>

#include "admin/surfaces.h"
#include "dns/observer.h"
#include "io/tcp.h"
#include "redirect/report.h"
#include "server/admin_parts.h"
#include "server/locality.h"
#include "server/status.h"

namespace epaulet::server {
namespace {

/// The numbers above zero of an array that is indexed by reasons.
template <class Reason, class Counts>
std::vector<telemetry::ControlMetrics::Reason> reasons_of(const Counts& counts) {
  std::vector<telemetry::ControlMetrics::Reason> reasons;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) reasons.push_back({name_of(static_cast<Reason>(i)), counts[i]});
  }
  return reasons;
}

void add_health(telemetry::ControlMetrics& metrics, const path::Snapshot& snapshot, TimePoint now) {
  snapshot.for_each_breaker([&](const path::BreakerState& state) {
    const auto ledger = state.breaker->ledger();
    metrics.breakers.push_back({telemetry::text_of(state.service), telemetry::text_of(state.route),
                                telemetry::text_of(state.backend), name_of(ledger.state),
                                ledger.refused,
                                reasons_of<resilience::Breaker::Reason>(ledger.transitions)});
  });
  snapshot.for_each_rate_limit([&](const path::RateLimitState& state) {
    const auto totals = state.limit->totals();
    metrics.rate_limits.push_back({telemetry::text_of(state.service),
                                   telemetry::text_of(state.name), totals.allowed, totals.refused,
                                   totals.evicted});
  });
  if (snapshot.concurrency.limit != nullptr) {
    const auto numbers = snapshot.concurrency.limit->numbers();
    auto& out = metrics.concurrency.emplace();
    out.limit = numbers.limit;
    out.in_flight = numbers.in_flight;
    out.measuring = numbers.measuring;
    out.at_rest_seconds = std::chrono::duration<double>(numbers.at_rest).count();
    for (std::size_t i = 0; i < numbers.admitted.size(); ++i) {
      out.kinds.push_back({resilience::name_of(static_cast<Criticality>(i)), numbers.admitted[i],
                           numbers.refused[i]});
    }
  }
  for (const auto& service : snapshot.services) {
    for (const auto& route : service.routes) {
      const auto* kept = route.fallback.last_good.get();
      if (kept == nullptr) continue;
      metrics.last_good.push_back({telemetry::text_of(service.name), telemetry::text_of(route.name),
                                   kept->bytes() + kept->reserved(), kept->refused()});
    }
  }
  for (const auto& backend : snapshot.backends) {
    auto totals = backend.outliers->totals(now);
    // A return to service is no ejection.
    totals.changes[static_cast<std::size_t>(resilience::Outliers::Reason::try_succeeded)] = 0;
    metrics.outliers.push_back({telemetry::text_of(backend.name), totals.ejected, totals.withheld,
                                reasons_of<resilience::Outliers::Reason>(totals.changes),
                                totals.spared, totals.pauses});
    if (!backend.checks) continue;
    const auto checks = backend.checks->totals();
    metrics.health_checks.push_back({telemetry::text_of(backend.name), checks.healthy,
                                     checks.unhealthy, checks.unchecked, checks.panics,
                                     checks.passed, checks.failed, checks.became_healthy,
                                     checks.became_unhealthy});
  }
}

}  // namespace

/// Empty: whoever asks may send traffic. A sentence each, without principals.
std::vector<std::string> Process::unready_reasons() const {
  std::vector<std::string> reasons;
  if (draining_since_) reasons.emplace_back("the sidecar is draining");
  const auto& identity = snapshot_->settings.identity;
  if (!identity.dir.empty() && identity.service.empty() && !identity_->context()) {
    reasons.emplace_back("no usable certificate files yet; /certs on the admin port says why");
  }
  if (!identity.service.empty() && !identity_->context()) {
    reasons.emplace_back("waiting for a certificate of " + identity.service +
                         "; /certs on the admin port says why there is none yet");
  }
  if (const auto& context = identity_->context();
      context && context->identity().not_after() <= wall_now()) {
    reasons.emplace_back("the certificate has expired");
  }
  for (const auto& status : remote_keys_->status()) {
    if (!status.is_first_attempt) continue;
    reasons.push_back("the keys of issuer " + status.issuer + " are being fetched the first time");
  }
  // Absent: whoever started the sidecar installed no rules, or others did. Refused rules are
  // another matter.
  if (const auto report = redirect::read_report(options_.redirect_result); report && !report->ok) {
    reasons.push_back(redirect::complaint(*report));
  }
  if (rules_watch_ && rules_watch_->stand() == false)
    reasons.emplace_back("the redirect rules are gone; create the pod anew");
  return reasons;
}

telemetry::ControlMetrics Process::control_metrics() const {
  telemetry::ControlMetrics metrics;
  metrics.ready = unready_reasons().empty();
  metrics.started = started_at_;
  metrics.workers = static_cast<std::uint32_t>(workers_.size());
  metrics.config_version = version_;
  metrics.config_loaded = counts_.config_loaded;
  metrics.config_rejected = counts_.config_rejected;
  metrics.config_deferred = counts_.config_deferred;
  metrics.config_last_loaded = configured_at_;
  metrics.config_last_rejected = rejected_at_;
  metrics.identity_configured = identity_->configured();
  if (const auto& context = identity_->context()) {
    metrics.identity_not_after = context->identity().not_after();
    metrics.identity_usable = *metrics.identity_not_after > wall_now();
  }
  metrics.identity_loaded = counts_.identity_loaded;
  metrics.identity_rejected = counts_.identity_rejected;
  if (enroll_) {
    const auto& status = enroll_->status();
    metrics.renewals = {{"renewed", status.renewed},
                        {"unreachable", status.unreachable},
                        {"untrusted", status.untrusted},
                        {"refused", status.refused},
                        {"unusable", status.unusable}};
    metrics.renewal_failing = !status.last_error.empty();
  }
  for (const auto& status : remote_keys_->status()) {
    telemetry::ControlMetrics::Issuer issuer;
    issuer.name = status.issuer;
    issuer.keys = status.keys;
    issuer.fetched = status.fetched_at;
    issuer.is_failing = !status.last_error.empty();
    for (std::size_t i = 0; i < status.fetches.size(); ++i)
      issuer.fetches.push_back({name_of(static_cast<jwks::FetchResult>(i)), status.fetches[i]});
    metrics.issuers.push_back(std::move(issuer));
  }
  metrics.spans = span_metrics();
  for (const auto& [name, server] : admin_->pages())
    metrics.pages.push_back({name, server->refused()});
  if (directory_) {
    const auto& status = directory_->status();
    auto& directory = metrics.directory.emplace();
    directory.connected = status.connected;
    directory.is_failing = !status.last_error.empty();
    directory.streams = status.streams;
    directory.views = status.views;
    directory.failures = status.failures;
    directory.heard = status.heard_at;
  }
  const auto& looks = endpoints_->looks();
  metrics.looks_answered = looks.answered;
  metrics.looks_unknown = looks.unknown;
  metrics.looks_failed = looks.failed;
  metrics.endpoint_addresses_refused = looks.addresses_refused;
  metrics.state_failures = virtual_addresses_.storage_failures() + endpoints_->storage_failures() +
                           remote_keys_->storage_failures();
  if (rules_watch_) metrics.rules_stand = rules_watch_->stand();
  metrics.clock_jumps = clock_watch_->jumps();
  for (std::size_t i = 0; i < static_cast<std::size_t>(DnsResult::count_); ++i) {
    const auto result = static_cast<DnsResult>(i);
    metrics.dns_queries.push_back({name_of(result), dns_server_->counters().of(result)});
  }
  for (const auto& status : endpoints_->snapshot()) {
    metrics.endpoints.push_back({status.set->backend, status.set->endpoints.size()});
  }
  add_health(metrics, *snapshot_, loop_.now());
  add_localities(metrics);
  return metrics;
}

void Process::add_localities(telemetry::ControlMetrics& metrics) const {
  for (const auto& backend : snapshot_->backends) {
    const auto set = endpoints_->find(backend.settings->name);
    const auto locality =
        set == nullptr ? std::nullopt : locality_of(backend, *set, own_zone(), loop_.now());
    if (locality) metrics.localities.push_back({backend.settings->name, locality->own_share});
  }
}

void Process::note_refused_page(std::string_view page) {
  constexpr std::chrono::seconds kEvery{10};  // The metrics count them all.
  if (refused_page_at_ && loop_.now() < *refused_page_at_ + kEvery) return;
  refused_page_at_ = loop_.now();
  shards_.front()->log().warning(
      wall_now(), "page_connection_refused",
      "so many connections to the admin, metrics or health port that one of them was reset",
      {{"page", page}});
}

void Process::start_admin() {
  admin_ = std::make_unique<AdminParts>();
  AdminParts& parts = *admin_;
  parts.dialer = make_tcp_dialer(loop_);
  parts.probes = std::make_unique<admin::AppProbes>(*parts.dialer);
  parts.probes->set(snapshot_->settings.workload.probes);
  // Not of the configuration: what the kubelet asks and what we answer change together only.
  const char* const given = std::getenv("EPAULET_PROBE_SECRET");
  const std::string secret = given == nullptr ? "" : given;
  parts.probes->set_secret(secret);
  parts.end = std::make_unique<admin::EndPage>(
      secret,
      admin::EndPage::Seams{[this] { begin_drain(true); }, [this] { return draining_since_; }});
  parts.app_metrics = std::make_unique<admin::AppMetrics>(*parts.dialer);
  parts.app_metrics->set(snapshot_->settings.workload.metrics);
  parts.app_metrics->set_on_change([this](std::string_view why) {
    auto& log = shards_.front()->log();
    if (why.empty())
      return log.info(wall_now(), "app_metrics_back", "the app's metrics are served again");
    log.warning(wall_now(), "app_metrics_failing",
                "the app's metrics (workload.metrics) are left out of /metrics", {{"reason", why}});
  });

  const auto readiness = [this] {
    auto reasons = unready_reasons();
    return admin::Readiness{reasons.empty(), std::move(reasons)};
  };
  admin::AdminSources sources;
  sources.config = [this] { return config_json(*snapshot_, configured_at_, rejection_); };
  sources.services = [this] { return services_json(*snapshot_, *addresses_); };
  sources.endpoints = [this] {
    return endpoints_json(*snapshot_, *endpoints_, own_zone(), {loop_.now(), wall_now()});
  };
  sources.certs = [this] { return certs_json(*identity_, enroll_ ? &enroll_->status() : nullptr); };
  sources.issuers = [this] { return issuers_json(remote_keys_->status()); };
  sources.explain = [this] { return explain_->all(); };
  sources.explain_one = [this](std::string_view id) { return explain_->find(id); };
  sources.readiness = readiness;

  telemetry::Metrics::Sources metrics;
  for (const auto& shard : shards_) metrics.shards.push_back(shard.get());
  metrics.log_writer = &log_writer_;
  metrics.control = [this] { return control_metrics(); };
  metrics.page_refusals = [&parts] {
    std::vector<telemetry::Metrics::PageRefusals> refusals;
    for (const auto& [name, server] : parts.pages()) refusals.push_back({name, server->denied()});
    return refusals;
  };
  metrics.version = options_.version;
  parts.metrics = std::make_unique<telemetry::Metrics>(std::move(metrics));

  parts.admin =
      std::make_unique<admin::AdminServer>(loop_, admin::admin_surface(std::move(sources)));
  parts.metrics_server = std::make_unique<admin::AdminServer>(
      loop_,
      admin::metrics_surface([&parts] { return parts.metrics->text(); },
                             telemetry::Metrics::kContentType),
      nullptr, parts.app_metrics.get());
  parts.health = std::make_unique<admin::AdminServer>(loop_, admin::health_surface(readiness),
                                                      parts.probes.get(), nullptr, parts.end.get());

  const auto pages = parts.pages();
  for (std::size_t place = 0; place < pages.size(); ++place) {
    const auto [page, server] = pages[place];
    server->set_on_refused([this, page = page] { note_refused_page(page); });
    server->set_on_denied([this, &parts, place, page = page](std::uint16_t status) {
      if (!parts.says_denial(place, loop_.now())) return;
      shards_.front()->log().warning(
          wall_now(), "page_request_refused",
          "a request at the admin, metrics or health port was refused; its answer says why",
          {{"page", page}, {"status", std::int64_t{status}}});
    });
  }

  const auto listen = [&](admin::AdminServer& server, const char* name) {
    const int descriptor = listeners_.descriptor(name, 0);
    if (descriptor < 0) return;
    parts.listeners.push_back(make_tcp_listener(loop_, descriptor));
    server.listen(*parts.listeners.back());
  };
  listen(*parts.admin, "admin-v4");
  listen(*parts.admin, "admin-v6");
  listen(*parts.metrics_server, "metrics");
  listen(*parts.health, "health");
}

}  // namespace epaulet::server
