#include "crypto/ca.h"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"
#include "crypto/certificate_builder.h"

namespace epaulet {
namespace {

constexpr const char* kMakeOne =
    "make a CA with `epaulet-certs init --dir DIR --trust-domain DOMAIN`";
/// RFC 5280 appendix A: ub-common-name.
constexpr std::size_t kCommonNameMax = 64;

/// The trust domain of a CA: its one URI SAN, without a path (X.509-SVID section 4.1).
Checked<std::string> trust_domain_of(const Certificate& certificate, std::string_view name) {
  auto uris = certificate.uri_sans();
  if (!uris) return uris.error();
  if (uris->size() != 1) {
    return Reason(fmt::format("{} names no trust domain (one URI SAN spiffe://DOMAIN)", name),
                  kMakeOne);
  }
  auto id = SpiffeId::parse(uris->front());
  if (!id) return id.error();
  if (id->is_workload())
    return Reason(fmt::format("{} is a workload's certificate, not a CA's", name), kMakeOne);
  return std::string(id->trust_domain());
}

/// What a root and an issuer have in common. `path_length`: how many authorities may follow.
void make_authority(CertificateBuilder& builder, std::string_view role, const PublicKey& key,
                    const std::string& domain, int path_length) {
  // A name of its own for each: two that are trusted at once must be told apart.
  const auto tag = hex(key.digest()).substr(0, 8);
  builder.subject("O", "epaulet").subject("CN", fmt::format("epaulet {} {}", role, tag));
  builder.extension(NID_subject_key_identifier, "hash")
      .extension(NID_basic_constraints, fmt::format("critical,CA:TRUE,pathlen:{}", path_length))
      .extension(NID_key_usage, "critical,keyCertSign,cRLSign")
      .extension(NID_subject_alt_name, "URI:spiffe://" + domain)
      // RFC 5280 section 4.2.1.10: of a URI, the host is compared, which is the trust domain.
      .extension(NID_name_constraints, "critical,permitted;URI:" + domain);
}

}  // namespace

CertificateAuthority CertificateAuthority::create(std::string_view trust_domain, KeyType type,
                                                  WallTime now, std::chrono::seconds lifetime) {
  EPAULET_ASSERT(
      SpiffeId::is_trust_domain(trust_domain));  // So it cannot change the meaning of what follows.
  auto key = PrivateKey::generate(type);
  const auto public_key = key.public_key();
  const std::string domain(trust_domain);
  CertificateBuilder builder(public_key);
  builder.validity(now - kBackdate, now + lifetime);
  make_authority(builder, "root", public_key, domain, 1);
  auto certificate = builder.sign(key);
  return {std::move(certificate), std::move(key), domain};
}

Checked<CertificateAuthority> CertificateAuthority::create_issuer(
    KeyType type, WallTime now, std::chrono::seconds lifetime) const {
  if (!is_root()) {
    return Reason(
        fmt::format("{} is an issuer, and issuers make no issuers", short_name(certificate_)),
        "use the root's certificate and key");
  }
  if (now + lifetime > certificate_.not_after()) {
    return Reason(
        fmt::format("the issuer would outlive its root, which ends at {} (in {})",
                    rfc3339(certificate_.not_after()), span_text(certificate_.not_after() - now)),
        "ask for a shorter lifetime, or rotate the root first");
  }
  auto key = PrivateKey::generate(type);
  const auto public_key = key.public_key();
  CertificateBuilder builder(public_key);
  builder.issuer(certificate_)
      .validity(std::max(now - kBackdate, certificate_.not_before()), now + lifetime)
      .extension(NID_authority_key_identifier, "keyid:always");
  make_authority(builder, "issuer", public_key, trust_domain_, 0);
  auto certificate = builder.sign(key_);
  return CertificateAuthority(std::move(certificate), std::move(key), trust_domain_);
}

Checked<CertificateAuthority> CertificateAuthority::load(std::string_view certificate_pem,
                                                         std::string_view certificate_name,
                                                         std::string_view key_pem,
                                                         std::string_view key_name, WallTime now) {
  auto certificates =
      Certificate::parse_pem(certificate_pem, certificate_name, limits::kBundleCertificatesMax);
  if (!certificates) return certificates.error();
  auto key = PrivateKey::from_pem(key_pem, key_name);
  if (!key) return key.error();
  // The file may hold an older root beside it: the one that fits the key signs.
  const auto fits = [&](const Certificate& candidate) {
    const auto candidate_key = candidate.public_key();
    return candidate_key && candidate_key->matches(key->get());
  };
  const auto found = std::find_if(certificates->begin(), certificates->end(), fits);
  if (found == certificates->end()) {
    return Reason(fmt::format("{} is not the key of {}", key_name, certificate_name),
                  "restore the two files that belong together, or make a new CA with "
                  "`epaulet-certs init --force`");
  }
  if (!found->is_ca())
    return Reason(fmt::format("{} is no CA certificate", certificate_name), kMakeOne);
  if (auto weakness = found->signature_weakness()) {
    return Reason(fmt::format("{}: {}", certificate_name, *weakness), kMakeOne);
  }
  auto trust_domain = trust_domain_of(*found, certificate_name);
  if (!trust_domain) return trust_domain.error();
  if (!found->is_valid_at(now)) {
    return Reason(fmt::format("{} is {}", certificate_name, validity_text(*found, now)),
                  "correct the clock, or make a new CA with `epaulet-certs init --force`");
  }
  return CertificateAuthority(*found, std::move(*key), std::move(*trust_domain));
}

Checked<std::vector<Certificate>> CertificateAuthority::issue(const PublicKey& key,
                                                              const SpiffeId& id, WallTime now,
                                                              std::chrono::seconds lifetime) const {
  const auto account = id.service_account();
  if (!account) {
    return Reason(
        fmt::format("{} is not of the form that the mesh uses", id.text()),
        fmt::format("write it as spiffe://{}/ns/NAMESPACE/sa/SERVICE-ACCOUNT", trust_domain_));
  }
  if (id.trust_domain() != trust_domain_) {
    return Reason(
        fmt::format("{} lies outside the trust domain of this CA, {}", id.text(), trust_domain_),
        fmt::format("write spiffe://{}{}, or use the CA of {}", trust_domain_, id.path(),
                    id.trust_domain()));
  }
  if (key.matches(key_.get()))
    return Reason("the CA's own key cannot be a workload's", "generate another key");
  if (lifetime.count() <= 0)
    return Reason("the lifetime is not positive", "for example --valid 24h");
  if (now + lifetime > certificate_.not_after()) {
    return Reason(
        fmt::format("the certificate would outlive its CA, which ends at {} (in {})",
                    rfc3339(certificate_.not_after()), span_text(certificate_.not_after() - now)),
        "ask for a shorter lifetime, or make a new CA");
  }
  CertificateBuilder builder(key);
  const auto common_name = fmt::format("{}.{}", account->name, account->name_space);
  if (common_name.size() <= kCommonNameMax) builder.subject("CN", common_name);
  builder.issuer(certificate_)
      .validity(std::max(now - kBackdate, certificate_.not_before()), now + lifetime);
  // RFC 5280 section 4.2.1.6: the SAN is critical if the subject is empty.
  const std::string critical = common_name.size() <= kCommonNameMax ? "" : "critical,";
  builder.extension(NID_subject_key_identifier, "hash")
      .extension(NID_authority_key_identifier, "keyid:always")
      .extension(NID_basic_constraints, "critical,CA:FALSE")
      .extension(NID_key_usage, "critical,digitalSignature")
      .extension(NID_ext_key_usage, "serverAuth,clientAuth")
      .extension(NID_subject_alt_name, critical + "URI:" + id.text());
  std::vector<Certificate> chain;
  chain.push_back(builder.sign(key_));
  if (!is_root()) chain.push_back(certificate_);
  return chain;
}

}  // namespace epaulet
