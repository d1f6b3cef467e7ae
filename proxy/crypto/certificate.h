#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/digest.h"
#include "crypto/key.h"
#include "crypto/owned.h"
#include "crypto/reason.h"
#include "crypto/spiffe_id.h"
#include "crypto/wall_time.h"

namespace epaulet {

/// One X.509 certificate. Immutable; copies share it.
class Certificate {
 public:
  /// All certificates of a PEM text, in its order. At least one, at most `max`. What stands between
  /// the blocks is skipped, a broken block is not. `name` stands for the text in the reason.
  [[nodiscard]] static Checked<std::vector<Certificate>> parse_pem(std::string_view pem,
                                                                   std::string_view name,
                                                                   std::size_t max);
  /// Adds a reference.
  [[nodiscard]] static Certificate of(x509_st* certificate) {
    return Certificate(share(certificate));
  }

  Certificate(const Certificate& other) : x509_(share(other.get())) {}
  Certificate& operator=(const Certificate& other) {
    x509_ = share(other.get());
    return *this;
  }
  Certificate(Certificate&&) noexcept = default;
  Certificate& operator=(Certificate&&) noexcept = default;
  ~Certificate() = default;

  /// RFC 2253 with its escapes, at most 256 characters: it may come from a stranger.
  [[nodiscard]] std::string subject() const;
  [[nodiscard]] std::string issuer() const;
  /// Hexadecimal.
  [[nodiscard]] std::string serial() const;
  [[nodiscard]] WallTime not_before() const;
  [[nodiscard]] WallTime not_after() const;
  [[nodiscard]] bool is_valid_at(WallTime now) const {
    return not_before() <= now && now < not_after();
  }
  /// Of the DER encoding.
  [[nodiscard]] Sha256 fingerprint() const;
  /// Every URI of the subject alternative name, as it stands there. A reason if the extension is
  /// broken or stands there twice.
  [[nodiscard]] Checked<std::vector<std::string>> uri_sans() const;
  /// May sign certificates: CA:TRUE and, if there is a key usage, keyCertSign.
  [[nodiscard]] bool is_ca() const;
  [[nodiscard]] bool is_self_issued() const;
  [[nodiscard]] Checked<PublicKey> public_key() const;
  /// Why nobody should rely on the signature (SHA-1, MD5), or nothing.
  [[nodiscard]] std::optional<std::string> signature_weakness() const;
  /// In hexadecimal, at most 20 bytes; "" if absent: which key is this, and whose key signed it.
  [[nodiscard]] std::string subject_key_id() const;
  [[nodiscard]] std::string authority_key_id() const;
  [[nodiscard]] std::string to_pem() const;

  /// The identity by the X.509-SVID standard: exactly one URI SAN, a SPIFFE ID with a path, and the
  /// certificate is a leaf that may sign handshakes (not a CA, neither keyCertSign nor cRLSign).
  [[nodiscard]] Checked<SpiffeId> identity() const;

  [[nodiscard]] x509_st* get() const { return x509_.get(); }

 private:
  explicit Certificate(Owned<x509_st> x509) : x509_(std::move(x509)) {}
  Owned<x509_st> x509_;
};

/// "CN=...,O=..., sha256 0123456789abcdef": enough to find it again.
[[nodiscard]] std::string short_name(const Certificate& certificate);

/// "valid from A until B; now is C, 5 min too late" or so.
[[nodiscard]] std::string validity_text(const Certificate& certificate, WallTime now);

/// One digest for a set of certificates, whatever their order: names a trust bundle.
[[nodiscard]] Sha256 digest_of_set(const std::vector<Certificate>& certificates);

}  // namespace epaulet
