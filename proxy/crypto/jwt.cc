#include "crypto/jwt.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <cmath>

#include "base/ascii.h"
#include "base/assert.h"
#include "base/limits.h"
#include "crypto/jose_base64.h"
#include "crypto/jose_json.h"

namespace epaulet {
namespace {

namespace json = boost::json;
using Refusal = std::optional<TokenFailure>;

/// Seconds since 1970, whole or not (RFC 7519 section 2, NumericDate). What lies outside of our
/// time goes to its nearest end.
std::optional<WallTime> numeric_date(const json::value& value) {
  using Seconds = std::chrono::duration<double>;
  constexpr auto kEarliest = WallTime(std::chrono::hours(0));
  constexpr auto kLatest = WallTime(std::chrono::hours(24 * 365 * 230));
  if (const auto* whole =
          value.if_int64()) {  // Exactly: a double holds such a time to 256 ns only.
    const auto latest =
        std::chrono::duration_cast<std::chrono::seconds>(kLatest.time_since_epoch());
    return WallTime(std::chrono::seconds(std::clamp<std::int64_t>(*whole, 0, latest.count())));
  }
  if (!value.is_number()) return std::nullopt;
  const double seconds = value.to_number<double>();
  if (!std::isfinite(seconds)) return std::nullopt;
  if (seconds <= 0) return kEarliest;
  if (seconds >= Seconds(kLatest.time_since_epoch()).count()) return kLatest;
  return WallTime(std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(seconds)));
}

Refusal check_header(std::string_view encoded, JwtAlgorithm& algorithm,
                     std::optional<std::string>& key_id) {
  const auto bytes = decode_base64url(encoded);
  if (!bytes) return TokenFailure::encoding_broken;
  const auto header = parse_json_object(*bytes, limits::kTokenDepthMax);
  if (!header) return TokenFailure::header_malformed;
  const auto* name = header->if_contains("alg");
  if (name == nullptr || !name->is_string()) return TokenFailure::header_malformed;
  const auto known = jwt_algorithm(std::string_view(name->get_string()));
  if (!known) return TokenFailure::algorithm_refused;
  algorithm = *known;
  if (header->contains("crit")) return TokenFailure::critical_extension;
  if (const auto* type = header->if_contains("typ")) {
    if (!type->is_string()) return TokenFailure::header_malformed;
    // A media type without "application/" (RFC 7515 section 4.1.9), so case does not count.
    const std::string_view text(type->get_string());
    if (!equals_ignore_case(text, "JWT") && !equals_ignore_case(text, "at+jwt") &&
        !equals_ignore_case(text, "application/at+jwt")) {
      return TokenFailure::type_refused;
    }
  }
  if (const auto* id = header->if_contains("kid")) {
    if (!id->is_string()) return TokenFailure::header_malformed;
    key_id = std::string(id->get_string());
  }
  return std::nullopt;
}

bool is_text_or_list_of_texts(const json::value& value) {
  if (value.is_string()) return true;
  if (!value.is_array()) return false;
  const auto& list = value.get_array();
  return std::all_of(list.begin(), list.end(),
                     [](const json::value& element) { return element.is_string(); });
}

/// As the configuration writes it: `true` is the boolean or the text, 7 the number or the text.
bool is(const json::value& value, std::string_view wanted) {
  if (value.is_string()) return value.get_string() == wanted;
  if (value.is_bool()) return wanted == (value.get_bool() ? "true" : "false");
  if (value.is_int64()) return wanted == std::to_string(value.get_int64());
  if (value.is_uint64()) return wanted == std::to_string(value.get_uint64());
  return false;
}

bool is_or_has(const json::value& value, std::string_view wanted) {
  if (!value.is_array()) return is(value, wanted);
  const auto& list = value.get_array();
  return std::any_of(list.begin(), list.end(),
                     [&](const json::value& element) { return is(element, wanted); });
}

/// Nothing if a name on the way is missing, or leads to no object.
const json::value* find(const json::object& claims, std::span<const std::string> path) {
  const json::object* object = &claims;
  const json::value* found = nullptr;
  for (const std::string& name : path) {
    if (object == nullptr) return nullptr;
    found = object->if_contains(name);
    if (found == nullptr) return nullptr;
    object = found->if_object();
  }
  return found;
}

bool is_there(const json::object& claims, const RequiredClaim& required) {
  const auto* claim = find(claims, required.path);
  if (claim == nullptr || claim->is_null()) return false;
  if (required.value) return is_or_has(*claim, *required.value);
  return !claim->is_bool() || claim->get_bool();
}

bool has_word(std::string_view text, std::string_view wanted) {
  while (!text.empty()) {
    const auto space = text.find(' ');
    if (text.substr(0, space) == wanted) return true;
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  return false;
}

/// The registered claims have the types of RFC 7519 section 4.1.
bool are_well_typed(const json::object& claims) {
  for (const std::string_view name : {"iss", "sub"}) {
    const auto* claim = claims.if_contains(name);
    if (claim != nullptr && !claim->is_string()) return false;
  }
  for (const std::string_view name : {"exp", "nbf", "iat"}) {
    const auto* claim = claims.if_contains(name);
    if (claim != nullptr && !numeric_date(*claim)) return false;
  }
  const auto* audience = claims.if_contains("aud");
  return audience == nullptr || is_text_or_list_of_texts(*audience);
}

bool audience_fits(const json::object& claims, const JwtRules& rules) {
  const auto* audience = claims.if_contains("aud");
  if (audience == nullptr || rules.audiences.empty())
    return audience == nullptr && rules.audiences.empty();
  return std::any_of(rules.audiences.begin(), rules.audiences.end(),
                     [&](const std::string& ours) { return is_or_has(*audience, ours); });
}

std::optional<WallTime> time_of(const json::object& claims, std::string_view name) {
  const auto* claim = claims.if_contains(name);
  return claim == nullptr ? std::nullopt : numeric_date(*claim);
}

/// `expires` is set if all is well.
Refusal check_times(const json::object& claims, const JwtRules& rules, WallTime now,
                    WallTime& expires) {
  const auto exp = time_of(claims, "exp");
  if (!exp) return TokenFailure::expiry_missing;
  if (now >= *exp + rules.leeway) return TokenFailure::expired;
  const auto nbf = time_of(claims, "nbf");
  if (nbf && now < *nbf - rules.leeway) return TokenFailure::not_yet_valid;
  const auto iat = time_of(claims, "iat");
  if (iat && now < *iat - rules.leeway) return TokenFailure::issued_in_future;
  expires = *exp;
  return std::nullopt;
}

}  // namespace

std::string_view name_of(TokenFailure failure) {
  switch (failure) {
    case TokenFailure::none:
      return "none";
    case TokenFailure::several:
      return "several";
    case TokenFailure::too_large:
      return "too_large";
    case TokenFailure::not_three_parts:
      return "not_three_parts";
    case TokenFailure::encoding_broken:
      return "encoding_broken";
    case TokenFailure::header_malformed:
      return "header_malformed";
    case TokenFailure::algorithm_refused:
      return "algorithm_refused";
    case TokenFailure::critical_extension:
      return "critical_extension";
    case TokenFailure::type_refused:
      return "type_refused";
    case TokenFailure::claims_malformed:
      return "claims_malformed";
    case TokenFailure::issuer_unknown:
      return "issuer_unknown";
    case TokenFailure::keys_missing:
      return "keys_missing";
    case TokenFailure::key_unknown:
      return "key_unknown";
    case TokenFailure::signature_wrong:
      return "signature_wrong";
    case TokenFailure::audience_wrong:
      return "audience_wrong";
    case TokenFailure::expiry_missing:
      return "expiry_missing";
    case TokenFailure::expired:
      return "expired";
    case TokenFailure::not_yet_valid:
      return "not_yet_valid";
    case TokenFailure::issued_in_future:
      return "issued_in_future";
    case TokenFailure::claim_missing:
      return "claim_missing";
  }
  return "none";
}

std::optional<std::string_view> JwtClaims::text(std::string_view name) const {
  const auto* claim = members_.if_contains(name);
  if (claim == nullptr || !claim->is_string()) return std::nullopt;
  return std::string_view(claim->get_string());
}

bool JwtClaims::has(std::string_view name, std::string_view value) const {
  const auto* claim = members_.if_contains(name);
  return claim != nullptr && is_or_has(*claim, value);
}

bool JwtClaims::has(std::span<const std::string> path, std::string_view value) const {
  const auto* claim = find(members_, path);
  return claim != nullptr && is_or_has(*claim, value);
}

bool JwtClaims::fulfil(const JwtRules& rules) const {
  return std::all_of(rules.required.begin(), rules.required.end(),
                     [&](const RequiredClaim& required) { return is_there(members_, required); });
}

bool JwtClaims::permits(std::string_view permission) const {
  if (permission.empty()) return false;
  if (const auto scope = text("scope")) {
    if (has_word(*scope, permission)) return true;
  }
  for (const std::string_view name : {"scope", "permissions"}) {
    const auto* claim = members_.if_contains(name);
    if (claim != nullptr && claim->is_array() && is_or_has(*claim, permission)) return true;
  }
  return false;
}

boost::system::result<Jwt, TokenFailure> Jwt::parse(std::string_view token) {
  if (token.size() > limits::kTokenBytesMax) return TokenFailure::too_large;
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return TokenFailure::not_three_parts;
  }
  Jwt jwt;
  if (const auto refusal = check_header(token.substr(0, first), jwt.algorithm_, jwt.key_id_))
    return *refusal;
  const auto payload = decode_base64url(token.substr(first + 1, second - first - 1));
  auto signature = decode_base64url(token.substr(second + 1));
  if (!payload || !signature) return TokenFailure::encoding_broken;
  auto claims = parse_json_object(*payload, limits::kTokenDepthMax);
  if (!claims || !are_well_typed(*claims)) return TokenFailure::claims_malformed;
  jwt.signing_input_ = token.substr(0, second);
  jwt.signature_ = std::move(*signature);
  jwt.claims_ = std::move(*claims);
  return jwt;
}

std::string_view Jwt::claimed_issuer() const {
  const auto* issuer = claims_.if_contains("iss");
  return issuer == nullptr ? std::string_view() : std::string_view(issuer->get_string());
}

boost::system::result<JwtClaims, TokenFailure> Jwt::verify(const JwkSet& keys,
                                                           const JwtRules& rules, WallTime now) && {
  if (claimed_issuer().empty() || claimed_issuer() != rules.issuer)
    return TokenFailure::issuer_unknown;
  if (std::find(rules.algorithms.begin(), rules.algorithms.end(), algorithm_) ==
      rules.algorithms.end()) {
    return TokenFailure::algorithm_refused;
  }
  const Jwk* key = keys.find(key_id_, algorithm_);
  if (key == nullptr) return TokenFailure::key_unknown;
  const bool is_good = key->kind == JwkKind::secret
                           ? verify_jws(algorithm_, key->secret, signing_input_, signature_)
                           : verify_jws(algorithm_, *key->key, signing_input_, signature_);
  if (!is_good) return TokenFailure::signature_wrong;
  if (!audience_fits(claims_, rules)) return TokenFailure::audience_wrong;
  JwtClaims verified;
  if (const auto refusal = check_times(claims_, rules, now, verified.expires_)) return *refusal;
  verified.members_ = std::move(claims_);
  if (!verified.fulfil(rules)) return TokenFailure::claim_missing;
  return verified;
}

}  // namespace epaulet
