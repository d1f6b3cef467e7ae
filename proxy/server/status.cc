#include "server/status.h"

#include <boost/json.hpp>

#include "base/error_table.h"
#include "config/health_check_settings.h"
#include "config/settings_json.h"
#include "server/locality.h"

namespace epaulet::server {
namespace {

namespace json = boost::json;

std::string_view name_of(PortProtocol protocol) {
  switch (protocol) {
    case PortProtocol::automatic:
      return "auto";
    case PortProtocol::http:
      return "http";
    case PortProtocol::tcp:
      return "tcp";
  }
  return "auto";
}

json::array routes_of(const path::ServiceState& service) {
  json::array routes;
  for (const Route& route : service.table.routes()) {
    json::array targets;
    for (const auto& target : route.targets()) {
      targets.push_back({{"backend", target.backend}, {"weight", target.weight}});
    }
    routes.push_back({{"name", route.name()},
                      {"source", route.origin().to_string()},
                      {"to", std::move(targets)}});
  }
  return routes;
}

json::object certificate(const Certificate& from) {
  return {{"subject", from.subject()},
          {"issuer", from.issuer()},
          {"sha256", hex(from.fingerprint())},
          {"not_before", rfc3339(from.not_before())},
          {"not_after", rfc3339(from.not_after())}};
}

json::array certificates(const std::vector<Certificate>& all) {
  json::array list;
  for (const auto& one : all) list.push_back(certificate(one));
  return list;
}

std::string at(const Clocks& clocks, TimePoint time) {
  return rfc3339(clocks.wall_now + (time - clocks.now));
}

void add_number(json::object& out, std::string_view name, std::uint64_t value) {
  if (value != 0) out[name] = value;
}

/// The last failure before a change.
void add_blame(json::object& out, const resilience::Blame& blame) {
  if (blame.endpoint != 0) out["endpoint"] = telemetry::text_of(blame.endpoint);
  if (blame.code != ErrorCode::none) out["outcome"] = describe(blame.code).name;
  add_number(out, "status", blame.status);
  if (blame.grpc_status) out["grpc_status"] = *blame.grpc_status;
}

json::object evidence(const resilience::CallWindow::Sums& sums, std::uint32_t consecutive,
                      const resilience::Blame& blame) {
  json::object out;
  add_number(out, "calls", sums.calls);
  add_number(out, "failures", sums.failures);
  add_number(out, "slow", sums.slow);
  add_number(out, "consecutive", consecutive);
  json::object last;
  add_blame(last, blame);
  if (!last.empty()) out["last_failure"] = std::move(last);
  return out;
}

json::object breaker_json(const path::BreakerState& state, const Clocks& clocks) {
  using State = resilience::Breaker::State;
  const auto ledger = state.breaker->ledger();
  json::object out{{"backend", telemetry::text_of(state.backend)}};
  if (state.route != 0) {
    out["service"] = telemetry::text_of(state.service);
    out["route"] = telemetry::text_of(state.route);
  }
  out["source"] = telemetry::text_of(state.source);
  out["state"] = name_of(ledger.state);
  const auto sums = state.breaker->sums(clocks.now);
  out["window"] =
      json::object{{"calls", sums.calls}, {"failures", sums.failures}, {"slow", sums.slow}};
  add_number(out, "refused", ledger.refused);
  if (ledger.last.reason == resilience::Breaker::Reason::none) return out;
  out["since"] = at(clocks, ledger.since);
  out["reason"] = name_of(ledger.last.reason);
  if (ledger.state == State::closed) return out;
  if (ledger.state == State::open) out["until"] = at(clocks, ledger.until);
  out["evidence"] = evidence(ledger.last.sums, ledger.last.consecutive, ledger.blame);
  return out;
}

json::array breakers_json(const path::Snapshot& snapshot, const Clocks& clocks) {
  json::array out;
  snapshot.for_each_breaker(
      [&](const path::BreakerState& state) { out.push_back(breaker_json(state, clocks)); });
  return out;
}

json::object concurrency_json(const path::ConcurrencyState& state) {
  const auto numbers = state.limit->numbers();
  const auto us = [](std::chrono::nanoseconds time) { return time.count() / 1000; };
  json::object admitted;
  json::object refused;
  for (std::size_t i = 0; i < numbers.admitted.size(); ++i) {
    const auto name = resilience::name_of(static_cast<Criticality>(i));
    admitted[name] = numbers.admitted[i];
    refused[name] = numbers.refused[i];
  }
  return {{"source", telemetry::text_of(state.source)},
          {"limit", numbers.limit},
          {"in_flight", numbers.in_flight},
          {"measuring", numbers.measuring},
          {"latency_at_rest_us", us(numbers.at_rest)},
          {"latency_us", us(numbers.median)},
          {"admitted", std::move(admitted)},
          {"refused", std::move(refused)}};
}

/// Only those of which there is something to say.
json::array outliers_json(const resilience::Outliers& outliers, const Clocks& clocks) {
  using Standing = resilience::Outliers::Standing;
  json::array out;
  for (const auto& entry : outliers.entries(clocks.now)) {
    const bool is_known = entry.ejections > 0 || entry.consecutive > 0 || entry.pauses > 0;
    if (entry.standing == Standing::in && !is_known) continue;
    json::object one{{"address", entry.address.to_string()}, {"state", name_of(entry.standing)}};
    if (!entry.is_member) one["departed"] = true;
    add_number(one, "consecutive_failures", entry.consecutive);
    add_number(one, "ejections", entry.ejections);
    add_number(one, "pauses", entry.pauses);
    // Whoever is unhealthy stays so until its checks pass, which they say themselves.
    const bool has_end = entry.standing != Standing::in && entry.standing != Standing::unhealthy;
    if (has_end) one["until"] = at(clocks, entry.until);
    const bool is_ejected = entry.standing == Standing::out || entry.standing == Standing::due;
    if (is_ejected) {
      one["since"] = at(clocks, entry.since);
      one["reason"] = name_of(entry.last.reason);
      one["evidence"] = evidence(entry.last.sums, entry.last.consecutive, entry.blame);
    }
    if (entry.standing == Standing::spared) {
      one["since"] = at(clocks, entry.paused);
      one["reason"] = "retry_after";
      one["evidence"] = json::object{{"status", entry.paused_by}};
    }
    out.push_back(std::move(one));
  }
  return out;
}

json::object finding_json(const resilience::HealthBoard::Finding& finding) {
  json::object out{{"what", finding.text}};
  if (finding.code != ErrorCode::none) out["outcome"] = describe(finding.code).name;
  add_number(out, "status", finding.status);
  if (finding.grpc_status) out["grpc_status"] = *finding.grpc_status;
  return out;
}

std::string question_of(const HealthCheckSettings& check, const std::string& backend) {
  if (check.tcp) return "tcp";
  if (check.grpc) return check.grpc->service.empty() ? "grpc" : "grpc " + check.grpc->service;
  return "GET " + check.http->path + " of " +
         (check.http->host.empty() ? backend : check.http->host);
}

/// What `health_check` has found, of every endpoint: who is left out, why, and when it is asked
/// again.
json::object checks_json(const path::BackendState& backend, const Clocks& clocks) {
  using State = resilience::HealthBoard::State;
  const auto totals = backend.checks->totals();
  json::array endpoints;
  for (const auto& entry : backend.checks->entries()) {
    json::object one{{"address", entry.address.to_string()},
                     {"state", name_of(entry.state)},
                     {"left_out", entry.is_left_out}};
    if (entry.state != State::unchecked) one["since"] = at(clocks, entry.since);
    if (entry.checked) {
      one["checked_at"] = at(clocks, *entry.checked);
      one["next_at"] = at(clocks, entry.next);
      one["last"] = finding_json(entry.last);
      one[entry.last.passed ? "passed_in_a_row" : "failed_in_a_row"] = entry.in_row;
    }
    if (entry.last_failure) one["last_failure"] = finding_json(*entry.last_failure);
    endpoints.push_back(std::move(one));
  }
  return {{"question", question_of(*backend.settings->health_check, backend.settings->name)},
          {"healthy", totals.healthy},
          {"unhealthy", totals.unhealthy},
          {"unchecked", totals.unchecked},
          {"panic", totals.panics},
          {"endpoints", std::move(endpoints)}};
}

/// Of those endpoints whose zone is known.
json::object zones_json(const EndpointSet& set) {
  json::object zones;
  for (const auto& endpoint : set.endpoints) {
    if (endpoint.zone.empty()) continue;
    auto& zone = zones[endpoint.zone];
    if (!zone.is_array()) zone.emplace_array();
    zone.get_array().emplace_back(endpoint.address.to_string());
  }
  return zones;
}

/// For which zones endpoints are, by topology hints.
json::object hints_json(const EndpointSet& set) {
  json::object zones;
  for (const auto& endpoint : set.endpoints) {
    for (const auto& name : endpoint.for_zones) {
      auto& zone = zones[name];
      if (!zone.is_array()) zone.emplace_array();
      zone.get_array().emplace_back(endpoint.address.to_string());
    }
  }
  return zones;
}

json::object locality_json(std::string_view own_zone, const Locality& locality) {
  return {{"own_zone", own_zone},
          {"by", locality.by == Nearness::hints ? "hints" : "zones"},
          {"own_share", locality.own_share},
          {"own", json::object{{"well", locality.own_well}, {"endpoints", locality.own}}},
          {"others", json::object{{"well", locality.others_well}, {"endpoints", locality.others}}}};
}

json::object renewal(const enroll::EnrollStatus& status) {
  json::object answer{{"renewed", status.renewed}};
  if (status.renewed_at) answer["renewed_at"] = rfc3339(*status.renewed_at);
  if (status.next_at) answer["next_at"] = rfc3339(*status.next_at);
  if (status.failed_at) answer["failed_at"] = rfc3339(*status.failed_at);
  if (!status.last_error.empty()) answer["last_error"] = status.last_error;
  return answer;
}

}  // namespace

std::string config_json(const path::Snapshot& snapshot, WallTime loaded_at,
                        const std::string& rejection) {
  json::object answer{{"version", snapshot.version}, {"loaded_at", rfc3339(loaded_at)}};
  if (!rejection.empty()) answer["rejected"] = rejection;
  answer["settings"] = json::parse(settings_to_json(snapshot.settings));
  return json::serialize(answer);
}

std::string services_json(const path::Snapshot& snapshot, const VirtualAddressTable& addresses) {
  json::array list;
  for (const auto& service : snapshot.services) {
    json::object entry{{"name", service.settings->name},
                       {"source", service.settings->origin.to_string()}};
    json::object ports;
    for (const auto& [port, protocol] : service.settings->ports) {
      ports[std::to_string(port)] = name_of(protocol);
    }
    entry["ports"] = std::move(ports);
    json::array virtual_addresses;
    if (const auto* address = addresses.find(service.settings->name)) {
      virtual_addresses.emplace_back(address->v4.to_string());
      if (address->v6) virtual_addresses.emplace_back(address->v6->to_string());
    }
    entry["addresses"] = std::move(virtual_addresses);
    entry["routes"] = routes_of(service);
    list.push_back(std::move(entry));
  }
  return json::serialize(
      json::object{{"version", snapshot.version}, {"services", std::move(list)}});
}

std::string endpoints_json(const path::Snapshot& snapshot, const Endpoints& endpoints,
                           std::string_view own_zone, const Clocks& clocks) {
  json::array list;
  for (const auto& status : endpoints.snapshot()) {
    json::array addresses;
    for (const auto& endpoint : status.set->endpoints)
      addresses.emplace_back(endpoint.address.to_string());
    json::object entry{
        {"backend", status.set->backend},    {"source", status.kind},
        {"endpoints", std::move(addresses)}, {"ever_had_endpoint", status.set->ever_had_endpoint},
        {"version", status.set->version},    {"updated_at", rfc3339(status.set->updated_at)}};
    auto zones = zones_json(*status.set);
    if (!zones.empty()) entry["zones"] = std::move(zones);
    json::array service_addresses;
    for (const auto& address : status.set->service_addresses)
      service_addresses.emplace_back(address.to_string());
    if (!service_addresses.empty()) entry["service_addresses"] = std::move(service_addresses);
    auto hints = hints_json(*status.set);
    if (!hints.empty()) entry["hints"] = std::move(hints);
    if (status.set->last_error) entry["last_error"] = describe(status.set->last_error->code).name;
    for (const auto& backend : snapshot.backends) {
      if (backend.settings->name != status.set->backend) continue;
      entry["connections"] = json::object{{"in_use", backend.limit->in_use()},
                                          {"max", backend.limit->connections_max()},
                                          {"waiting", backend.limit->waiting()}};
      const auto totals = backend.outliers->totals(clocks.now);
      entry["outliers"] = json::object{{"ejected", totals.ejected},
                                       {"spared", totals.spared},
                                       {"withheld", totals.withheld},
                                       {"endpoints", outliers_json(*backend.outliers, clocks)}};
      if (backend.checks) entry["health_checks"] = checks_json(backend, clocks);
      if (const auto locality = locality_of(backend, *status.set, own_zone, clocks.now))
        entry["locality"] = locality_json(own_zone, *locality);
    }
    list.push_back(std::move(entry));
  }
  json::object page{{"backends", std::move(list)}, {"breakers", breakers_json(snapshot, clocks)}};
  if (!own_zone.empty()) page["zone"] = own_zone;
  if (snapshot.concurrency.limit != nullptr)
    page["concurrency"] = concurrency_json(snapshot.concurrency);
  return json::serialize(page);
}

std::string certs_json(const IdentityKeeper& keeper, const enroll::EnrollStatus* enrolling) {
  json::object answer{{"configured", keeper.configured()}};
  if (const auto& context = keeper.context()) {
    const Identity& identity = context->identity();
    answer["identity"] = identity.id().text();
    answer["not_after"] = rfc3339(identity.not_after());
    answer["source"] = keeper.is_from_service() ? "service" : "files";
    answer["chain"] = certificates(identity.chain());
    answer["bundle"] = certificates(identity.bundle());
  }
  if (!keeper.refusal().empty()) answer["refused"] = keeper.refusal();
  if (enrolling != nullptr) answer["service"] = renewal(*enrolling);
  return json::serialize(answer);
}

std::string issuers_json(const std::vector<jwks::IssuerStatus>& issuers) {
  json::array list;
  for (const auto& status : issuers) {
    json::object entry{{"name", status.issuer},
                       {"url", status.url},
                       {"keys", status.keys},
                       {"next_at", rfc3339(status.next_at)}};
    if (status.fetched_at) entry["fetched_at"] = rfc3339(*status.fetched_at);
    if (status.failed_at) entry["failed_at"] = rfc3339(*status.failed_at);
    if (!status.last_error.empty()) entry["last_error"] = status.last_error;
    json::object fetches;
    for (std::size_t i = 0; i < status.fetches.size(); ++i)
      fetches[name_of(static_cast<jwks::FetchResult>(i))] = status.fetches[i];
    entry["fetches"] = std::move(fetches);
    list.push_back(std::move(entry));
  }
  return json::serialize(json::object{{"issuers", std::move(list)}});
}

}  // namespace epaulet::server
