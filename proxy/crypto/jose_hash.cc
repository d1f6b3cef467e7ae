#include "crypto/jose_hash.h"

#include <openssl/evp.h>

#include "base/assert.h"

namespace epaulet {

TokenHash::TokenHash() : context_(EVP_MD_CTX_new()) {
  EPAULET_ASSERT(context_ != nullptr &&
                 EVP_DigestInit_ex2(context_.get(), EVP_sha256(), nullptr) == 1);
}

Sha256 TokenHash::of(std::string_view text) {
  Sha256 digest{};
  unsigned int length = 0;
  // Without an algorithm, init begins anew with the one that the context has fetched.
  EPAULET_ASSERT(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1 &&
                 EVP_DigestUpdate(context_.get(), text.data(), text.size()) == 1 &&
                 EVP_DigestFinal_ex(context_.get(), digest.data(), &length) == 1);
  EPAULET_ASSERT(length == digest.size());
  return digest;
}

}  // namespace epaulet
