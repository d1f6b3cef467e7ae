#include "crypto/identity.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"

namespace epaulet {
namespace {

/// As TLS asks for (tls/context.cc): what loads must also shake hands. No RSA below 2048, no SHA-1.
constexpr int kSecurityLevel = 2;

struct FreeStack {
  // The stack borrows its certificates.
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};

std::optional<std::string> fault_for_purpose(const std::vector<Certificate>& chain,
                                             x509_store_st* store, int purpose, WallTime now) {
  const std::unique_ptr<STACK_OF(X509), FreeStack> rest(sk_X509_new_null());
  for (std::size_t i = 1; i < chain.size(); ++i) sk_X509_push(rest.get(), chain[i].get());
  const Owned<x509_store_ctx_st> context(X509_STORE_CTX_new());
  EPAULET_ASSERT(X509_STORE_CTX_init(context.get(), store, chain.front().get(), rest.get()) == 1);
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context.get()), kSecurityLevel);
  X509_STORE_CTX_set_time(context.get(), 0,
                          std::chrono::system_clock::to_time_t(
                              std::chrono::floor<std::chrono::system_clock::duration>(now)));
  if (X509_verify_cert(context.get()) == 1) return std::nullopt;
  const int error = X509_STORE_CTX_get_error(context.get());
  const int depth = X509_STORE_CTX_get_error_depth(context.get());
  (void)drain_openssl_errors();
  std::string which = "the leaf";
  if (depth > 0) {
    x509_st* at = X509_STORE_CTX_get_current_cert(context.get());
    which = at != nullptr ? short_name(Certificate::of(at))
                          : fmt::format("certificate {} of the chain", depth);
  }
  return fmt::format("{} ({})", X509_verify_cert_error_string(error), which);
}

std::string names_of(const std::vector<Certificate>& certificates) {
  std::string text;
  for (std::size_t i = 0; i < certificates.size() && i < 4; ++i) {
    if (i > 0) text += "; ";
    text += short_name(certificates[i]);
  }
  if (certificates.size() > 4) text += fmt::format("; and {} more", certificates.size() - 4);
  return text;
}

constexpr const char* kIssueAnew = "issue the set anew with `epaulet-certs issue`";

}  // namespace

Owned<x509_store_st> make_trust_store(const std::vector<Certificate>& bundle) {
  Owned<x509_store_st> store(X509_STORE_new());
  EPAULET_ASSERT(store != nullptr);
  for (const auto& root : bundle) EPAULET_ASSERT(X509_STORE_add_cert(store.get(), root.get()) == 1);
  return store;
}

std::optional<std::string> fault_of_chain(const std::vector<Certificate>& chain,
                                          const std::vector<Certificate>& bundle, WallTime now) {
  const auto store = make_trust_store(bundle);
  for (const int purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT}) {
    if (auto fault = fault_for_purpose(chain, store.get(), purpose, now)) return fault;
  }
  return std::nullopt;
}

std::optional<std::string> fault_of_authority(const Certificate& authority,
                                              const std::vector<Certificate>& roots, WallTime now) {
  const auto store = make_trust_store(roots);
  return fault_for_purpose({authority}, store.get(), X509_PURPOSE_ANY, now);
}

Identity::Loaded Identity::from(const IdentityText& text, std::string_view trust_domain,
                                WallTime now) {
  Reasons reasons;
  auto chain = Certificate::parse_pem(text.certificates, text.certificates_name,
                                      limits::kChainCertificatesMax);
  auto key = PrivateKey::from_pem(text.key, text.key_name);
  auto bundle =
      Certificate::parse_pem(text.bundle, text.bundle_name, limits::kBundleCertificatesMax);
  if (!chain) reasons.push_back(chain.error());
  if (!key) reasons.push_back(key.error());
  if (!bundle) reasons.push_back(bundle.error());
  if (bundle) {
    for (const auto& root : *bundle) {
      if (root.is_ca()) continue;
      reasons.emplace_back(
          fmt::format("{}: {} is no CA certificate", text.bundle_name, short_name(root)),
          "the bundle holds the roots to trust, not workload certificates");
    }
  }
  std::optional<SpiffeId> id;
  if (chain) {
    const auto& leaf = chain->front();
    const auto& name = text.certificates_name;
    auto public_key = leaf.public_key();
    if (!public_key) {
      reasons.emplace_back(fmt::format("{}: {}", name, public_key.error().what),
                           public_key.error().remedy);
    } else if (key && !public_key->matches(key->get())) {
      reasons.emplace_back(fmt::format("{} is not the key of {}", text.key_name, name),
                           "the set is half written or mixed up: copy all three files from one "
                           "`epaulet-certs issue`");
    }
    if (auto found = leaf.identity()) {
      id = std::move(*found);
      if (id->trust_domain() != trust_domain) {
        reasons.emplace_back(
            fmt::format("{}: {} lies outside the trust domain {}", name, id->text(), trust_domain),
            "correct `identity.trust_domain`, or issue the certificate from that domain's CA");
      }
    } else {
      reasons.emplace_back(fmt::format("{}: {}", name, found.error().what), found.error().remedy);
    }
    if (!leaf.is_valid_at(now)) {
      reasons.emplace_back(fmt::format("{}: the certificate is {}", name, validity_text(leaf, now)),
                           now < leaf.not_before()
                               ? "compare the clocks of this machine and of the issuer's"
                               : "issue a new one; if it should be valid, correct the clock");
    } else if (bundle) {
      if (auto fault = fault_of_chain(*chain, *bundle, now)) {
        reasons.emplace_back(
            fmt::format("{} does not chain to {}: {}; issued by {}; the bundle holds {}", name,
                        text.bundle_name, *fault, leaf.issuer(), names_of(*bundle)),
            kIssueAnew);
      }
    }
  }
  if (!reasons.empty()) return reasons;
  return std::shared_ptr<const Identity>(
      new Identity(std::move(*id), std::move(*chain), std::move(*key), std::move(*bundle)));
}

Identity::Identity(SpiffeId id, std::vector<Certificate> chain, PrivateKey key,
                   std::vector<Certificate> bundle)
    : id_(std::move(id)),
      chain_(std::move(chain)),
      key_(std::move(key)),
      bundle_(std::move(bundle)),
      bundle_digest_(digest_of_set(bundle_)),
      not_after_(chain_.front().not_after()) {
  for (const auto& certificate : chain_) not_after_ = std::min(not_after_, certificate.not_after());
}

}  // namespace epaulet
