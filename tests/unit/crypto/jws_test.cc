#include "crypto/jws.h"

#include <gtest/gtest.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "crypto/jose_base64.h"
#include "crypto/jwt.h"
#include "tests/support/test_token.h"

namespace epaulet {
namespace {

using enum JwtAlgorithm;
using namespace std::chrono_literals;

constexpr std::string_view kPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q";

JwkSet set_of(const std::string& key, std::vector<JwtAlgorithm> algorithms) {
  auto set = JwkSet::parse(R"({"keys":[)" + key + "]}", "test", algorithms);
  EXPECT_TRUE(set.has_value()) << (set ? "" : set.error().to_string());
  return set ? std::move(*set) : JwkSet();
}

bool verifies(const Jwk& key, JwtAlgorithm algorithm, std::string_view input,
              std::string_view signature) {
  const bool good = key.kind == JwkKind::secret
                        ? verify_jws(algorithm, key.secret, input, signature)
                        : verify_jws(algorithm, *key.key, input, signature);
  EXPECT_EQ(ERR_peek_error(), 0u) << "an error is left behind";
  return good;
}

struct Example {
  JwtAlgorithm algorithm;
  std::string key;
  std::string input;
  std::string signature;
};

/// What the RFCs have as examples.
const Example kExamples[] = {
    // RFC 7515 appendix A.1.
    {hs256,
     R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})",
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + std::string(kPayload),
     "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
    // RFC 7515 appendix A.3.
    {es256,
     R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
     "eyJhbGciOiJFUzI1NiJ9." + std::string(kPayload),
     "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
    // RFC 7515 appendix A.4.
    {es512,
     R"({"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})",
     "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
     "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8G"
     "aSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"},
    // RFC 8037 appendix A.4.
    {eddsa, R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

TEST(JwsTest, the_examples_of_the_standards_verify_and_nothing_near_them_does) {
  for (const Example& example : kExamples) {
    const auto set = set_of(example.key, {example.algorithm});
    ASSERT_EQ(set.keys().size(), 1u);
    const Jwk& key = set.keys()[0];
    const auto signature = *decode_base64url(example.signature);
    EXPECT_TRUE(verifies(key, example.algorithm, example.input, signature))
        << name_of(example.algorithm);
    EXPECT_FALSE(verifies(key, example.algorithm, example.input + "x", signature));
    for (std::size_t bit = 0; bit < signature.size() * 8; bit += 5) {
      auto changed = signature;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
      EXPECT_FALSE(verifies(key, example.algorithm, example.input, changed));
    }
    for (std::size_t size = 0; size < signature.size(); ++size)
      EXPECT_FALSE(verifies(key, example.algorithm, example.input, signature.substr(0, size)));
    EXPECT_FALSE(verifies(key, example.algorithm, example.input, signature + '\0'));
    EXPECT_FALSE(
        verifies(key, example.algorithm, example.input, std::string(signature.size(), '\0')));
  }
}

/// A key pair of OpenSSL, as JOSE writes it.
class Pair {
 public:
  explicit Pair(JwkKind kind)
      : key_(kind == JwkKind::rsa    ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})
             : kind == JwkKind::p256 ? EVP_EC_gen("P-256")
             : kind == JwkKind::p384 ? EVP_EC_gen("P-384")
             : kind == JwkKind::p521 ? EVP_EC_gen("P-521")
                                     : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")),
        kind_(kind) {}

  std::string jwk(const std::string& more = "") const {
    if (kind_ == JwkKind::rsa) {
      return R"({"kty":"RSA","n":")" + base64url(number("n")) + R"(","e":")" +
             base64url(number("e")) + '"' + more + "}";
    }
    if (kind_ == JwkKind::ed25519) {
      std::string raw(32, '\0');
      std::size_t size = raw.size();
      EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
      return R"({"kty":"OKP","crv":"Ed25519","x":")" + base64url(raw) + '"' + more + "}";
    }
    const std::size_t bytes = kind_ == JwkKind::p256 ? 32 : kind_ == JwkKind::p384 ? 48 : 66;
    const std::string curve = bytes == 32 ? "P-256" : bytes == 48 ? "P-384" : "P-521";
    return R"({"kty":"EC","crv":")" + curve + R"(","x":")" + base64url(number("qx", bytes)) +
           R"(","y":")" + base64url(number("qy", bytes)) + '"' + more + "}";
  }

  std::string sign(JwtAlgorithm algorithm, std::string_view input) const {
    const Owned<evp_md_ctx_st> context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* of_key = nullptr;
    const std::string_view name = name_of(algorithm);
    const EVP_MD* digest = algorithm == eddsa      ? nullptr
                           : name.ends_with("256") ? EVP_sha256()
                           : name.ends_with("384") ? EVP_sha384()
                                                   : EVP_sha512();
    EPAULET_ASSERT(EVP_DigestSignInit(context.get(), &of_key, digest, nullptr, key_.get()) == 1);
    if (name.starts_with("PS")) {
      EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, RSA_PSS_SALTLEN_DIGEST);
    }
    std::size_t size = 0;
    const auto* data = reinterpret_cast<const unsigned char*>(input.data());
    EPAULET_ASSERT(EVP_DigestSign(context.get(), nullptr, &size, data, input.size()) == 1);
    std::string out(size, '\0');
    EPAULET_ASSERT(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()),
                                  &size, data, input.size()) == 1);
    out.resize(size);
    if (!name.starts_with("ES")) return out;
    return raw(out, algorithm == es256 ? 32 : algorithm == es384 ? 48 : 66);
  }

 private:
  std::string number(const char* name, std::size_t bytes = 0) const {
    BIGNUM* value = nullptr;
    EPAULET_ASSERT(EVP_PKEY_get_bn_param(key_.get(), name, &value) == 1);
    if (bytes == 0) bytes = static_cast<std::size_t>(BN_num_bytes(value));
    std::string out(bytes, '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(bytes));
    BN_free(value);
    return out;
  }
  static std::string raw(const std::string& der, int bytes) {
    const auto* cursor = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* both = d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der.size()));
    std::string out(static_cast<std::size_t>(2 * bytes), '\0');
    auto* bytes_out = reinterpret_cast<unsigned char*>(out.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(both), bytes_out, bytes);
    BN_bn2binpad(ECDSA_SIG_get0_s(both), bytes_out + bytes, bytes);
    ECDSA_SIG_free(both);
    return out;
  }
  Owned<evp_pkey_st> key_;
  JwkKind kind_;
};

const Pair& pair_for(JwtAlgorithm algorithm) {
  static const Pair rsa(JwkKind::rsa), p256(JwkKind::p256), p384(JwkKind::p384),
      p521(JwkKind::p521), ed25519(JwkKind::ed25519);
  switch (jwk_kind_for(algorithm)) {
    case JwkKind::p256:
      return p256;
    case JwkKind::p384:
      return p384;
    case JwkKind::p521:
      return p521;
    case JwkKind::ed25519:
      return ed25519;
    case JwkKind::rsa:
    case JwkKind::secret:
      break;
  }
  return rsa;
}

const JwtAlgorithm kAsymmetric[] = {rs256, rs384, rs512, ps256, ps384,
                                    ps512, es256, es384, es512, eddsa};

TEST(JwsTest, each_algorithm_verifies_its_own_signature_and_no_others) {
  for (const JwtAlgorithm mine : kAsymmetric) {
    const auto set = set_of(pair_for(mine).jwk(), {mine});
    const Jwk& key = set.keys()[0];
    for (const JwtAlgorithm other : kAsymmetric) {
      if (jwk_kind_for(other) != key.kind) continue;
      const auto signature = pair_for(other).sign(other, "input");
      EXPECT_EQ(verifies(key, mine, "input", signature), mine == other)
          << name_of(mine) << " and " << name_of(other);
    }
  }
}

std::string token(JwtAlgorithm algorithm, const std::string& more = "") {
  const std::string input =
      base64url(R"({"alg":")" + std::string(name_of(algorithm)) + "\"" + more + "}") + "." +
      base64url(R"({"iss":"joe","aud":"api","exp":2000})");
  return input + "." + base64url(pair_for(algorithm).sign(algorithm, input));
}

TokenFailure verify(const std::string& text, const JwkSet& keys,
                    std::vector<JwtAlgorithm> algorithms) {
  auto jwt = Jwt::parse(text);
  if (!jwt) return jwt.error();
  JwtRules rules;
  rules.issuer = "joe";
  rules.algorithms = std::move(algorithms);
  rules.audiences = {"api"};
  const auto claims = std::move(*jwt).verify(keys, rules, WallTime(1000s));
  return claims ? TokenFailure::none : claims.error();
}

TEST(JwsTest, tokens_of_all_algorithms_verify_where_they_are_the_issuers) {
  for (const JwtAlgorithm mine : kAsymmetric) {
    const auto keys = set_of(pair_for(mine).jwk(), {mine});
    EXPECT_EQ(verify(token(mine), keys, {mine}), TokenFailure::none) << name_of(mine);
    for (const JwtAlgorithm pinned : kAsymmetric) {
      if (pinned == mine) continue;
      const auto others = set_of(pair_for(pinned).jwk(), {pinned});
      EXPECT_EQ(verify(token(mine), others, {pinned}), TokenFailure::algorithm_refused)
          << name_of(mine) << " where " << name_of(pinned) << " is the issuer's";
    }
  }
}

TEST(JwsTest, a_public_key_is_never_a_secret) {
  const std::string pem = test_key().public_pem();
  const auto input =
      base64url(R"({"alg":"HS256"})") + "." + base64url(R"({"iss":"joe","aud":"api","exp":2000})");
  const auto forged = input + "." + base64url(hmac_sha256(pem, input));
  const auto keys = set_of(test_key().jwk(), {rs256});
  EXPECT_EQ(verify(forged, keys, {rs256}), TokenFailure::algorithm_refused);
  EXPECT_EQ(verify(forged, keys, {rs256, hs256}), TokenFailure::key_unknown)
      << "even where both are allowed, which config/ refuses";
}

TEST(JwsTest, a_secret_verifies_tokens_with_any_key_id) {
  const std::string secret(32, 's');
  const JwtAlgorithm algorithms[] = {hs256};
  const auto keys = JwkSet::of_secret(secret, "file", algorithms);
  ASSERT_TRUE(keys.has_value());
  for (const std::string head : {R"({"alg":"HS256"})", R"({"alg":"HS256","kid":"any"})"}) {
    const auto input = base64url(head) + "." + base64url(R"({"iss":"joe","aud":"api","exp":2000})");
    EXPECT_EQ(verify(input + "." + base64url(hmac_sha256(secret, input)), *keys, {hs256}),
              TokenFailure::none);
    EXPECT_EQ(verify(input + "." + base64url(hmac_sha256(secret + "x", input)), *keys, {hs256}),
              TokenFailure::signature_wrong);
  }
}

TEST(JwsTest, a_secret_shorter_than_its_digest_is_refused_without_a_word_of_it) {
  for (const auto& [algorithm, bytes] : {std::pair{hs256, 32u}, {hs384, 48u}, {hs512, 64u}}) {
    const JwtAlgorithm algorithms[] = {algorithm};
    EXPECT_TRUE(JwkSet::of_secret(std::string(bytes, 'z'), "file", algorithms).has_value());
    const auto weak = JwkSet::of_secret(std::string(bytes - 1, 'z'), "file", algorithms);
    ASSERT_FALSE(weak.has_value());
    EXPECT_EQ(weak.error().to_string().find("zzz"), std::string::npos);
  }
}

TEST(JwsTest, a_set_of_several_kinds_gives_each_token_its_own) {
  const std::vector<JwtAlgorithm> both{rs256, es256};
  const auto keys = set_of(
      pair_for(rs256).jwk(R"(,"kid":"r")") + "," + pair_for(es256).jwk(R"(,"kid":"e")"), both);
  EXPECT_EQ(verify(token(rs256), keys, both), TokenFailure::none) << "the only one that fits";
  EXPECT_EQ(verify(token(es256, R"(,"kid":"e")"), keys, both), TokenFailure::none);
  EXPECT_EQ(verify(token(es256, R"(,"kid":"r")"), keys, both), TokenFailure::key_unknown);
  EXPECT_EQ(verify(token(ps256, R"(,"kid":"r")"), keys, both), TokenFailure::algorithm_refused);
}

TEST(JwsTest, a_key_that_says_its_algorithm_is_for_no_other) {
  const std::vector<JwtAlgorithm> both{rs256, ps256};
  const auto keys = set_of(pair_for(ps256).jwk(R"(,"alg":"PS256","kid":"k")"), both);
  EXPECT_EQ(verify(token(ps256), keys, both), TokenFailure::none);
  EXPECT_EQ(verify(token(rs256), keys, both), TokenFailure::key_unknown);
}

TEST(JwsTest, broken_keys_are_skipped) {
  const std::string good = pair_for(es256).jwk();
  const std::pair<std::string, std::string_view> rows[] = {
      {R"({"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"})", "crv"},
      {R"({"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"})", "x or y"},
      {R"({"kty":"EC","crv":"P-256","x":")" + base64url(std::string(32, 1)) + R"(","y":")" +
           base64url(std::string(32, 1)) + R"("})",
       "OpenSSL"},
      {R"({"kty":"OKP","crv":"Ed448","x":"AA"})", "crv"},
      {R"({"kty":"OKP","crv":"Ed25519","x":"AA"})", "x"},
      {R"({"kty":"oct","k":"AAAA"})", "kty is not EC or OKP"},
      {R"({"kty":"EC","crv":"P-256","d":"AA","x":"AA","y":"AA"})", "private"},
      {pair_for(es384).jwk(), "cannot verify"},
  };
  const JwtAlgorithm algorithms[] = {es256, eddsa};
  for (const auto& [key, reason] : rows) {
    const auto set = JwkSet::parse(R"({"keys":[)" + key + "," + good + "]}", "test", algorithms);
    ASSERT_TRUE(set.has_value());
    ASSERT_EQ(set->skipped().size(), 1u) << key;
    EXPECT_NE(set->skipped()[0].find(reason), std::string::npos) << set->skipped()[0];
  }
}

TEST(JwsTest, there_is_no_none) {
  EXPECT_EQ(jwt_algorithm("none"), std::nullopt);
  EXPECT_EQ(jwt_algorithm("rs256"), std::nullopt);
  EXPECT_EQ(jwt_algorithm(""), std::nullopt);
  EXPECT_EQ(jwt_algorithm("ES256K"), std::nullopt);
}

}  // namespace
}  // namespace epaulet
