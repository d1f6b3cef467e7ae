#include "policy/authenticate.h"

#include <utility>

#include "base/ascii.h"

namespace epaulet {
namespace {

constexpr std::size_t kSubjectHashDigits = 16;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// RFC 6750 section 2.1; the scheme in any case (RFC 9110 section 11.1). Nothing for other schemes.
std::optional<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer";
  if (!equals_ignore_case(authorization.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  const auto rest = authorization.substr(kScheme.size());
  if (!rest.empty() && rest.front() != ' ' && rest.front() != '\t') return std::nullopt;
  return trim(rest);
}

void append_field(std::string& out, std::string_view field) {
  out.append(std::to_string(field.size())).append(":").append(field);
}

std::string_view as_text(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

Authenticator::Authenticator(const std::map<std::string, IssuerSettings>& issuers,
                             std::map<std::string, JwkSet> keys,
                             std::shared_ptr<const RoleTable> roles)
    : roles_(std::move(roles)) {
  std::string all;
  append_field(all, as_text(roles_->digest()));
  for (const auto& [name, settings] : issuers) {
    Issuer issuer;
    issuer.name = name;
    issuer.rules = {
        .issuer = settings.issuer, .audiences = settings.audiences, .leeway = settings.leeway};
    if (auto found = keys.find(name); found != keys.end()) issuer.keys = std::move(found->second);
    append_field(all, name);
    append_field(all, settings.issuer);
    append_field(all, std::to_string(settings.leeway.count()));
    append_field(all, as_text(issuer.keys.digest()));
    for (const std::string& audience : settings.audiences) append_field(all, audience);
    append_field(all, "");
    issuers_.push_back(std::move(issuer));
  }
  generation_ = sha256(bytes_of(all));
}

Principals Authenticator::authenticate_connection(std::string_view peer) const {
  Principals principals;
  principals.peer = peer;
  principals.roles = peer.empty() ? RoleTable::of_anyone() : roles_->of_identity(peer);
  return principals;
}

Principals Authenticator::authenticate(const http::RequestHead& head, std::string_view peer,
                                       TokenCache& cache, WallTime now) const {
  Principals principals = authenticate_connection(peer);
  if (issuers_.empty()) return principals;
  const http::Field* authorization = nullptr;
  for (const http::Field& field : head.fields) {
    if (field.id != http::FieldId::authorization || field.removed) continue;
    if (authorization != nullptr) {
      principals.token_failure = TokenFailure::several;
      return principals;
    }
    authorization = &field;
  }
  if (authorization == nullptr) return principals;
  if (const auto token = bearer_token(authorization->value))
    add_token(*token, cache, now, principals);
  return principals;
}

void Authenticator::add_token(std::string_view token, TokenCache& cache, WallTime now,
                              Principals& out) const {
  // Before it is hashed: nothing so large was ever verified.
  if (token.size() > limits::kTokenBytesMax) {
    out.token_failure = TokenFailure::too_large;
    return;
  }
  cache.use(generation_);
  const Sha256 key = TokenCache::key_of(token);
  out.token = cache.find(key, now);
  if (out.token == nullptr) {
    auto verified = verify(token, now);
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
                                                                         WallTime now) const {
  auto jwt = Jwt::parse(token);
  if (!jwt) return jwt.error();
  for (const Issuer& issuer : issuers_) {
    if (issuer.rules.issuer != jwt->claimed_issuer()) continue;
    const auto claims = std::move(*jwt).verify(issuer.keys, issuer.rules, now);
    if (!claims) return claims.error();
    VerifiedToken verified;
    verified.issuer = issuer.name;
    const auto subject = claims->subject();
    if (!subject.empty())
      verified.subject_hash = hex(sha256(bytes_of(subject))).substr(0, kSubjectHashDigits);
    verified.valid_until = claims->expires() + issuer.rules.leeway;
    verified.roles = roles_->of_token(issuer.name, *claims);
    return verified;
  }
  return TokenFailure::issuer_unknown;
}

}  // namespace epaulet
