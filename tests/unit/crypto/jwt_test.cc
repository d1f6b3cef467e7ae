#include "crypto/jwt.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <random>
#include <set>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "tests/support/test_token.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr std::int64_t kSeconds = 1'767'225'600;  // 2026-01-01T00:00:00Z
constexpr WallTime kNow{std::chrono::seconds(kSeconds)};
constexpr std::string_view kHeader = R"({"alg":"RS256","typ":"JWT","kid":"k1"})";

/// The claims of a good token with some replaced or added: `"exp":1` and so on.
std::string claims_with(std::string_view changed_name = "", std::string_view changed_value = "") {
  const std::pair<std::string_view, std::string> good[] = {
      {"iss", R"("https://portal.example")"},
      {"aud", R"("api2")"},
      {"sub", R"("alice")"},
      {"exp", std::to_string(kSeconds + 300)},
      {"iat", std::to_string(kSeconds - 10)},
      {"role", R"("admin")"},
  };
  std::string text;
  bool is_known = false;
  for (const auto& [name, value] : good) {
    is_known = is_known || name == changed_name;
    if (name == changed_name && changed_value.empty()) continue;  // Left out.
    text += text.empty() ? "{" : ",";
    text += "\"" + std::string(name) +
            "\":" + (name == changed_name ? std::string(changed_value) : value);
  }
  if (!is_known && !changed_name.empty()) {
    text += ",\"" + std::string(changed_name) + "\":" + std::string(changed_value);
  }
  return text + "}";
}

JwtRules rules() {
  return {.issuer = "https://portal.example", .audiences = {"api2", "api3"}, .leeway = 60s};
}

const JwkSet& keys() {
  static const JwkSet set = *JwkSet::parse(test_key().jwks(), "test");
  return set;
}

TokenFailure failure_of(std::string_view token, const JwtRules& wanted = rules(),
                        WallTime now = kNow) {
  auto jwt = Jwt::parse(token);
  if (!jwt) return jwt.error();
  const auto claims = std::move(*jwt).verify(keys(), wanted, now);
  return claims ? TokenFailure::none : claims.error();
}

std::string good_token() {
  return test_key().token(kHeader, claims_with());
}

TEST(JwtTest, a_good_token_gives_its_claims) {
  auto jwt = Jwt::parse(good_token());
  ASSERT_TRUE(jwt.has_value());
  EXPECT_EQ(jwt->claimed_issuer(), "https://portal.example");
  const auto claims = std::move(*jwt).verify(keys(), rules(), kNow);
  ASSERT_TRUE(claims.has_value());
  EXPECT_EQ(claims->subject(), "alice");
  EXPECT_EQ(claims->text("role"), "admin");
  EXPECT_EQ(claims->text("missing"), std::nullopt);
  EXPECT_EQ(claims->text("exp"), std::nullopt) << "no string";
  EXPECT_EQ(claims->expires(), kNow + 300s);
}

TEST(JwtTest, rfc_7515_appendix_a_2_verifies) {
  // The example signs with RS256 and has neither kid nor aud; exp is 1300819380.
  const auto set = JwkSet::parse(
      R"({"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}]})",
      "RFC 7515");
  ASSERT_TRUE(set.has_value());
  const std::string token =
      "eyJhbGciOiJSUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
      "fQ."
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
      "O8W2Fp5jujGbds9uJdbF9CU"
      "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
      "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d"
      "O--xi12jzDwusC-"
      "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0i"
      "g"
      "cN_IoypGlUPQGe77Rw";
  auto jwt = Jwt::parse(token);
  ASSERT_TRUE(jwt.has_value());
  const JwtRules joe{.issuer = "joe", .audiences = {}, .leeway = 0s};
  EXPECT_TRUE(std::move(*jwt).verify(*set, joe, WallTime(1300819379s)).has_value());
}

TEST(JwtTest, a_claim_is_a_text_or_a_list_that_has_it) {
  const std::pair<std::string_view, bool> rows[] = {
      {R"("admin")", true},
      {R"(["user","admin"])", true},
      {R"(["admin"])", true},
      {R"([7,"admin",null])", true},
      {R"("user")", false},
      {R"("Admin")", false},
      {R"("admin ")", false},
      {R"("administrator")", false},
      {R"(["user"])", false},
      {R"([])", false},
      {R"([["admin"]])", false},
      {R"({"admin":true})", false},
      {R"(["user,admin"])", false},
      {R"("user admin")", false},
      {"true", false},
      {"null", false},
      {"7", false},
      {R"("")", false},
      {R"("\u0061dmin")", true},
      {R"("admin\u0000")", false},
  };
  for (const auto& [value, expected] : rows) {
    auto jwt = Jwt::parse(test_key().token(kHeader, claims_with("role", value)));
    ASSERT_TRUE(jwt.has_value()) << value;
    const auto claims = std::move(*jwt).verify(keys(), rules(), kNow);
    ASSERT_TRUE(claims.has_value()) << value;
    EXPECT_EQ(claims->has("role", "admin"), expected) << value;
    EXPECT_FALSE(claims->has("other", "admin")) << value;
  }
}

TEST(JwtTest, headers_that_are_refused) {
  const std::pair<std::string, TokenFailure> rows[] = {
      // RFC 8725 section 2.1: the algorithm is ours to choose.
      {R"({"alg":"none","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"None","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"rs256","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"RS256 ","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"RS256\u0000","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"RS384","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"RS512","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"PS256","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"ES256","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"EdDSA","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"HS256","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"alg":"RSA1_5","kid":"k1"})", TokenFailure::algorithm_refused},
      {R"({"kid":"k1"})", TokenFailure::header_malformed},
      {R"({"alg":null,"kid":"k1"})", TokenFailure::header_malformed},
      {R"({"alg":["RS256"],"kid":"k1"})", TokenFailure::header_malformed},
      {R"({"alg":256,"kid":"k1"})", TokenFailure::header_malformed},
      // A member twice: one reader takes the first, another the last.
      {R"({"alg":"RS256","alg":"RS256","kid":"k1"})", TokenFailure::header_malformed},
      {R"({"alg":"none","kid":"k1","alg":"RS256"})", TokenFailure::header_malformed},
      {R"({"alg":"RS256","kid":"k2","kid":"k1"})", TokenFailure::header_malformed},
      {R"({"alg":"RS256","\u0061lg":"none","kid":"k1"})", TokenFailure::header_malformed},
      // RFC 7515 section 4.1.11: we understand no extension.
      {R"({"alg":"RS256","kid":"k1","crit":["b64"],"b64":false})",
       TokenFailure::critical_extension},
      {R"({"alg":"RS256","kid":"k1","crit":["exp"],"exp":1})", TokenFailure::critical_extension},
      {R"({"alg":"RS256","kid":"k1","crit":[]})", TokenFailure::critical_extension},
      {R"({"alg":"RS256","kid":"k1","crit":null})", TokenFailure::critical_extension},
      // RFC 8725 section 3.11: made for another purpose.
      {R"({"alg":"RS256","kid":"k1","typ":"logout+jwt"})", TokenFailure::type_refused},
      {R"({"alg":"RS256","kid":"k1","typ":"secevent+jwt"})", TokenFailure::type_refused},
      {R"({"alg":"RS256","kid":"k1","typ":"dpop+jwt"})", TokenFailure::type_refused},
      {R"({"alg":"RS256","kid":"k1","typ":""})", TokenFailure::type_refused},
      {R"({"alg":"RS256","kid":"k1","typ":7})", TokenFailure::header_malformed},
      {R"({"alg":"RS256","kid":7})", TokenFailure::header_malformed},
      {R"({"alg":"RS256","kid":null})", TokenFailure::header_malformed},
      {R"({"alg":"RS256","kid":"k2"})", TokenFailure::key_unknown},
      {R"({"alg":"RS256","kid":"K1"})", TokenFailure::key_unknown},
      {R"({"alg":"RS256","kid":""})", TokenFailure::key_unknown},
      {R"({"alg":"RS256","kid":"../../../../dev/null"})", TokenFailure::key_unknown},
      {"[]", TokenFailure::header_malformed},
      {"", TokenFailure::header_malformed},
      {"{", TokenFailure::header_malformed},
      {"null", TokenFailure::header_malformed},
      {R"({"alg":"RS256","kid":"k1"}x)", TokenFailure::header_malformed},
      {"{\"alg\":\"RS256\",\"kid\":\"k1\",\"a\":\"\xff\"}", TokenFailure::header_malformed},
      {R"({"alg":"RS256","kid":"k1","a":)" + std::string(20, '[') + std::string(20, ']') + "}",
       TokenFailure::header_malformed},
  };
  for (const auto& [header, expected] : rows) {
    EXPECT_EQ(name_of(failure_of(test_key().token(header, claims_with()))), name_of(expected))
        << header;
  }
}

TEST(JwtTest, headers_that_are_accepted) {
  for (const std::string_view header :
       {R"({"alg":"RS256","kid":"k1"})", R"({"alg":"RS256"})",
        R"({"alg":"RS256","typ":"jwt","kid":"k1"})", R"({"alg":"RS256","typ":"at+jwt","kid":"k1"})",
        R"({"alg":"RS256","typ":"application/at+jwt","kid":"k1"})",
        R"( { "kid" : "k1" , "alg" : "RS256" , "cty" : "x" } )"}) {
    EXPECT_EQ(name_of(failure_of(test_key().token(header, claims_with()))), "none") << header;
  }
}

TEST(JwtTest, the_public_key_is_no_secret_for_an_hmac) {
  for (const std::string& secret :
       {test_key().public_pem(), test_key().jwks(), test_key().modulus(), ""s}) {
    for (const std::string_view algorithm : {"HS256", "RS256"}) {
      const std::string input =
          base64url(R"({"alg":")" + std::string(algorithm) + R"(","kid":"k1"})") + "." +
          base64url(claims_with());
      const auto failure = failure_of(input + "." + base64url(hmac_sha256(secret, input)));
      EXPECT_EQ(failure, algorithm == "HS256" ? TokenFailure::algorithm_refused
                                              : TokenFailure::signature_wrong);
    }
  }
}

TEST(JwtTest, a_token_does_not_bring_its_own_key) {
  const std::string jwk = foreign_key().jwk(R"(,"kid":"k1")");
  for (const std::string& header :
       {R"({"alg":"RS256","kid":"k1","jwk":)" + jwk + "}",
        R"({"alg":"RS256","kid":"k1","jku":"https://evil.example/keys"})"s,
        R"({"alg":"RS256","kid":"k1","x5u":"https://evil.example/cert"})"s,
        R"({"alg":"RS256","kid":"k1","x5c":["AAAA"]})"s}) {
    EXPECT_EQ(failure_of(foreign_key().token(header, claims_with())), TokenFailure::signature_wrong)
        << header;
    EXPECT_EQ(failure_of(test_key().token(header, claims_with())), TokenFailure::none) << header;
  }
}

TEST(JwtTest, signatures_that_are_refused) {
  const std::string input = base64url(kHeader) + "." + base64url(claims_with());
  const std::string good = test_key().sign(input);
  std::string flipped = good;
  flipped[100] = static_cast<char>(flipped[100] ^ 1);
  const std::pair<std::string_view, std::string> rows[] = {
      {"empty", ""},
      {"one byte", "A"},
      {"zeros", std::string(256, '\0')},
      {"ones", std::string(256, '\xff')},
      {"the modulus", test_key().modulus()},
      {"a bit flipped", flipped},
      {"a byte short", good.substr(0, 255)},
      {"a byte long", good + '\0'},
      {"a zero before", '\0' + good},
      {"twice", good + good},
      {"SHA-512", test_key().sign(input, EVP_sha512())},
      {"SHA-1", test_key().sign(input, EVP_sha1())},
      {"another key's", foreign_key().sign(input)},
      {"of another text", test_key().sign(input + "x")},
      {"of the claims alone", test_key().sign(base64url(claims_with()))},
  };
  for (const auto& [what, signature] : rows) {
    EXPECT_EQ(name_of(failure_of(input + "." + base64url(signature))), "signature_wrong") << what;
  }
  EXPECT_EQ(failure_of(input + "." + base64url(good)), TokenFailure::none);
  EXPECT_EQ(ERR_peek_error(), 0u) << "the next caller would read this token's error";
}

TEST(JwtTest, a_tampered_token_is_refused_wherever_it_was_changed) {
  const std::string token = good_token();
  for (std::size_t at = 0; at < token.size(); ++at) {
    std::string tampered = token;
    tampered[at] = tampered[at] == 'A' ? 'B' : 'A';
    EXPECT_NE(failure_of(tampered), TokenFailure::none) << at;
  }
}

TEST(JwtTest, texts_that_are_no_compact_jws) {
  const std::string token = good_token();
  const auto first = token.find('.');
  const auto second = token.find('.', first + 1);
  const std::string header = token.substr(0, first);
  const std::string claims = token.substr(first + 1, second - first - 1);
  const std::string signature = token.substr(second + 1);
  const std::pair<std::string, TokenFailure> rows[] = {
      {"", TokenFailure::not_three_parts},
      {".", TokenFailure::not_three_parts},
      {"..", TokenFailure::header_malformed},
      {"...", TokenFailure::not_three_parts},
      {"opaque-token", TokenFailure::not_three_parts},
      {header + "." + claims, TokenFailure::not_three_parts},
      {token + ".", TokenFailure::not_three_parts},
      {token + "." + signature, TokenFailure::not_three_parts},
      {header + "." + claims + "." + signature + "." + signature + "." + signature,
       TokenFailure::not_three_parts},
      {header + "=." + claims + "." + signature, TokenFailure::encoding_broken},
      {header + "." + claims + "=." + signature, TokenFailure::encoding_broken},
      {token + "=", TokenFailure::encoding_broken},
      {token + "==", TokenFailure::encoding_broken},
      {token + " ", TokenFailure::encoding_broken},
      {" " + token, TokenFailure::encoding_broken},
      {header + ".\n" + claims + "." + signature, TokenFailure::encoding_broken},
      {header + "." + claims + ".+" + signature.substr(1), TokenFailure::encoding_broken},
      {header + "." + claims + ".\xc3\xa4" + signature.substr(2), TokenFailure::encoding_broken},
      {header + "." + claims + "." + "\0"s + signature.substr(1), TokenFailure::encoding_broken},
      {header + "..", TokenFailure::claims_malformed},
      {header + ".." + signature, TokenFailure::claims_malformed},
      {"." + claims + "." + signature, TokenFailure::header_malformed},
      {header + "." + claims + ".", TokenFailure::signature_wrong},
  };
  for (const auto& [text, expected] : rows) {
    EXPECT_EQ(name_of(failure_of(text)), name_of(expected)) << text;
  }
}

TEST(JwtTest, size_is_bounded) {
  // Grow the claims until the token has exactly the limit.
  std::string filler(limits::kTokenBytesMax / 4 * 3 - 600, 'x');
  std::string token;
  for (;; filler += 'x') {
    token = test_key().token(kHeader, claims_with("filler", "\"" + filler + "\""));
    if (token.size() + 2 > limits::kTokenBytesMax) break;
  }
  ASSERT_LE(token.size(), limits::kTokenBytesMax);
  EXPECT_EQ(failure_of(token), TokenFailure::none);
  token = test_key().token(kHeader, claims_with("filler", "\"" + filler + "xxx\""));
  ASSERT_GT(token.size(), limits::kTokenBytesMax);
  EXPECT_EQ(failure_of(token), TokenFailure::too_large);
  EXPECT_EQ(failure_of(std::string(limits::kTokenBytesMax + 1, '.')), TokenFailure::too_large);
}

TEST(JwtTest, claims_that_are_refused) {
  const std::tuple<std::string_view, std::string, TokenFailure> rows[] = {
      {"iss", R"("https://portal.example/")", TokenFailure::issuer_unknown},
      {"iss", R"("https://PORTAL.example")", TokenFailure::issuer_unknown},
      {"iss", R"("")", TokenFailure::issuer_unknown},
      {"iss", "", TokenFailure::issuer_unknown},
      {"iss", R"(["https://portal.example"])", TokenFailure::claims_malformed},
      {"iss", "null", TokenFailure::claims_malformed},
      {"sub", "7", TokenFailure::claims_malformed},
      {"aud", "", TokenFailure::audience_wrong},
      {"aud", R"("api")", TokenFailure::audience_wrong},
      {"aud", R"("API2")", TokenFailure::audience_wrong},
      {"aud", R"("api2 ")", TokenFailure::audience_wrong},
      {"aud", R"("")", TokenFailure::audience_wrong},
      {"aud", "[]", TokenFailure::audience_wrong},
      {"aud", R"(["api","web"])", TokenFailure::audience_wrong},
      {"aud", R"("api2,api3")", TokenFailure::audience_wrong},
      {"aud", "7", TokenFailure::claims_malformed},
      {"aud", "null", TokenFailure::claims_malformed},
      {"aud", R"([["api2"]])", TokenFailure::claims_malformed},
      {"aud", R"(["api2",7])", TokenFailure::claims_malformed},
      {"aud", R"({"api2":true})", TokenFailure::claims_malformed},
      {"exp", "", TokenFailure::expiry_missing},
      {"exp", "0", TokenFailure::expired},
      {"exp", "-1", TokenFailure::expired},
      {"exp", "-1e300", TokenFailure::expired},
      {"exp", "null", TokenFailure::claims_malformed},
      {"exp", "\"" + std::to_string(kSeconds + 300) + "\"", TokenFailure::claims_malformed},
      {"exp", "[]", TokenFailure::claims_malformed},
      {"exp", "true", TokenFailure::claims_malformed},
      {"exp", "1e400", TokenFailure::claims_malformed},
      {"exp", "0e400", TokenFailure::claims_malformed},
      {"nbf", "-1e400", TokenFailure::claims_malformed},
      {"nbf", "\"0\"", TokenFailure::claims_malformed},
      {"nbf", "null", TokenFailure::claims_malformed},
      {"nbf", "1e300", TokenFailure::not_yet_valid},
      {"nbf", "9223372036854775807", TokenFailure::not_yet_valid},
      {"nbf", "18446744073709551615", TokenFailure::not_yet_valid},
      {"iat", "\"0\"", TokenFailure::claims_malformed},
      {"iat", "1e300", TokenFailure::issued_in_future},
  };
  for (const auto& [name, value, expected] : rows) {
    const auto failure = failure_of(test_key().token(kHeader, claims_with(name, value)));
    EXPECT_EQ(name_of(failure), name_of(expected)) << name << " = " << value;
  }
  for (const std::string_view claims :
       {"", "[]", "null", "7", "{", "{}x",
        R"({"iss":"https://portal.example","iss":"https://portal.example"})"}) {
    EXPECT_EQ(name_of(failure_of(test_key().token(kHeader, claims))), "claims_malformed") << claims;
  }
  // A duplicate anywhere, also where nobody looks.
  EXPECT_EQ(failure_of(test_key().token(kHeader, claims_with("x", R"({"role":1,"role":2})"))),
            TokenFailure::claims_malformed);
  EXPECT_EQ(failure_of(test_key().token(kHeader, claims_with("aud2", R"(1,"aud":"api2")"))),
            TokenFailure::claims_malformed);
}

TEST(JwtTest, claims_that_are_accepted) {
  const std::pair<std::string_view, std::string> rows[] = {
      {"aud", R"("api3")"},
      {"aud", R"(["web","api2"])"},
      {"aud", R"(["api2"])"},
      {"aud", R"(["api3","api2"])"},
      {"sub", ""},
      {"iat", ""},
      {"iat", "0"},
      {"nbf", "0"},
      {"nbf", "-5"},
      {"nbf", "1.5"},
      {"exp", "9223372036854775807"},
      {"exp", "18446744073709551615"},
      {"exp", "1e300"},
      {"exp", std::to_string(kSeconds + 1) + ".5"},
      {"jti", "\"x\""},
      {"nested", R"({"a":{"b":[1,2]}})"},
  };
  for (const auto& [name, value] : rows) {
    const auto failure = failure_of(test_key().token(kHeader, claims_with(name, value)));
    EXPECT_EQ(name_of(failure), "none") << name << " = " << value;
  }
}

TEST(JwtTest, without_audiences_of_ours_a_token_for_others_is_refused) {
  JwtRules anybody = rules();
  anybody.audiences.clear();
  EXPECT_EQ(failure_of(good_token(), anybody), TokenFailure::audience_wrong);
  EXPECT_EQ(failure_of(test_key().token(kHeader, claims_with("aud", "")), anybody),
            TokenFailure::none);
}

TEST(JwtTest, an_issuer_without_name_vouches_for_nothing) {
  JwtRules nameless = rules();
  nameless.issuer.clear();
  EXPECT_EQ(failure_of(test_key().token(kHeader, claims_with("iss", "")), nameless),
            TokenFailure::issuer_unknown);
  EXPECT_EQ(failure_of(test_key().token(kHeader, claims_with("iss", R"("")")), nameless),
            TokenFailure::issuer_unknown);
}

TEST(JwtTest, times_are_kept_to_the_nanosecond_around_the_leeway) {
  const auto token_with = [](std::string_view name, std::int64_t seconds) {
    return test_key().token(kHeader, claims_with(name, std::to_string(seconds)));
  };
  for (const auto leeway : {0s, 1s, 60s, 3600s}) {
    JwtRules wanted = rules();
    wanted.leeway = leeway;
    // Expired from exp + leeway on (RFC 7519 section 4.1.4: "on or after").
    const auto expiring = token_with("exp", kSeconds + 10);
    EXPECT_EQ(failure_of(expiring, wanted, kNow + 10s + leeway - 1ns), TokenFailure::none);
    EXPECT_EQ(failure_of(expiring, wanted, kNow + 10s + leeway), TokenFailure::expired);
    // Valid from nbf - leeway on (section 4.1.5).
    const auto early = token_with("nbf", kSeconds + 10);
    EXPECT_EQ(failure_of(early, wanted, kNow + 10s - leeway - 1ns), TokenFailure::not_yet_valid);
    EXPECT_EQ(failure_of(early, wanted, kNow + 10s - leeway), TokenFailure::none);
    const auto fresh = token_with("iat", kSeconds + 10);
    EXPECT_EQ(failure_of(fresh, wanted, kNow + 10s - leeway - 1ns), TokenFailure::issued_in_future);
    EXPECT_EQ(failure_of(fresh, wanted, kNow + 10s - leeway), TokenFailure::none);
  }
}

TEST(JwtTest, another_issuers_keys_do_not_vouch) {
  const auto others = JwkSet::parse(foreign_key().jwks(), "test");
  auto jwt = Jwt::parse(good_token());
  const auto claims = std::move(*jwt).verify(*others, rules(), kNow);
  ASSERT_FALSE(claims.has_value());
  EXPECT_EQ(claims.error(), TokenFailure::signature_wrong);
  const JwkSet none;
  auto again = Jwt::parse(good_token());
  const auto unknown = std::move(*again).verify(none, rules(), kNow);
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error(), TokenFailure::key_unknown);
}

TEST(JwtTest, every_failure_has_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(TokenFailure::issued_in_future); ++i) {
    names.insert(name_of(static_cast<TokenFailure>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(TokenFailure::issued_in_future) + 1);
}

TEST(JwtTest, random_damage_never_passes) {
  const std::string token = good_token();
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    std::mt19937 random(seed);
    std::string damaged = token;
    for (unsigned i = 0; i <= seed % 3; ++i) {
      const std::size_t at = random() % damaged.size();
      switch (random() % 3) {
        case 0:
          damaged[at] = static_cast<char>(random());
          break;
        case 1:
          damaged.erase(at, 1 + random() % 8);
          break;
        default:
          damaged.insert(at, 1, "ABab01-_.="[random() % 10]);
          break;
      }
    }
    if (damaged != token) {
      EXPECT_NE(failure_of(damaged), TokenFailure::none) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace epaulet
