#pragma once

#include <string>

#include "crypto/certificate.h"

namespace epaulet {

/// Puts a version 3 certificate together. For the CA and for tests that need bad ones.
class CertificateBuilder {
 public:
  /// With a random positive serial of 128 bits.
  explicit CertificateBuilder(const PublicKey& subject_key);

  /// One relative name, for example ("CN", "epaulet root"). At most 64 characters (RFC 5280
  /// appendix A).
  CertificateBuilder& subject(const char* type, std::string_view value);
  CertificateBuilder& validity(WallTime not_before, WallTime not_after);
  /// Before any extension that refers to it; itself by default.
  CertificateBuilder& issuer(const Certificate& issuer);
  /// `value` in the words of x509v3_config(5). Never pass text from outside unchecked: commas mean
  /// something.
  CertificateBuilder& extension(int nid, const std::string& value);

  /// The certificate, signed. The builder is spent.
  [[nodiscard]] Certificate sign(const PrivateKey& signer);

 private:
  Owned<x509_st> x509_;
  Owned<x509_st> issuer_;
};

}  // namespace epaulet
