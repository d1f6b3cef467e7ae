#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/certificate.h"
#include "crypto/key.h"
#include "crypto/reason.h"
#include "crypto/spiffe_id.h"
#include "crypto/wall_time.h"

namespace epaulet {

/// Certificates begin this long before now: clocks of two machines differ.
inline constexpr std::chrono::minutes kBackdate{5};
inline constexpr std::chrono::hours kLeafLifetime{24};
inline constexpr std::chrono::hours kRootLifetime{24 * 3650};
inline constexpr std::chrono::hours kIssuerLifetime{24 * 365};

/// The authority of one trust domain: a self-signed root or an issuer below it, with its key.
class CertificateAuthority {
 public:
  /// A root with CA:TRUE, pathlen 1 (room for one intermediate), keyCertSign and cRLSign, the URI
  /// SAN `spiffe://<trust domain>`, and the critical name constraint that it may only certify URIs
  /// of that domain. `trust_domain` must be one (SpiffeId::is_trust_domain).
  [[nodiscard]] static CertificateAuthority create(std::string_view trust_domain, KeyType type,
                                                   WallTime now,
                                                   std::chrono::seconds lifetime = kRootLifetime);

  /// An issuer below this root, so that the root's key can be kept elsewhere: as create(), but
  /// pathlen 0. Refuses a lifetime beyond the root's own, and an issuer below an issuer.
  [[nodiscard]] Checked<CertificateAuthority> create_issuer(
      KeyType type, WallTime now, std::chrono::seconds lifetime = kIssuerLifetime) const;

  /// The `_name`s are paths, for the reasons. Refuses what is no CA of ours: no CA flag, no trust
  /// domain, a weak key, a signature with SHA-1, a key that does not match, a time outside its
  /// validity.
  [[nodiscard]] static Checked<CertificateAuthority> load(std::string_view certificate_pem,
                                                          std::string_view certificate_name,
                                                          std::string_view key_pem,
                                                          std::string_view key_name, WallTime now);

  /// A leaf for `key`, followed by this issuer's certificate (nothing when the root signs).
  /// CA:FALSE, digitalSignature, serverAuth and clientAuth, the one URI SAN, a random 128-bit
  /// serial, valid from kBackdate ago until `now + lifetime`. Takes nothing but the public key from
  /// whoever asks. Refuses another trust domain, another form than /ns/NS/sa/SA, and a lifetime
  /// beyond the CA's own.
  [[nodiscard]] Checked<std::vector<Certificate>> issue(
      const PublicKey& key, const SpiffeId& id, WallTime now,
      std::chrono::seconds lifetime = kLeafLifetime) const;

  [[nodiscard]] const Certificate& certificate() const { return certificate_; }
  [[nodiscard]] const PrivateKey& key() const { return key_; }
  [[nodiscard]] const std::string& trust_domain() const { return trust_domain_; }
  [[nodiscard]] bool is_root() const { return certificate_.is_self_issued(); }

 private:
  CertificateAuthority(Certificate certificate, PrivateKey key, std::string trust_domain)
      : certificate_(std::move(certificate)),
        key_(std::move(key)),
        trust_domain_(std::move(trust_domain)) {}

  Certificate certificate_;
  PrivateKey key_;
  std::string trust_domain_;
};

}  // namespace epaulet
