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

/// The key, or in a few words why it is of no use here.
boost::system::result<Jwk, std::string> usable_key(const json::object& object) {
  const auto unusable = [](std::string reason) {
    return boost::system::result<Jwk, std::string>(boost::system::in_place_error,
                                                   std::move(reason));
  };
  const auto kind = text_of(object, "kty");
  if (!kind) return unusable("it has no kty");
  if (*kind != "RSA") return unusable("its kty is not RSA");
  // Nobody hands out a private key on purpose: whoever reads the file can sign.
  if (object.contains("d")) return unusable("it holds the private key: make a new pair");
  if (object.contains("use") && text_of(object, "use") != "sig")
    return unusable("its use is not sig");
  if (!may_verify(object)) return unusable("its key_ops lack verify");
  if (object.contains("alg") && text_of(object, "alg") != "RS256")
    return unusable("its alg is not RS256");
  std::string id;
  if (object.contains("kid")) {
    const auto text = text_of(object, "kid");
    if (!text || text->empty() || text->size() > kKeyIdBytesMax)
      return unusable("its kid is not a short text");
    id = *text;
  }
  const auto modulus = decode_base64url(text_of(object, "n").value_or(""));
  const auto exponent = decode_base64url(text_of(object, "e").value_or(""));
  if (!modulus || !exponent || modulus->empty() || exponent->empty()) {
    return unusable("its n or e is missing or is not base64url");
  }
  if (!is_exponent(*exponent)) return unusable("its e is out of range");
  if (!is_odd(*modulus) || !is_odd(*exponent)) return unusable("its n or e is even");
  const auto key = rsa_key(*modulus, *exponent);
  if (!key) return unusable("OpenSSL refuses it: " + drain_openssl_errors());
  auto strong = PublicKey::from(key.get());
  if (!strong) return unusable(strong.error().what);
  return Jwk{std::move(id), std::move(*strong)};
}

}  // namespace

Checked<JwkSet> JwkSet::parse(std::string_view bytes, std::string_view name) {
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
  for (const json::value& entry : list->get_array()) {
    ++position;
    const auto skip = [&](std::string_view reason) {
      set.skipped_.push_back(fmt::format("key {} of {}: {}", position, name, reason));
    };
    if (!entry.is_object()) {
      skip("it is no JSON object");
      continue;
    }
    auto key = usable_key(entry.get_object());
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
  if (!set.keys_.empty()) return set;
  return Reason(fmt::format("{} has no usable key{}{}", name, set.skipped_.empty() ? "" : "; ",
                            fmt::join(set.skipped_, "; ")),
                "tokens are verified with RS256: give it an RSA key of 2048 bits or more");
}

const Jwk* JwkSet::find(const std::optional<std::string>& id) const {
  if (!id) return keys_.size() == 1 ? keys_.data() : nullptr;
  const auto found = std::find_if(keys_.begin(), keys_.end(),
                                  [&](const Jwk& key) { return !key.id.empty() && key.id == *id; });
  return found == keys_.end() ? nullptr : &*found;
}

}  // namespace epaulet
