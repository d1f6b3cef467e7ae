#include "server/policy_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace epaulet::server {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& line, std::string_view name) {
  const auto* member = line.if_contains(name);
  return member != nullptr && member->is_string() ? std::string(member->get_string()) : "";
}

std::string rule_of(const json::object& line) {
  const auto* rule = line.if_contains("rule");
  return rule != nullptr && rule->is_object() ? text_of(rule->get_object(), "name") : "";
}

bool is_refusal(std::string_view outcome) {
  constexpr std::string_view kRefusals[] = {"unauthenticated", "forbidden",   "token_invalid",
                                            "token_required",  "key_invalid", "key_required"};
  return std::find(std::begin(kRefusals), std::end(kRefusals), outcome) != std::end(kRefusals);
}

/// Refused before any rule was asked, by what the configuration says of the port.
bool is_refusal_of_port(std::string_view outcome) {
  constexpr std::string_view kRefusals[] = {"plaintext_on_strict_port", "port_not_declared",
                                            "path_ambiguous"};
  return std::find(std::begin(kRefusals), std::end(kRefusals), outcome) != std::end(kRefusals);
}

/// What ends before for another reason says nothing of access.
bool was_judged(const json::object& line) {
  const auto outcome = text_of(line, "outcome");
  return is_refusal(outcome) || is_refusal_of_port(outcome) || !rule_of(line).empty();
}

std::string address_of(const std::string& socket) {
  const auto address = SocketAddress::parse(socket);
  return address ? address->ip.to_string() : "";
}

std::optional<std::uint16_t> port_of(const std::string& socket) {
  const auto address = SocketAddress::parse(socket);
  return address ? std::optional(address->port) : std::nullopt;
}

}  // namespace

PolicyReplay::PolicyReplay(const Settings& settings)
    : settings_(settings),
      roles_(settings.roles, permissions_of(settings.access)),
      what_if_(settings),
      ingress_(settings.ingress) {
  if (!settings.issuers.empty() || !settings.api_keys.owners.empty())
    by_credentials_.insert(RoleTable::kAuthenticated);
  for (const auto& [name, role] : settings.roles) {
    const bool may = std::any_of(role.grants.begin(), role.grants.end(),
                                 [](const auto& grant) { return grant.token || grant.key; });
    if (may) by_credentials_.insert(*roles_.index_of(name));
    const bool by_network = std::any_of(role.grants.begin(), role.grants.end(),
                                        [](const auto& grant) { return grant.network; });
    if (by_network) by_network_.insert(*roles_.index_of(name));
  }
}

RoleSet PolicyReplay::set_of(const std::vector<std::string>& names) const {
  RoleSet set;
  for (const auto& name : names) set.insert(*roles_.index_of(name));
  return set;
}

PolicyReplay::Fits PolicyReplay::fits(const AccessRuleSettings& rule, const std::string& method,
                                      std::optional<std::uint16_t> port) {
  const bool names_port = !rule.ports.empty();
  if (names_port && port &&
      std::find(rule.ports.begin(), rule.ports.end(), *port) == rule.ports.end())
    return Fits::no;
  const bool names_method = !rule.methods.empty();
  const bool has_method =
      std::find(rule.methods.begin(), rule.methods.end(), method) != rule.methods.end();
  if (names_method && !has_method && method != "HEAD") return Fits::no;
  const bool is_sure = rule.paths.empty() && rule.grpc.empty() && rule.hosts.empty() &&
                       rule.headers.empty() && (!names_port || port) &&
                       (!names_method || has_method);
  return is_sure ? Fits::yes : Fits::perhaps;
}

PolicyReplay::Possible PolicyReplay::decide(const AccessRuleSettings& rule, const RoleSet& sure,
                                            const RoleSet& perhaps) const {
  if (rule.mode == AccessMode::audit) return {.allow = true, .deny = false};
  const auto allow = set_of(rule.allow);
  const bool needs_proof = rule.require != RequiredProof::nothing || !rule.permissions.empty();
  const bool may_have_proof = rule.require == RequiredProof::key
                                  ? !settings_.api_keys.owners.empty()
                                  : !settings_.issuers.empty();
  Possible possible;
  possible.allow =
      (allow.intersects(sure) || allow.intersects(perhaps)) && (!needs_proof || may_have_proof);
  possible.deny = needs_proof || !allow.intersects(sure);
  return possible;
}

PolicyReplay::Possible PolicyReplay::possible(const std::string& method, const std::string& peer,
                                              const std::string& address,
                                              std::optional<std::uint16_t> port) const {
  if (settings_.access.mode == AccessMode::audit) return {.allow = true, .deny = false};
  RoleSet sure = peer.empty() ? RoleTable::of_anyone() : roles_.of_identity(peer);
  RoleSet perhaps = by_credentials_;
  if (ingress_.names_clients() && ingress_.trusts(peer)) {
    perhaps |= by_network_;  // The log has the ingress's address, and not its client's.
  } else if (const auto ip = IpAddress::parse(address)) {
    sure |= roles_.of_address(*ip);
  }
  Possible all;
  for (const auto& rule : settings_.access.rules) {
    const auto denies = set_of(rule.deny);
    const auto fit = fits(rule, method, port);
    if (rule.mode == AccessMode::audit || fit == Fits::no) continue;
    if (fit == Fits::yes && denies.intersects(sure)) return {.allow = false, .deny = true};
    all.deny = all.deny || denies.intersects(sure) || denies.intersects(perhaps);
  }
  for (const auto& rule : settings_.access.rules) {
    if (!rule.deny.empty() && rule.allow.empty()) continue;
    const auto fit = fits(rule, method, port);
    if (fit == Fits::no) continue;
    const auto here = decide(rule, sure, perhaps);
    all.allow = all.allow || here.allow;
    all.deny = all.deny || here.deny;
    if (fit == Fits::yes) return all;
  }
  all.deny = true;
  return all;
}

bool PolicyReplay::is_closed_to(const std::string& peer, std::uint16_t port) const {
  const auto found = settings_.workload.ports.find(port);
  if (found == settings_.workload.ports.end()) return true;
  return found->second.tls == PortTls::strict && peer.empty();
}

void PolicyReplay::add(std::string_view text) {
  json::error_code broken;
  const auto value = json::parse(text, broken);
  const json::object* line = broken ? nullptr : value.if_object();
  if (line == nullptr || text_of(*line, "direction") != "inbound" || !was_judged(*line)) {
    ++skipped_;
    return;
  }
  const auto outcome = text_of(*line, "outcome");
  const bool was_denied_by_port = is_refusal_of_port(outcome);
  const bool was_denied = is_refusal(outcome) || was_denied_by_port;
  const auto peer = text_of(*line, "peer");
  const auto address = address_of(text_of(*line, "downstream"));
  const auto method = text_of(*line, "method");
  const bool is_exchange = text_of(*line, "kind") == "exchange";
  const auto& ports = settings_.workload.ports;
  auto port = port_of(text_of(*line, is_exchange ? "endpoint" : "destination"));
  if (!port && ports.size() == 1) port = ports.begin()->first;
  Possible now;
  if (port && is_closed_to(peer, *port)) {
    now = {.allow = false, .deny = true};
  } else if (was_denied_by_port) {
    now = {.allow = true, .deny = true};  // What it would have asked for, nobody has seen.
  } else if (is_exchange) {
    now = possible(method, peer, address, port);
    // The credential may still be a bad one, unless nobody looks at it any more.
    const bool is_judged_again =
        outcome == "token_invalid" ? !settings_.issuers.empty()
                                   : outcome == "key_invalid" && !settings_.api_keys.owners.empty();
    now.deny = now.deny || is_judged_again;
  } else {
    AssumedCaller who;
    who.identity = peer;
    who.address = address;
    AssumedRequest what;
    what.tcp = true;
    what.port = port;
    const auto answer = what_if_.ask(who, what);
    now = answer.problem.empty() ? Possible{answer.allowed, !answer.allowed} : Possible{true, true};
  }
  const Change change = now.allow && now.deny     ? Change::unknown
                        : now.deny && !was_denied ? Change::newly_denied
                        : now.allow && was_denied ? Change::newly_allowed
                                                  : Change::none;
  ++counts_[change];
  if (change == Change::none) return;
  const auto rule = rule_of(*line);
  auto& group = groups_[{
      change, fmt::format("{} by {}, {} before by {}", is_exchange ? method : "a connection",
                          peer.empty() ? "callers without identity" : peer,
                          was_denied ? "denied" : "allowed",
                          rule.empty() ? "no rule" : "rule \"" + rule + "\"")}];
  if (group.count++ == 0) group.sample = text_of(*line, "id");
}

std::uint64_t PolicyReplay::count(Change change) const {
  const auto found = counts_.find(change);
  return found == counts_.end() ? 0 : found->second;
}

}  // namespace epaulet::server
