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

RoleSet compile_permissions(const std::vector<std::string>& names, const RoleTable& roles) {
  RoleSet set;
  for (const std::string& name : names) {
    const auto index = roles.index_of_permission(name);
    EPAULET_ASSERT(index.has_value());  // The table is made with the permissions of all rules.
    set.insert(*index);
  }
  return set;
}

/// A gRPC method is a path (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). The
/// content type takes no part: a rule that asked for it could be evaded by another one.
RequestMatch match_of(const AccessRuleSettings& settings) {
  auto paths = settings.paths;
  for (const std::string& method : settings.grpc) paths.push_back("/" + method);
  return {paths, settings.methods, settings.hosts, settings.headers};
}

AccessRule compile_rule(const AccessRuleSettings& settings, const RoleTable& roles) {
  AccessRule rule;
  rule.name = settings.name;
  rule.origin = settings.origin;
  rule.match = match_of(settings);
  rule.ports = settings.ports;
  std::sort(rule.ports.begin(), rule.ports.end());
  rule.allow = compile_roles(settings.allow, roles);
  rule.deny = compile_roles(settings.deny, roles);
  rule.decides = settings.deny.empty() || !settings.allow.empty();
  rule.require = settings.permissions.empty() ? settings.require : RequiredProof::token;
  rule.permissions = compile_permissions(settings.permissions, roles);
  rule.is_audited = settings.mode == AccessMode::audit;
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

/// Keeps of a refusal what it would have been.
Verdict let_through(Verdict refusal) {
  Verdict verdict = refusal;
  verdict.code = ErrorCode::none;
  verdict.status = describe(ErrorCode::none).http_status;
  verdict.lenient = false;
  verdict.audited = refusal.code;
  verdict.audited_rule = refusal.rule;
  return verdict;
}

Verdict enforce(const AccessRule& rule, const Principals& principals) {
  if (rule.require == RequiredProof::token && principals.token == nullptr)
    return verdict(ErrorCode::token_required, &rule, principals);
  if (rule.require == RequiredProof::key && principals.key_owner.empty())
    return verdict(ErrorCode::key_required, &rule, principals);
  const bool may =
      rule.allow.intersects(principals.roles) && principals.roles.contains_all(rule.permissions);
  return may ? verdict(ErrorCode::none, &rule, principals) : refuse(&rule, principals);
}

Verdict decide(const AccessRule& rule, const Principals& principals) {
  const Verdict verdict = enforce(rule, principals);
  return rule.is_audited && !verdict.allowed() ? let_through(verdict) : verdict;
}

}  // namespace

std::set<std::string> permissions_of(const AccessSettings& settings) {
  std::set<std::string> names;
  for (const AccessRuleSettings& rule : settings.rules)
    names.insert(rule.permissions.begin(), rule.permissions.end());
  return names;
}

bool AccessRule::covers(std::uint16_t port) const {
  return ports.empty() || std::binary_search(ports.begin(), ports.end(), port);
}

Error Verdict::error() const {
  const bool is_token = code == ErrorCode::token_invalid;
  const bool is_key = code == ErrorCode::key_invalid;
  const auto detail =
      is_key ? static_cast<std::int32_t>(key_failure) : static_cast<std::int32_t>(token_failure);
  return {code, Side::downstream, is_token || is_key ? Stage::authenticate : Stage::authorize,
          Retry::never, detail};
}

std::string Verdict::reason() const {
  if (code == ErrorCode::token_invalid)
    return fmt::format("the token failed the check {}", name_of(token_failure));
  if (code == ErrorCode::key_invalid)
    return fmt::format("the API key failed the check {}", name_of(key_failure));
  if (client_unknown) return std::string(kClientUnknownReason);
  if (rule == nullptr) return "no rule of `access` matched, and what no rule allows is refused";
  return fmt::format("rule \"{}\" ({}){}{}", rule->name, rule->origin.to_string(),
                     lenient ? ", since " : "", lenient ? kLenientReason : "");
}

AccessPolicy::AccessPolicy(const AccessSettings& settings, const RoleTable& roles)
    : invalid_token_status_(settings.invalid_token_status),
      is_audited_(settings.mode == AccessMode::audit) {
  rules_.reserve(settings.rules.size());
  for (const AccessRuleSettings& rule : settings.rules) {
    rules_.push_back(compile_rule(rule, roles));
    audits_denials_ = audits_denials_ || (rules_.back().is_audited && !rules_.back().deny.empty());
  }
}

Verdict AccessPolicy::refuse_credentials(const Principals& principals) const {
  const bool is_token = principals.token_failure != TokenFailure::none;
  if (!is_token && principals.key_failure == KeyFailure::none) {
    Verdict unknown = verdict(ErrorCode::forbidden, nullptr, principals);
    unknown.client_unknown = true;
    return unknown;
  }
  Verdict out =
      verdict(is_token ? ErrorCode::token_invalid : ErrorCode::key_invalid, nullptr, principals);
  if (is_token) out.status = invalid_token_status_;
  out.token_failure = principals.token_failure;
  out.key_failure = principals.key_failure;
  return out;
}

Verdict AccessPolicy::authorize(const http::RequestHead& head, std::uint16_t port,
                                const Principals& principals) const {
  const bool is_refused = principals.token_failure != TokenFailure::none ||
                          principals.key_failure != KeyFailure::none || principals.client_unknown;
  if (is_refused) return audited(refuse_credentials(principals), nullptr, principals);
  const auto* passed_over = audits_denials_ ? audited_denial(&head, port, principals) : nullptr;
  return audited(judge(head, port, principals), passed_over, principals);
}

Verdict AccessPolicy::audited(Verdict verdict, const AccessRule* passed_over,
                              const Principals& principals) const {
  if (!verdict.allowed()) return is_audited_ ? let_through(verdict) : verdict;
  if (passed_over == nullptr || verdict.audited != ErrorCode::none) return verdict;
  verdict.audited = refuse(passed_over, principals).code;
  verdict.audited_rule = passed_over;
  return verdict;
}

/// The first rule in audit mode that would have denied; `head`: nothing for a connection.
const AccessRule* AccessPolicy::audited_denial(const http::RequestHead* head, std::uint16_t port,
                                               const Principals& principals) const {
  for (const AccessRule& rule : rules_) {
    if (rule.is_audited && rule.covers(port) && rule.deny.intersects(principals.roles) &&
        (head == nullptr || rule.match.matches(*head, Reading::lenient)))
      return &rule;
  }
  return nullptr;
}

Verdict AccessPolicy::judge(const http::RequestHead& head, std::uint16_t port,
                            const Principals& principals) const {
  const auto denied = first_match(head, port, [&](const AccessRule& rule) {
    return !rule.is_audited && rule.deny.intersects(principals.roles);
  });
  if (denied.exact != nullptr) return refuse(denied.exact, principals);
  const auto decided = first_match(head, port, [](const AccessRule& rule) { return rule.decides; });
  const Verdict exact =
      decided.exact == nullptr ? refuse(nullptr, principals) : decide(*decided.exact, principals);
  if (!exact.allowed()) return exact;
  Verdict lenient = denied.lenient != nullptr ? refuse(denied.lenient, principals)
                                              : decide(*decided.lenient, principals);
  if (!lenient.allowed()) {
    lenient.lenient = true;
    return lenient;
  }
  Verdict both = exact;
  if (both.audited == ErrorCode::none) {
    both.audited = lenient.audited;
    both.audited_rule = lenient.audited_rule;
  }
  return both;
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
  const auto* passed_over = audits_denials_ ? audited_denial(nullptr, port, principals) : nullptr;
  return audited(judge_connection(port, principals), passed_over, principals);
}

Verdict AccessPolicy::judge_connection(std::uint16_t port, const Principals& principals) const {
  for (const AccessRule& rule : rules_) {
    if (!rule.is_audited && rule.covers(port) && rule.deny.intersects(principals.roles))
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
