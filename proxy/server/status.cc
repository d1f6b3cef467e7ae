#include "server/status.h"

#include <boost/json.hpp>

#include "base/error_table.h"
#include "config/settings_json.h"

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

std::string endpoints_json(const path::Snapshot& snapshot, const Endpoints& endpoints) {
  json::array list;
  for (const auto& status : endpoints.snapshot()) {
    json::array addresses;
    for (const auto& endpoint : status.set->endpoints)
      addresses.emplace_back(endpoint.address.to_string());
    json::object entry{
        {"backend", status.set->backend},    {"source", status.kind},
        {"endpoints", std::move(addresses)}, {"ever_had_endpoint", status.set->ever_had_endpoint},
        {"version", status.set->version},    {"updated_at", rfc3339(status.set->updated_at)}};
    if (status.set->last_error) entry["last_error"] = describe(status.set->last_error->code).name;
    for (const auto& backend : snapshot.backends) {
      if (backend.settings->name != status.set->backend) continue;
      entry["connections"] = json::object{{"in_use", backend.limit->in_use()},
                                          {"max", backend.limit->connections_max()},
                                          {"waiting", backend.limit->waiting()}};
    }
    list.push_back(std::move(entry));
  }
  return json::serialize(json::object{{"backends", std::move(list)}});
}

std::string certs_json(const IdentityKeeper& keeper) {
  json::object answer{{"configured", keeper.configured()}};
  if (const auto& context = keeper.context()) {
    const Identity& identity = context->identity();
    answer["identity"] = identity.id().text();
    answer["not_after"] = rfc3339(identity.not_after());
    answer["chain"] = certificates(identity.chain());
    answer["bundle"] = certificates(identity.bundle());
  }
  if (!keeper.refusal().empty()) answer["refused"] = keeper.refusal();
  return json::serialize(answer);
}

}  // namespace epaulet::server
