#include "policy/authorize.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/error_table.h"

namespace epaulet {
namespace {

RoleSet compile_roles(const std::vector<std::string>& names, const RoleTable& roles) {
  RoleSet set;
  for (const std::string& name : names) {
    const auto index = roles.index_of(name);
    EPAULET_ASSERT(index.has_value());  // config/ refuses unknown roles.
    set.insert(*index);
  }
  return set;
}

AccessRule compile_rule(const AccessRuleSettings& settings, const RoleTable& roles) {
  AccessRule rule;
  rule.name = settings.name;
  rule.origin = settings.origin;
  rule.match = RequestMatch(settings);
  rule.ports = settings.ports;
  std::sort(rule.ports.begin(), rule.ports.end());
  rule.allow = compile_roles(settings.allow, roles);
  rule.deny = compile_roles(settings.deny, roles);
  rule.decides = settings.deny.empty() || !settings.allow.empty();
  rule.require_token = settings.require_token;
  return rule;
}

Verdict verdict(ErrorCode code, const AccessRule* rule, const Principals& principals) {
  Verdict out;
  out.code = code;
  out.status = describe(code).http_status;
  out.rule = rule;
  out.roles = principals.roles;
  return out;
}

/// Who proved nothing may come back with a proof; who proved something lacks a role.
Verdict refuse(const AccessRule* rule, const Principals& principals) {
  return verdict(principals.is_anonymous() ? ErrorCode::unauthenticated : ErrorCode::forbidden,
                 rule, principals);
}

Verdict decide(const AccessRule& rule, const Principals& principals) {
  if (rule.require_token && principals.token == nullptr) {
    return verdict(ErrorCode::token_required, &rule, principals);
  }
  if (rule.allow.intersects(principals.roles)) return verdict(ErrorCode::none, &rule, principals);
  return refuse(&rule, principals);
}

}  // namespace

bool AccessRule::covers(std::uint16_t port) const {
  return ports.empty() || std::binary_search(ports.begin(), ports.end(), port);
}

Error Verdict::error() const {
  const bool is_token = code == ErrorCode::token_invalid;
  return {code, Side::downstream, is_token ? Stage::authenticate : Stage::authorize, Retry::never,
          static_cast<std::int32_t>(token_failure)};
}

std::string Verdict::reason() const {
  if (code == ErrorCode::token_invalid)
    return fmt::format("the token failed the check {}", name_of(token_failure));
  if (rule == nullptr) return "no rule of `access` matched, and what no rule allows is refused";
  return fmt::format("rule \"{}\" ({}){}{}", rule->name, rule->origin.to_string(),
                     lenient ? ", since " : "", lenient ? kLenientReason : "");
}

AccessPolicy::AccessPolicy(const AccessSettings& settings, const RoleTable& roles)
    : invalid_token_status_(settings.invalid_token_status) {
  rules_.reserve(settings.rules.size());
  for (const AccessRuleSettings& rule : settings.rules) {
    rules_.push_back(compile_rule(rule, roles));
  }
}

Verdict AccessPolicy::authorize(const http::RequestHead& head, std::uint16_t port,
                                const Principals& principals) const {
  if (principals.token_failure != TokenFailure::none) {
    Verdict out = verdict(ErrorCode::token_invalid, nullptr, principals);
    out.status = invalid_token_status_;
    out.token_failure = principals.token_failure;
    return out;
  }
  const auto denied = first_match(
      head, port, [&](const AccessRule& rule) { return rule.deny.intersects(principals.roles); });
  if (denied.exact != nullptr) return refuse(denied.exact, principals);
  const auto decided = first_match(head, port, [](const AccessRule& rule) { return rule.decides; });
  const Verdict exact =
      decided.exact == nullptr ? refuse(nullptr, principals) : decide(*decided.exact, principals);
  if (!exact.allowed()) return exact;
  Verdict lenient = denied.lenient != nullptr ? refuse(denied.lenient, principals)
                                              : decide(*decided.lenient, principals);
  if (lenient.allowed()) return exact;
  lenient.lenient = true;
  return lenient;
}

template <class Wanted>
AccessPolicy::Matches AccessPolicy::first_match(const http::RequestHead& head, std::uint16_t port,
                                                Wanted wanted) const {
  Matches found;
  for (const AccessRule& rule : rules_) {
    if (!wanted(rule) || !rule.covers(port) || !rule.match.matches(head, Reading::lenient))
      continue;
    if (found.lenient == nullptr) found.lenient = &rule;
    if (!rule.match.matches(head, Reading::exact)) continue;
    found.exact = &rule;
    break;
  }
  return found;
}

Verdict AccessPolicy::authorize_connection(std::uint16_t port, const Principals& principals) const {
  for (const AccessRule& rule : rules_) {
    if (rule.covers(port) && rule.deny.intersects(principals.roles))
      return refuse(&rule, principals);
  }
  for (const AccessRule& rule : rules_) {
    if (rule.decides && rule.covers(port) && rule.match.is_unconditional())
      return decide(rule, principals);
  }
  return refuse(nullptr, principals);
}

bool AccessPolicy::has_l7_rules(std::uint16_t port) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const AccessRule& rule) { return rule.is_l7() && rule.covers(port); });
}

bool AccessPolicy::has_path_rules(std::uint16_t port) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const AccessRule& rule) {
    return rule.match.has_paths() && rule.covers(port);
  });
}

}  // namespace epaulet
