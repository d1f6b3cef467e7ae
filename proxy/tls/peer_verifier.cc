#include "tls/peer_verifier.h"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>

namespace epaulet {
namespace {

constexpr std::size_t kNamesShown = 4;

std::string text_of_expected(const PeerPolicy& policy) {
  if (!policy.expected) return fmt::format("an identity of {}", policy.trust.trust_domain);
  if (policy.expected->empty()) return "nobody: no identities are configured for this endpoint";
  std::string text;
  for (std::size_t i = 0; i < policy.expected->size() && i < kNamesShown; ++i) {
    if (i > 0) text += " or ";
    text += (*policy.expected)[i];
  }
  if (policy.expected->size() > kNamesShown)
    text += fmt::format(" or {} more", policy.expected->size() - kNamesShown);
  return text;
}

/// The four facts that every failure tells.
std::string diagnosis(std::string_view what, const Certificate& leaf, const PeerPolicy& policy) {
  return fmt::format("{}; presented: {}; expected: {}; authority: {}; our clock: {}", what,
                     text_of_certificate(leaf), text_of_expected(policy),
                     text_of_bundle(policy.trust.bundle), rfc3339(policy.now));
}

ErrorCode code_of(int x509_error) {
  switch (x509_error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return ErrorCode::tls_peer_expired;
    // The root forbids the name that the leaf carries.
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return ErrorCode::tls_identity_unexpected;
    default:
      return ErrorCode::tls_peer_untrusted;
  }
}

std::string_view key_id_text(const std::string& id) {
  return id.empty() ? std::string_view("without an id") : std::string_view(id);
}

std::string text_of_fault(x509_store_ctx_st* chain, const Certificate& leaf,
                          const PeerPolicy& policy) {
  const int error = X509_STORE_CTX_get_error(chain);
  const int depth = X509_STORE_CTX_get_error_depth(chain);
  x509_st* at = X509_STORE_CTX_get_current_cert(chain);
  const auto certificate = depth > 0 && at != nullptr ? Certificate::of(at) : leaf;
  if (code_of(error) == ErrorCode::tls_peer_expired) {
    return fmt::format(
        "{} is {}",
        depth > 0 ? "the authority " + short_name(certificate) : "the peer's certificate",
        validity_text(certificate, policy.now));
  }
  const std::string_view text = X509_verify_cert_error_string(error);
  if (error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
      error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
      error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT) {
    // The last one that the peer sent leads to nobody we know.
    return fmt::format("the peer's authority is not one of ours: {}, key {} ({})",
                       certificate.issuer(), key_id_text(certificate.authority_key_id()), text);
  }
  return fmt::format("the peer's certificate is not trusted: {}{}", text,
                     depth > 0 ? fmt::format(" (at {})", short_name(certificate)) : "");
}

PeerVerdict begin(const Certificate& leaf) {
  PeerVerdict verdict;
  verdict.fingerprint = leaf.fingerprint();
  verdict.not_after = leaf.not_after();
  return verdict;
}

void fail(PeerVerdict& verdict, ErrorCode code, int x509_error, std::string text) {
  verdict.code = code;
  verdict.x509_error = x509_error;
  verdict.diagnosis = std::move(text);
}

/// The chain is good: is it one of ours, and the one we want?
void judge_identity(PeerVerdict& verdict, const Certificate& leaf, const PeerPolicy& policy) {
  const auto id = leaf.identity();
  if (!id) {
    return fail(verdict, ErrorCode::tls_identity_missing, X509_V_ERR_APPLICATION_VERIFICATION,
                diagnosis(id.error().what, leaf, policy));
  }
  verdict.spiffe_id = id->text();
  if (id->trust_domain() != policy.trust.trust_domain) {
    return fail(verdict, ErrorCode::tls_identity_unexpected, X509_V_ERR_CERT_REJECTED,
                diagnosis(fmt::format("the peer belongs to the trust domain {}, and we to {}",
                                      id->trust_domain(), policy.trust.trust_domain),
                          leaf, policy));
  }
  if (policy.expected && std::find(policy.expected->begin(), policy.expected->end(), id->text()) ==
                             policy.expected->end()) {
    return fail(verdict, ErrorCode::tls_identity_unexpected, X509_V_ERR_CERT_REJECTED,
                diagnosis(fmt::format("the peer presented {}, but {} expects {}", id->text(),
                                      policy.server_name.empty() ? std::string_view("this endpoint")
                                                                 : policy.server_name,
                                      text_of_expected(policy)),
                          leaf, policy));
  }
}

}  // namespace

std::string text_of_certificate(const Certificate& certificate) {
  std::string names;
  if (const auto uris = certificate.uri_sans()) {
    for (std::size_t i = 0; i < uris->size() && i < kNamesShown; ++i) {
      if (i > 0) names += " and ";
      // Foreign bytes: SpiffeId never lets control characters through, so neither does this.
      for (const char c : (*uris)[i].substr(0, 256)) names += c >= ' ' && c <= '~' ? c : '?';
    }
  }
  return fmt::format("{} ({}, issued by {} with key {}, sha256 {}, valid from {} until {})",
                     names.empty() ? "no URI SAN" : names, certificate.subject(),
                     certificate.issuer(), key_id_text(certificate.authority_key_id()),
                     hex(certificate.fingerprint()).substr(0, 16),
                     rfc3339(certificate.not_before()), rfc3339(certificate.not_after()));
}

std::string text_of_bundle(const std::vector<Certificate>& bundle) {
  std::string text;
  for (std::size_t i = 0; i < bundle.size() && i < kNamesShown; ++i) {
    if (i > 0) text += " or ";
    text +=
        fmt::format("{}, key {}", short_name(bundle[i]), key_id_text(bundle[i].subject_key_id()));
  }
  if (bundle.size() > kNamesShown) text += fmt::format(" or {} more", bundle.size() - kNamesShown);
  return text;
}

PeerVerdict verify_peer(x509_store_ctx_st* chain, const PeerPolicy& policy) {
  const auto leaf = Certificate::of(X509_STORE_CTX_get0_cert(chain));
  auto verdict = begin(leaf);
  X509_STORE_CTX_set_time(
      chain, 0, std::chrono::floor<std::chrono::seconds>(policy.now).time_since_epoch().count());
  if (X509_verify_cert(chain) != 1) {
    const int error = X509_STORE_CTX_get_error(chain);
    fail(verdict, code_of(error), error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error,
         diagnosis(text_of_fault(chain, leaf, policy), leaf, policy));
    (void)drain_openssl_errors();
    return verdict;
  }
  const STACK_OF(X509)* verified = X509_STORE_CTX_get0_chain(chain);
  verdict.authority =
      Certificate::of(sk_X509_value(verified, sk_X509_num(verified) - 1)).fingerprint();
  // A connection and its tickets end with whatever of the chain ends first.
  for (int i = 0; i < sk_X509_num(verified); ++i) {
    verdict.not_after =
        std::min(verdict.not_after, Certificate::of(sk_X509_value(verified, i)).not_after());
  }
  judge_identity(verdict, leaf, policy);
  return verdict;
}

PeerVerdict verify_web_server(x509_store_ctx_st* chain, const PeerPolicy& policy) {
  const auto leaf = Certificate::of(X509_STORE_CTX_get0_cert(chain));
  auto verdict = begin(leaf);
  X509_STORE_CTX_set_time(
      chain, 0, std::chrono::floor<std::chrono::seconds>(policy.now).time_since_epoch().count());
  if (X509_verify_cert(chain) == 1) return verdict;
  const int error = X509_STORE_CTX_get_error(chain);
  fail(verdict, code_of(error), error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error,
       fmt::format(
           "{}; presented: {}, issued by {}, valid from {} until {}; expected: a "
           "certificate of {}; authority: {}; our clock: {}",
           text_of_fault(chain, leaf, policy), leaf.subject(), leaf.issuer(),
           rfc3339(leaf.not_before()), rfc3339(leaf.not_after()), policy.trust.trust_domain,
           policy.trust.bundle.empty() ? "the system's" : text_of_bundle(policy.trust.bundle),
           rfc3339(policy.now)));
  (void)drain_openssl_errors();
  return verdict;
}

PeerVerdict verify_resumed_peer(const Certificate& leaf, const PeerPolicy& policy) {
  auto verdict = begin(leaf);
  if (!leaf.is_valid_at(policy.now)) {
    fail(verdict, ErrorCode::tls_peer_expired, X509_V_ERR_CERT_HAS_EXPIRED,
         diagnosis("the peer's certificate is " + validity_text(leaf, policy.now), leaf, policy));
    return verdict;
  }
  judge_identity(verdict, leaf, policy);
  return verdict;
}

}  // namespace epaulet
