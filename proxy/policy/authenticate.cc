#include "policy/authenticate.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace epaulet {
namespace {

constexpr std::size_t kSubjectHashDigits = 16;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void append_field(std::string& out, std::string_view field) {
  out.append(std::to_string(field.size())).append(":").append(field);
}

std::string_view as_text(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::vector<std::string> path_of(const RequiredClaimSettings& claim) {
  return claim.claim.empty() ? claim.claim_path : std::vector<std::string>{claim.claim};
}

/// Of all that a verified token depends on.
void append_rules(std::string& out, const JwtRules& rules) {
  append_field(out, rules.issuer);
  append_field(out, std::to_string(rules.leeway.count()));
  for (const JwtAlgorithm one : rules.algorithms) append_field(out, name_of(one));
  append_field(out, "");
  for (const std::string& audience : rules.audiences) append_field(out, audience);
  append_field(out, "");
  for (const RequiredClaim& claim : rules.required) {
    for (const std::string& name : claim.path) append_field(out, name);
    append_field(out, claim.value ? "=" + *claim.value : "");
  }
  append_field(out, "");
}

}  // namespace

JwtRules jwt_rules_of(const IssuerSettings& settings) {
  JwtRules rules;
  rules.issuer = settings.issuer;
  if (!settings.algorithms.empty()) rules.algorithms = settings.algorithms;
  rules.audiences = settings.audiences;
  rules.leeway = settings.leeway;
  for (const auto& claim : settings.require)
    rules.required.push_back({path_of(claim), claim.value});
  return rules;
}

Authenticator::Authenticator(const std::map<std::string, IssuerSettings>& issuers,
                             std::map<std::string, JwkSetPtr> keys,
                             std::shared_ptr<const RoleTable> roles, ApiKeys api_keys,
                             const std::map<std::string, KeyDemandPtr>& demands)
    : api_keys_(std::move(api_keys)), roles_(std::move(roles)) {
  std::string all;
  append_field(all, as_text(roles_->digest()));
  for (const auto& [name, settings] : issuers) {
    auto found = keys.find(name);
    add_issuer(settings,
               found == keys.end() ? std::make_shared<const JwkSet>() : std::move(found->second));
    Issuer& issuer = issuers_.back();
    issuer.name = name;
    if (const auto demand = demands.find(name); demand != demands.end())
      issuer.demand = demand->second;
    append_field(all, name);
    append_rules(all, issuer.rules);
    append_field(all, places_[issuer.place].text());
    append_field(all, as_text(issuer.keys->digest()));
  }
  generation_ = sha256(bytes_of(all));
}

void Authenticator::add_issuer(const IssuerSettings& settings, JwkSetPtr keys) {
  Issuer& issuer = issuers_.emplace_back();
  issuer.rules = jwt_rules_of(settings);
  issuer.keys = std::move(keys);
  issuer.forward = settings.forward;
  const TokenPlace place(settings.token);
  const auto known = std::find(places_.begin(), places_.end(), place);
  issuer.place = static_cast<std::size_t>(known - places_.begin());
  if (known == places_.end()) places_.push_back(place);
}

Principals Authenticator::authenticate_connection(std::string_view peer,
                                                  const IpAddress* from) const {
  Principals principals;
  principals.peer = peer;
  principals.roles = peer.empty() ? RoleTable::of_anyone() : roles_->of_identity(peer);
  if (from != nullptr) principals.roles |= roles_->of_address(*from);
  return principals;
}

Principals Authenticator::authenticate(const http::RequestHead& head, std::string_view peer,
                                       TokenCache& cache, WallTime now,
                                       const IpAddress* from) const {
  Principals principals = authenticate_connection(peer, from);
  if (!issuers_.empty()) find_token(head, cache, now, principals);
  if (api_keys_.empty()) return principals;
  const auto shown = api_keys_.find(head);
  principals.key_owner = shown.owner;
  principals.key_failure = shown.failure;
  if (!shown.owner.empty()) principals.roles |= roles_->of_key_owner(shown.owner);
  return principals;
}

void Authenticator::find_token(const http::RequestHead& head, TokenCache& cache, WallTime now,
                               Principals& out) const {
  std::string_view token;
  std::size_t place = places_.size();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const auto found = places_[i].find(head);
    if (!found.is_there && found.failure == TokenFailure::none) continue;
    if (place != places_.size() || found.failure != TokenFailure::none) {
      out.token_failure = TokenFailure::several;
      return;
    }
    token = found.token;
    place = i;
  }
  if (place != places_.size()) add_token(token, place, cache, now, out);
}

void Authenticator::add_token(std::string_view token, std::size_t place, TokenCache& cache,
                              WallTime now, Principals& out) const {
  // Before it is hashed: nothing so large was ever verified.
  if (token.size() > limits::kTokenBytesMax) {
    out.token_failure = TokenFailure::too_large;
    return;
  }
  cache.use(generation_);
  const Sha256 key = TokenCache::key_of(token);
  out.token = cache.find(key, now);
  if (out.token != nullptr && issuers_[out.token->issuer_index].place != place) {
    out.token = nullptr;  // A good token where its issuer does not look.
    out.token_failure = TokenFailure::issuer_unknown;
    return;
  }
  if (out.token == nullptr) {
    auto verified = verify(token, place, now);
    if (!verified) {
      out.token_failure = verified.error();
      return;
    }
    out.token = std::make_shared<const VerifiedToken>(std::move(*verified));
    cache.insert(key, out.token);
  }
  out.roles |= out.token->roles;
}

boost::system::result<VerifiedToken, TokenFailure> Authenticator::verify(std::string_view token,
                                                                         std::size_t place,
                                                                         WallTime now) const {
  auto jwt = Jwt::parse(token);
  if (!jwt) return jwt.error();
  bool is_known = false;
  for (const Issuer& issuer : issuers_) {
    if (issuer.place != place || issuer.rules.issuer != jwt->claimed_issuer()) continue;
    is_known = true;
    // Another of the same name may take it: one that moves from a secret to a pair has both.
    const auto& algorithms = issuer.rules.algorithms;
    if (std::find(algorithms.begin(), algorithms.end(), jwt->algorithm()) == algorithms.end())
      continue;
    const auto claims = std::move(*jwt).verify(*issuer.keys, issuer.rules, now);
    if (!claims) return judge_failure(issuer, claims.error());
    VerifiedToken verified;
    verified.issuer = issuer.name;
    verified.issuer_index = static_cast<std::uint32_t>(&issuer - issuers_.data());
    const auto subject = claims->subject();
    if (!subject.empty())
      verified.subject_hash = hex(sha256(bytes_of(subject))).substr(0, kSubjectHashDigits);
    verified.valid_until = claims->expires() + issuer.rules.leeway;
    verified.roles = roles_->of_token(issuer.name, *claims);
    return verified;
  }
  return is_known ? TokenFailure::algorithm_refused : TokenFailure::issuer_unknown;
}

/// An unknown key may be a new one.
TokenFailure Authenticator::judge_failure(const Issuer& issuer, TokenFailure failure) {
  if (issuer.demand == nullptr || failure != TokenFailure::key_unknown) return failure;
  issuer.demand->raise();
  return issuer.keys->keys().empty() ? TokenFailure::keys_missing : failure;
}

void Authenticator::strip_credentials(http::RequestHead& head, const Principals& principals) const {
  for (const TokenPlace& place : places_) {
    if (place.is_query()) place.strip(head);
  }
  if (principals.token != nullptr) {
    const Issuer& issuer = issuers_[principals.token->issuer_index];
    if (!issuer.forward) places_[issuer.place].strip(head);
  }
  api_keys_.strip(head, !principals.key_owner.empty());
}

}  // namespace epaulet
