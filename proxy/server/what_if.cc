#include "server/what_if.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error_table.h"
#include "crypto/jose_json.h"
#include "crypto/spiffe_id.h"
#include "http/http1/head_parser.h"
#include "policy/authenticate.h"
#include "policy/header_hygiene.h"
#include "policy/path_hygiene.h"

namespace epaulet::server {
namespace {

using Answer = WhatIf::Answer;

Answer nonsense(std::string problem) {
  Answer answer;
  answer.problem = std::move(problem);
  return answer;
}

Answer refused(ErrorCode code, std::string_view more = "") {
  Answer answer;
  answer.code = code;
  answer.status = describe(code).http_status;
  answer.why = fmt::format("{}{}{}", describe(code).summary, more.empty() ? "" : ": ", more);
  return answer;
}

boost::json::value claim_of(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  return boost::json::string(text);
}

/// As it would come over the wire, so that what no parser takes is no question.
std::string head_text(const AssumedRequest& what) {
  std::string text =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", what.method, what.path, what.host);
  for (const auto& [name, value] : what.headers) text += fmt::format("{}: {}\r\n", name, value);
  return text + "\r\n";
}

}  // namespace

WhatIf::WhatIf(const Settings& settings)
    : settings_(settings),
      roles_(settings.roles, permissions_of(settings.access)),
      policy_(settings.access, roles_),
      ingress_(settings.ingress) {}

std::string WhatIf::add_token(const AssumedToken& token, Principals& out) const {
  const auto issuer = settings_.issuers.find(token.issuer);
  if (issuer == settings_.issuers.end())
    return fmt::format("there is no issuer \"{}\"", token.issuer);
  boost::json::object members;
  if (!token.claims_json.empty()) {
    auto parsed = parse_json_object(token.claims_json, limits::kTokenDepthMax);
    if (!parsed) return "claims_json is no JSON object, or has a member twice";
    members = std::move(*parsed);
  }
  for (const auto& [name, value] : token.claims) members[name] = claim_of(value);
  const auto claims = JwtClaims::assumed(std::move(members));
  if (!token.valid) {
    out.token_failure = TokenFailure::signature_wrong;
  } else if (!claims.fulfil(jwt_rules_of(issuer->second))) {
    out.token_failure = TokenFailure::claim_missing;
  } else {
    VerifiedToken verified;
    verified.issuer = token.issuer;
    verified.roles = roles_.of_token(token.issuer, claims);
    out.roles |= verified.roles;
    out.token = std::make_shared<const VerifiedToken>(std::move(verified));
  }
  return {};
}

/// Why the caller makes no sense; "" if he does.
std::string WhatIf::find_principals(const AssumedCaller& who, bool is_http, Principals& out) const {
  out.roles = RoleTable::of_anyone();
  if (!who.identity.empty()) {
    if (!SpiffeId::parse(who.identity)) return fmt::format("\"{}\" is no SPIFFE ID", who.identity);
    out.peer = who.identity;
    out.roles |= roles_.of_identity(who.identity);
  }
  if (!who.address.empty()) {
    const auto address = IpAddress::parse(who.address);
    if (!address) return fmt::format("\"{}\" is no IP address", who.address);
    out.roles |= roles_.of_address(*address);
  }
  if (!is_http) return who.token || !who.key_owner.empty() ? "tokens and keys need HTTP" : "";
  if (who.key_owner == "invalid") {
    out.key_failure = KeyFailure::unknown;
  } else if (!who.key_owner.empty()) {
    if (!settings_.api_keys.owners.contains(who.key_owner))
      return fmt::format("there is no owner of API keys \"{}\"", who.key_owner);
    out.key_owner = who.key_owner;
    out.roles |= roles_.of_key_owner(who.key_owner);
  }
  return who.token ? add_token(*who.token, out) : "";
}

Answer WhatIf::ask(const AssumedCaller& who, const AssumedRequest& what) const {
  const auto& ports = settings_.workload.ports;
  if (!what.port && ports.size() != 1)
    return nonsense("which port? the workload has not exactly one");
  const auto port = what.port ? ports.find(*what.port) : ports.begin();
  if (port == ports.end()) return refused(ErrorCode::port_not_declared);
  Principals principals;
  if (auto problem = find_principals(who, !what.tcp, principals); !problem.empty())
    return nonsense(std::move(problem));
  if (port->second.tls == PortTls::strict && who.identity.empty())
    return refused(ErrorCode::plaintext_on_strict_port);
  if (!what.tcp) return ask_request(port->second, principals, what, !who.address.empty());
  const bool is_refused =
      port->second.protocol == PortProtocol::http ||
      (port->second.protocol != PortProtocol::tcp && policy_.has_l7_rules(port->first));
  if (is_refused) {
    Answer answer = refused(ErrorCode::protocol_unexpected);
    answer.status = 0;
    return answer;
  }
  Answer answer = answer_of(policy_.authorize_connection(port->first, principals));
  answer.status = 0;
  return answer;
}

Answer WhatIf::ask_request(const WorkloadPortSettings& port, Principals& principals,
                           const AssumedRequest& what, bool names_client) const {
  if (port.protocol == PortProtocol::tcp)
    return nonsense("the port is protocol: tcp, where nobody sees requests: write tcp: true");
  const std::string text = head_text(what);
  http::RequestHead head;
  const auto parsed = http::http1::parse_request_head(
      std::as_bytes(std::span(text.data(), text.size())), http::http1::HeadLimits(), head);
  if (!parsed)
    return nonsense(fmt::format("no such request: {}", describe(parsed.error().code).summary));
  if (policy_.has_path_rules(port.port)) {
    const auto settled = settle_path(head, port.paths);
    if (!settled)
      return refused(settled.error().code, name_of(static_cast<PathFlaw>(settled.error().detail)));
  }
  const bool from_ingress = ingress_.trusts(principals.peer);
  principals.client_unknown = from_ingress && ingress_.names_clients() && !names_client;
  (void)remove_claims(head, !principals.peer.empty(), ingress_, from_ingress);
  return answer_of(policy_.authorize(head, port.port, principals));
}

Answer WhatIf::answer_of(const Verdict& verdict) const {
  Answer answer;
  answer.allowed = verdict.allowed();
  answer.code = verdict.code;
  answer.status = verdict.allowed() ? 0 : verdict.status;
  if (verdict.rule != nullptr) answer.rule = verdict.rule->name;
  answer.why = verdict.reason();
  std::vector<std::string> held;
  roles_.for_each_held(verdict.roles, [&](std::string_view name) { held.emplace_back(name); });
  answer.why += held.empty() ? "; the caller holds no role"
                             : fmt::format("; the caller holds {}", fmt::join(held, ", "));
  if (verdict.audited != ErrorCode::none) {
    answer.audit =
        verdict.audited_rule == nullptr
            ? std::string(describe(verdict.audited).name)
            : fmt::format("{} by rule \"{}\" ({})", describe(verdict.audited).name,
                          verdict.audited_rule->name, verdict.audited_rule->origin.to_string());
  }
  return answer;
}

}  // namespace epaulet::server
