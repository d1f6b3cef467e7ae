#include "crypto/certificate.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"

namespace epaulet {
namespace {

constexpr std::size_t kNameCharactersMax = 256;

std::string text_of(bio_st* bio) {
  const char* text = nullptr;
  const long length = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(length)};
}

std::string name_text(const X509_NAME* name) {
  const Owned<bio_st> bio(BIO_new(BIO_s_mem()));
  if (X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) (void)drain_openssl_errors();
  auto text = text_of(bio.get());
  if (text.size() > kNameCharactersMax) text = text.substr(0, kNameCharactersMax) + "...";
  return text.empty() ? "(no name)" : text;
}

/// Of the digest alone, as OpenSSL's security level 2 asks for: SHA-224 and better.
constexpr int kSignatureBitsMin = 112;

std::string key_id_text(const ASN1_OCTET_STRING* id) {
  if (id == nullptr) return "";
  const auto size = std::min<std::size_t>(static_cast<std::size_t>(ASN1_STRING_length(id)), 20);
  return hex({ASN1_STRING_get0_data(id), size});
}

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

}  // namespace

Checked<std::vector<Certificate>> Certificate::parse_pem(std::string_view pem,
                                                         std::string_view name, std::size_t max) {
  constexpr const char* kRemedy = "it must hold PEM certificates (-----BEGIN CERTIFICATE-----)";
  std::vector<Certificate> certificates;
  if (pem.size() > limits::kPemBytesMax)
    return Reason(fmt::format("{} is too large", name), kRemedy);
  const Owned<bio_st> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  for (;;) {
    Owned<x509_st> x509(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!x509) break;
    if (certificates.size() == max) {
      return Reason(fmt::format("{} holds more than {} certificates", name, max),
                    "remove those that nobody needs");
    }
    certificates.push_back(Certificate(std::move(x509)));
  }
  const auto error = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  const auto details = drain_openssl_errors();
  if (!at_end) {
    return Reason(
        fmt::format("certificate {} of {} is broken: {}", certificates.size() + 1, name, details),
        kRemedy);
  }
  if (certificates.empty()) return Reason(fmt::format("{} holds no certificate", name), kRemedy);
  return certificates;
}

std::string Certificate::subject() const {
  return name_text(X509_get_subject_name(get()));
}
std::string Certificate::issuer() const {
  return name_text(X509_get_issuer_name(get()));
}

std::string Certificate::serial() const {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(get()), nullptr);
  if (number == nullptr) {
    (void)drain_openssl_errors();
    return "?";
  }
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, bytes.data());
  BN_free(number);
  return bytes.empty() ? "00" : hex(bytes);
}

// A time that cannot be read makes the certificate never valid.
WallTime Certificate::not_before() const {
  return from_asn1(X509_get0_notBefore(get())).value_or(WallTime::max());
}
WallTime Certificate::not_after() const {
  return from_asn1(X509_get0_notAfter(get())).value_or(WallTime::min());
}

Sha256 Certificate::fingerprint() const {
  Sha256 digest{};
  unsigned length = 0;
  EPAULET_ASSERT(X509_digest(get(), EVP_sha256(), digest.data(), &length) == 1);
  return digest;
}

Checked<std::vector<std::string>> Certificate::uri_sans() const {
  int found = 0;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(get(), NID_subject_alt_name, &found, nullptr)));
  std::vector<std::string> uris;
  if (!names) {
    if (found == -1) return uris;  // Absent.
    (void)drain_openssl_errors();
    return Reason(found == -2 ? "the subject alternative name stands there twice"
                              : "the subject alternative name is broken",
                  "issue the certificate anew");
  }
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                      static_cast<std::size_t>(ASN1_STRING_length(uri)));
  }
  return uris;
}

bool Certificate::is_ca() const {
  return X509_check_ca(get()) != 0;
}

bool Certificate::is_self_issued() const {
  return X509_NAME_cmp(X509_get_subject_name(get()), X509_get_issuer_name(get())) == 0;
}

Checked<PublicKey> Certificate::public_key() const {
  auto key = PublicKey::from(X509_get0_pubkey(get()));
  if (!key) (void)drain_openssl_errors();
  return key;
}

std::optional<std::string> Certificate::signature_weakness() const {
  int digest = NID_undef;
  int bits = 0;
  if (X509_get_signature_info(get(), &digest, nullptr, &bits, nullptr) != 1) {
    (void)drain_openssl_errors();
    return "its signature is of a kind that OpenSSL does not know";
  }
  if (bits >= kSignatureBitsMin) return std::nullopt;
  return fmt::format("it is signed with {}, which is too weak",
                     digest == NID_undef ? "a weak digest" : OBJ_nid2ln(digest));
}

std::string Certificate::subject_key_id() const {
  return key_id_text(X509_get0_subject_key_id(get()));
}
std::string Certificate::authority_key_id() const {
  return key_id_text(X509_get0_authority_key_id(get()));
}

std::string Certificate::to_pem() const {
  const Owned<bio_st> bio(BIO_new(BIO_s_mem()));
  EPAULET_ASSERT(PEM_write_bio_X509(bio.get(), get()) == 1);
  return text_of(bio.get());
}

Checked<SpiffeId> Certificate::identity() const {
  constexpr const char* kRemedy = "issue it with `epaulet-certs issue --identity spiffe://...`";
  auto uris = uri_sans();
  if (!uris) return uris.error();
  if (uris->empty()) return Reason("the certificate carries no SPIFFE identity (URI SAN)", kRemedy);
  if (uris->size() > 1) {
    return Reason(
        fmt::format(
            "the certificate carries {} URI SANs, and exactly one is allowed: {}", uris->size(),
            fmt::join(uris->begin(), uris->begin() + std::min<std::ptrdiff_t>(4, std::ssize(*uris)),
                      ", ")),
        kRemedy);
  }
  auto id = SpiffeId::parse(uris->front());
  if (!id) return id;
  if (!id->is_workload()) {
    return Reason(fmt::format("{} names a trust domain, not a workload", id->text()), kRemedy);
  }
  // X.509-SVID sections 4.1 and 4.3.
  if (is_ca() || (X509_get_extension_flags(get()) & EXFLAG_CA) != 0)
    return Reason("the certificate is a CA, which cannot be a workload", kRemedy);
  const auto usage = X509_get_key_usage(get());  // All bits if the extension is absent.
  if (usage != UINT32_MAX && (usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0) {
    return Reason("the certificate may sign certificates, which a workload's must not", kRemedy);
  }
  if ((usage & KU_DIGITAL_SIGNATURE) == 0) {
    return Reason("the certificate's key usage does not allow signatures, so it cannot do TLS 1.3",
                  kRemedy);
  }
  return id;
}

std::string short_name(const Certificate& certificate) {
  return fmt::format("{}, sha256 {}", certificate.subject(),
                     hex(certificate.fingerprint()).substr(0, 16));
}

std::string validity_text(const Certificate& certificate, WallTime now) {
  auto text =
      fmt::format("valid from {} until {}; our clock says {}", rfc3339(certificate.not_before()),
                  rfc3339(certificate.not_after()), rfc3339(now));
  if (now < certificate.not_before())
    text += fmt::format(", {} too early", span_text(certificate.not_before() - now));
  if (now >= certificate.not_after())
    text += fmt::format(", {} too late", span_text(now - certificate.not_after()));
  return text;
}

Sha256 digest_of_set(const std::vector<Certificate>& certificates) {
  std::vector<Sha256> each;
  for (const auto& certificate : certificates) each.push_back(certificate.fingerprint());
  std::sort(each.begin(), each.end());
  each.erase(std::unique(each.begin(), each.end()), each.end());
  std::vector<std::uint8_t> all;
  for (const auto& digest : each) all.insert(all.end(), digest.begin(), digest.end());
  return sha256(all);
}

}  // namespace epaulet
