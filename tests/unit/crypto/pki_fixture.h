#pragma once

#include <openssl/x509v3.h>

#include <string>
#include <string_view>

#include "base/assert.h"
#include "crypto/ca.h"
#include "crypto/certificate_builder.h"
#include "crypto/identity.h"

namespace epaulet {

/// 2026-01-01T00:00:00Z: tests never ask the real clock.
inline constexpr WallTime kNow{std::chrono::seconds(1'767'225'600)};
inline constexpr std::string_view kDomain = "cluster.local";

inline SpiffeId spiffe(std::string_view text) {
  auto id = SpiffeId::parse(text);
  EPAULET_ASSERT(id.has_value());
  return *id;
}

inline std::string pem_of(const std::vector<Certificate>& certificates) {
  std::string text;
  for (const auto& certificate : certificates) text += certificate.to_pem();
  return text;
}

/// A good leaf of `ca` for `key`, of which a test spoils one thing.
struct LeafRecipe {
  std::string sans = "URI:spiffe://cluster.local/ns/default/sa/api";  ///< "" for none.
  WallTime not_before = kNow - kBackdate;
  WallTime not_after = kNow + kLeafLifetime;
  std::string basic_constraints = "critical,CA:FALSE";
  std::string key_usage = "critical,digitalSignature";
  std::string ext_key_usage = "serverAuth,clientAuth";
};

inline Certificate make_leaf(const CertificateAuthority& ca, const PrivateKey& key,
                             const LeafRecipe& recipe) {
  CertificateBuilder builder(key.public_key());
  builder.subject("CN", "test leaf")
      .issuer(ca.certificate())
      .validity(recipe.not_before, recipe.not_after);
  builder.extension(NID_subject_key_identifier, "hash")
      .extension(NID_authority_key_identifier, "keyid:always");
  builder.extension(NID_basic_constraints, recipe.basic_constraints)
      .extension(NID_key_usage, recipe.key_usage);
  if (!recipe.ext_key_usage.empty()) builder.extension(NID_ext_key_usage, recipe.ext_key_usage);
  if (!recipe.sans.empty()) builder.extension(NID_subject_alt_name, recipe.sans);
  return builder.sign(ca.key());
}

inline IdentityText identity_text(const std::vector<Certificate>& chain, const PrivateKey& key,
                                  const std::vector<Certificate>& bundle) {
  return {pem_of(chain), "cert.pem", key.to_pem(), "key.pem", pem_of(bundle), "ca.pem"};
}

/// What `epaulet-certs issue` writes, in memory.
inline IdentityText issue_text(const CertificateAuthority& ca, std::string_view id,
                               WallTime now = kNow, std::chrono::seconds lifetime = kLeafLifetime) {
  const auto key = PrivateKey::generate(KeyType::p256);
  const auto chain = ca.issue(key.public_key(), spiffe(id), now, lifetime);
  EPAULET_ASSERT(chain.has_value());
  return identity_text(*chain, key, {ca.certificate()});
}

inline std::string all_of(const Identity::Reasons& reasons) {
  std::string text;
  for (const auto& reason : reasons) text += reason.to_string() + "\n";
  return text;
}

}  // namespace epaulet
