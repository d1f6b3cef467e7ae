// The low-level functions are deprecated in favour of EVP, which allocates even with a context that
// is used again: 1.2 us for a token of 700 bytes here, 1.5 with such a context, 2.2 in one shot.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/jose_hash.h"

#include <openssl/sha.h>

namespace epaulet {

Sha256 hash_token(std::string_view token) {
  Sha256 digest{};
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, token.data(), token.size());
  SHA256_Final(digest.data(), &context);
  return digest;
}

}  // namespace epaulet
