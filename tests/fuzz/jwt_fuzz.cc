#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ascii.h"
#include "base/assert.h"
#include "base/limits.h"
#include "crypto/jose_base64.h"
#include "crypto/jose_json.h"
#include "crypto/jwk.h"
#include "crypto/jwt.h"
#include "policy/authenticate.h"
#include "tests/support/test_request.h"

namespace {

using namespace epaulet;
using namespace std::chrono_literals;

/// RFC 7515 appendix A.2: a public key and the one token under it that the world knows.
constexpr std::string_view kKeys =
    R"({"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}]})";
constexpr std::string_view kToken =
    "eyJhbGciOiJSUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    "."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
    "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQ"
    "BMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
    "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9"
    "QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
constexpr WallTime kNow{1300819000s};

std::string base64url(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 6) {
    unsigned value = 0;
    for (std::size_t i = bit; i < bit + 6; ++i) {
      const auto byte = i / 8 < bytes.size() ? static_cast<unsigned char>(bytes[i / 8]) : 0u;
      value = value << 1 | (byte >> (7 - i % 8) & 1u);
    }
    out += kAlphabet[value];
  }
  return out;
}

/// Only one text means these bytes.
void check_base64(std::string_view text) {
  const auto bytes = decode_base64url(text);
  if (bytes) EPAULET_ASSERT(base64url(*bytes) == text);
  EPAULET_ASSERT(decode_base64url(base64url(text)) == text);
}

/// What we read, Boost.JSON reads too, and the same.
void check_json(std::string_view text) {
  const auto ours = parse_json_object(text, limits::kTokenDepthMax);
  boost::json::error_code code;
  const auto theirs = boost::json::parse(text, code);
  if (!ours) return;
  EPAULET_ASSERT(!code && theirs.is_object());
  // As text: a number of many digits may have become NaN, which equals nothing.
  EPAULET_ASSERT(boost::json::serialize(theirs) == boost::json::serialize(*ours));
}

void check_keys(std::string_view text) {
  const auto set = JwkSet::parse(text, "fuzz");
  if (!set) {
    EPAULET_ASSERT(!set.error().what.empty());
    return;
  }
  EPAULET_ASSERT(!set->keys().empty() && set->keys().size() <= limits::kJwksKeysMax);
  for (const Jwk& key : set->keys()) {
    EPAULET_ASSERT(key.key->kind().starts_with("RSA "));
    if (!key.id.empty()) EPAULET_ASSERT(set->find(key.id) == &key);
  }
}

Authenticator make_authenticator() {
  std::map<std::string, IssuerSettings> issuers;
  issuers["joe"].issuer = "joe";
  std::map<std::string, RoleSettings> roles;
  RoleGrantSettings grant;
  grant.token = RoleGrantSettings::Token{.issuer = "joe", .claim = "role", .value = "admin"};
  roles["admin"].grants = {grant};
  std::map<std::string, JwkSetPtr> keys;
  keys.emplace("joe", std::make_shared<const JwkSet>(*JwkSet::parse(kKeys, "RFC 7515")));
  return Authenticator(issuers, std::move(keys), std::make_shared<const RoleTable>(roles));
}

/// Nobody has the private key, so exactly one token may ever pass.
void check_token(std::string_view text) {
  static const Authenticator authenticator = make_authenticator();
  static TokenCache cache;
  const TestRequest request("/", "GET", "joe", {{"Authorization", "Bearer " + std::string(text)}});
  const Principals first = authenticator.authenticate(request.head, "", cache, kNow);
  EPAULET_ASSERT((first.token != nullptr) == (first.token_failure == TokenFailure::none));
  EPAULET_ASSERT((first.token != nullptr) == (trim(text) == kToken));
  EPAULET_ASSERT(!first.roles.contains(2));
  EPAULET_ASSERT(first.is_anonymous() == (first.token == nullptr));
  const Principals second = authenticator.authenticate(request.head, "", cache, kNow);
  EPAULET_ASSERT(second.token == first.token && second.token_failure == first.token_failure);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_base64(text);
  check_json(text);
  check_keys(text);
  check_token(text);
  // As the two JSON parts of a token, so that the fuzzer need not learn base64: a header and claims
  // with a line between.
  const auto newline = text.find('\n');
  if (newline != std::string_view::npos) {
    const auto signature = kToken.substr(kToken.rfind('.'));
    check_token(base64url(text.substr(0, newline)) + "." + base64url(text.substr(newline + 1)) +
                std::string(signature));
  }
  return 0;
}
