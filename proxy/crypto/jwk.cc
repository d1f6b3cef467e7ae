#include "crypto/jwk.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <memory>

#include "base/assert.h"
#include "base/limits.h"
#include "crypto/jose_base64.h"
#include "crypto/jose_json.h"

namespace epaulet {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepthMax = 16;
/// RFC 8017 lets the exponent be as long as the modulus, which would make every check as slow as
/// signing.
constexpr std::size_t kExponentBytesMax = 8;
constexpr std::size_t kKeyIdBytesMax = 1024;
/// A set from a network may hold as many useless keys as fit: so many are told one by one.
constexpr std::size_t kSkippedToldMax = 16;

struct Free {
  void operator()(BIGNUM* object) const { BN_free(object); }
  void operator()(OSSL_PARAM_BLD* object) const { OSSL_PARAM_BLD_free(object); }
  void operator()(OSSL_PARAM* object) const { OSSL_PARAM_free(object); }
  void operator()(EVP_PKEY_CTX* object) const { EVP_PKEY_CTX_free(object); }
};
template <class T>
using Local = std::unique_ptr<T, Free>;

/// A member that is a string; nothing if it is missing or something else.
std::optional<std::string_view> text_of(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return std::string_view(member->get_string());
}

Local<BIGNUM> number(const std::string& bytes) {
  return Local<BIGNUM>(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                                 static_cast<int>(bytes.size()), nullptr));
}

Owned<evp_pkey_st> rsa_key(const std::string& modulus, const std::string& exponent) {
  const auto n = number(modulus);
  const auto e = number(exponent);
  const Local<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  const Local<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EPAULET_ASSERT(n && e && builder && context);
  EPAULET_ASSERT(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
                 OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1);
  const Local<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  evp_pkey_st* key = nullptr;
  EPAULET_ASSERT(parameters && EVP_PKEY_fromdata_init(context.get()) == 1);
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    key = nullptr;
  return Owned<evp_pkey_st>(key);
}

Owned<evp_pkey_st> curve_key(const std::string& curve, const std::string& point) {
  const Local<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  const Local<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EPAULET_ASSERT(builder && context);
  EPAULET_ASSERT(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                                 curve.data(), curve.size()) == 1 &&
                 OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                                  point.data(), point.size()) == 1);
  const Local<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  evp_pkey_st* key = nullptr;
  EPAULET_ASSERT(parameters && EVP_PKEY_fromdata_init(context.get()) == 1);
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    key = nullptr;
  return Owned<evp_pkey_st>(key);
}

/// An even number cannot be a modulus or an exponent, and OpenSSL does not look.
bool is_odd(const std::string& number_bytes) {
  return !number_bytes.empty() && (static_cast<unsigned char>(number_bytes.back()) & 1) != 0;
}

/// With 1 everybody could sign: the signature would be the padded digest itself.
bool is_exponent(const std::string& bytes) {
  if (bytes.size() > kExponentBytesMax) return false;
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value >= 3;
}

bool may_verify(const json::object& object) {
  const auto* operations = object.if_contains("key_ops");
  if (operations == nullptr) return true;
  if (!operations->is_array()) return false;
  const auto& list = operations->get_array();
  return std::any_of(list.begin(), list.end(), [](const json::value& operation) {
    return operation.is_string() && operation.get_string() == "verify";
  });
}

using Usable = boost::system::result<Jwk, std::string>;

Usable unusable(std::string reason) {
  return Usable(boost::system::in_place_error, std::move(reason));
}

Usable with_key(Jwk jwk, evp_pkey_st* key) {
  if (key == nullptr) return unusable("OpenSSL refuses it: " + drain_openssl_errors());
  auto strong = PublicKey::from(key);
  if (!strong) return unusable(strong.error().what);
  jwk.key = std::move(*strong);
  return jwk;
}

/// RFC 7518 section 6.3.
Usable read_rsa(const json::object& object, Jwk jwk) {
  const auto modulus = decode_base64url(text_of(object, "n").value_or(""));
  const auto exponent = decode_base64url(text_of(object, "e").value_or(""));
  if (!modulus || !exponent || modulus->empty() || exponent->empty()) {
    return unusable("its n or e is missing or is not base64url");
  }
  if (!is_exponent(*exponent)) return unusable("its e is out of range");
  if (!is_odd(*modulus) || !is_odd(*exponent)) return unusable("its n or e is even");
  jwk.kind = JwkKind::rsa;
  return with_key(std::move(jwk), rsa_key(*modulus, *exponent).get());
}

struct Curve {
  std::string_view name;
  std::size_t number_bytes;
  JwkKind kind;
};
/// RFC 7518 section 6.2.1.1.
constexpr Curve kCurves[] = {
    {"P-256", 32, JwkKind::p256}, {"P-384", 48, JwkKind::p384}, {"P-521", 66, JwkKind::p521}};

/// RFC 7518 section 6.2. OpenSSL sees to it that the point is on the curve.
Usable read_curve(const json::object& object, Jwk jwk) {
  const auto name = text_of(object, "crv").value_or("");
  const auto* curve = std::find_if(std::begin(kCurves), std::end(kCurves),
                                   [&](const Curve& one) { return one.name == name; });
  if (curve == std::end(kCurves)) return unusable("its crv is none of P-256, P-384 and P-521");
  const auto x = decode_base64url(text_of(object, "x").value_or(""));
  const auto y = decode_base64url(text_of(object, "y").value_or(""));
  if (!x || !y || x->size() != curve->number_bytes || y->size() != curve->number_bytes)
    return unusable("its x or y is missing or is not as long as its curve has it");
  jwk.kind = curve->kind;
  return with_key(std::move(jwk), curve_key(std::string(name), '\x04' + *x + *y).get());
}

/// RFC 8037 section 2.
Usable read_octet_pair(const json::object& object, Jwk jwk) {
  if (text_of(object, "crv") != "Ed25519") return unusable("its crv is not Ed25519");
  const auto x = decode_base64url(text_of(object, "x").value_or(""));
  if (!x || x->size() != 32) return unusable("its x is missing or is not 32 bytes long");
  jwk.kind = JwkKind::ed25519;
  const Owned<evp_pkey_st> key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(x->data()), x->size()));
  return with_key(std::move(jwk), key.get());
}

/// RFC 7518 section 6.4.
Usable read_secret(const json::object& object, Jwk jwk) {
  const auto secret = decode_base64url(text_of(object, "k").value_or(""));
  if (!secret || secret->empty()) return unusable("its k is missing or is not base64url");
  jwk.kind = JwkKind::secret;
  jwk.secret = *secret;
  return jwk;
}

Usable read_key(const json::object& object, std::string_view kind, Jwk jwk) {
  if (kind == "oct") return read_secret(object, std::move(jwk));
  // Nobody hands out a private key on purpose: whoever reads the file can sign.
  if (object.contains("d")) return unusable("it holds the private key: make a new pair");
  if (kind == "RSA") return read_rsa(object, std::move(jwk));
  if (kind == "EC") return read_curve(object, std::move(jwk));
  return read_octet_pair(object, std::move(jwk));
}

std::string_view type_for(JwtAlgorithm algorithm) {
  switch (jwk_kind_for(algorithm)) {
    case JwkKind::secret:
      return "oct";
    case JwkKind::rsa:
      return "RSA";
    case JwkKind::p256:
    case JwkKind::p384:
    case JwkKind::p521:
      return "EC";
    case JwkKind::ed25519:
      return "OKP";
  }
  return "";
}

/// "RSA or EC"; "" if `type` is one of them.
std::string other_types_than(std::string_view type, std::span<const JwtAlgorithm> algorithms) {
  std::string types;
  for (const auto one : algorithms) {
    if (type_for(one) == type) return "";
    if (types.find(type_for(one)) == std::string::npos)
      types.append(types.empty() ? "" : " or ").append(type_for(one));
  }
  return types;
}

std::string names_of(std::span<const JwtAlgorithm> algorithms) {
  std::string names;
  for (const auto one : algorithms) names.append(names.empty() ? "" : " or ").append(name_of(one));
  return names;
}

bool fits_any(const Jwk& key, std::span<const JwtAlgorithm> algorithms) {
  return std::any_of(algorithms.begin(), algorithms.end(),
                     [&](JwtAlgorithm one) { return key.fits(one); });
}

/// The key, or in a few words why it is of no use here.
Usable usable_key(const json::object& object, std::span<const JwtAlgorithm> algorithms) {
  const auto kind = text_of(object, "kty");
  if (!kind) return unusable("it has no kty");
  if (const auto types = other_types_than(*kind, algorithms); !types.empty())
    return unusable("its kty is not " + types);
  if (object.contains("use") && text_of(object, "use") != "sig")
    return unusable("its use is not sig");
  if (!may_verify(object)) return unusable("its key_ops lack verify");
  Jwk jwk;
  if (object.contains("alg")) {
    jwk.algorithm = jwt_algorithm(text_of(object, "alg").value_or(""));
    const bool is_ours = jwk.algorithm && std::find(algorithms.begin(), algorithms.end(),
                                                    *jwk.algorithm) != algorithms.end();
    if (!is_ours) return unusable("its alg is not " + names_of(algorithms));
  }
  if (object.contains("kid")) {
    const auto text = text_of(object, "kid");
    if (!text || text->empty() || text->size() > kKeyIdBytesMax)
      return unusable("its kid is not a short text");
    jwk.id = *text;
  }
  auto key = read_key(object, *kind, std::move(jwk));
  if (key && !fits_any(*key, algorithms))
    return unusable("it cannot verify " + names_of(algorithms) +
                    (key->kind == JwkKind::secret ? ", or it is shorter than the digest" : ""));
  return key;
}

}  // namespace

Checked<JwkSet> JwkSet::parse(std::string_view bytes, std::string_view name,
                              std::span<const JwtAlgorithm> algorithms) {
  constexpr const char* kRemedy =
      "it must be a JSON object {\"keys\": [...]} as RFC 7517 section 5 has it";
  if (bytes.size() > limits::kJwksBytesMax) {
    return Reason(fmt::format("{} is larger than {} bytes", name, limits::kJwksBytesMax), kRemedy);
  }
  const auto object = parse_json_object(bytes, kDepthMax);
  if (!object)
    return Reason(fmt::format("{} is no JSON object, or it has a member twice", name), kRemedy);
  const auto* list = object->if_contains("keys");
  if (list == nullptr || !list->is_array())
    return Reason(fmt::format("{} has no list `keys`", name), kRemedy);

  JwkSet set;
  set.digest_ = sha256({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  std::size_t position = 0;
  std::size_t untold = 0;
  for (const json::value& entry : list->get_array()) {
    ++position;
    const auto skip = [&](std::string_view reason) {
      if (set.skipped_.size() == kSkippedToldMax) {
        ++untold;
      } else {
        set.skipped_.push_back(fmt::format("key {} of {}: {}", position, name, reason));
      }
    };
    if (!entry.is_object()) {
      skip("it is no JSON object");
      continue;
    }
    auto key = usable_key(entry.get_object(), algorithms);
    if (!key) {
      skip(key.error());
    } else if (std::any_of(set.keys_.begin(), set.keys_.end(),
                           [&](const Jwk& other) { return other.id == key->id; })) {
      skip("another key has the same kid, or none as well");
    } else if (set.keys_.size() == limits::kJwksKeysMax) {
      skip(fmt::format("there are {} keys before it already", limits::kJwksKeysMax));
    } else {
      set.keys_.push_back(std::move(*key));
    }
  }
  if (untold > 0)
    set.skipped_.push_back(fmt::format("{} more keys of {} are of no use either", untold, name));
  if (!set.keys_.empty()) return set;
  return Reason(fmt::format("{} has no usable key{}{}", name, set.skipped_.empty() ? "" : "; ",
                            fmt::join(set.skipped_, "; ")),
                fmt::format("the issuer's tokens are verified with {}: give it such a key",
                            names_of(algorithms)));
}

Checked<JwkSet> JwkSet::of_secret(std::string_view secret, std::string_view name,
                                  std::span<const JwtAlgorithm> algorithms) {
  JwkSet set;
  set.is_one_secret_ = true;
  Jwk& key = set.keys_.emplace_back();
  key.kind = JwkKind::secret;
  key.secret = secret;
  set.digest_ = sha256({reinterpret_cast<const std::uint8_t*>(secret.data()), secret.size()});
  for (const auto one : algorithms) {
    if (key.fits(one)) continue;
    return Reason(fmt::format("the secret in {} is shorter than the {} bytes that {} needs", name,
                              secret_bytes_min(one), name_of(one)),
                  "draw a longer one: openssl rand -hex 64");
  }
  return set;
}

const Jwk* JwkSet::find(const std::optional<std::string>& id, JwtAlgorithm algorithm) const {
  const Jwk* found = nullptr;
  for (const Jwk& key : keys_) {
    if (!key.fits(algorithm)) continue;
    if (id && !is_one_secret_) {
      if (!key.id.empty() && key.id == *id) return &key;
    } else if (found != nullptr) {
      return nullptr;
    } else {
      found = &key;
    }
  }
  return found;
}

}  // namespace epaulet
