#include "crypto/web_chain.h"

#include <openssl/x509v3.h>

#include <memory>

#include "base/assert.h"
#include "crypto/identity.h"

namespace epaulet {
namespace {

struct FreeStack {
  // The stack borrows its certificates.
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};

}  // namespace

std::optional<std::string> fault_of_server(const std::vector<Certificate>& chain,
                                           const std::vector<Certificate>& roots,
                                           const std::string& host, WallTime now) {
  const auto store = make_trust_store(roots);
  const std::unique_ptr<STACK_OF(X509), FreeStack> rest(sk_X509_new_null());
  for (std::size_t i = 1; i < chain.size(); ++i) sk_X509_push(rest.get(), chain[i].get());
  const Owned<x509_store_ctx_st> context(X509_STORE_CTX_new());
  EPAULET_ASSERT(X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), rest.get()) ==
                 1);
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
  auto* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);  // As Go has it.
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  EPAULET_ASSERT(X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size()) == 1);
  X509_STORE_CTX_set_time(context.get(), 0,
                          std::chrono::system_clock::to_time_t(
                              std::chrono::floor<std::chrono::system_clock::duration>(now)));
  const bool is_fine = X509_verify_cert(context.get()) == 1;
  const int error = X509_STORE_CTX_get_error(context.get());
  (void)drain_openssl_errors();
  if (is_fine) return std::nullopt;
  return std::string(X509_verify_cert_error_string(error));
}

bool belongs_to(const PrivateKey& key, const Certificate& certificate) {
  const auto own = certificate.public_key();
  return own && own->matches(key.get());
}

}  // namespace epaulet
