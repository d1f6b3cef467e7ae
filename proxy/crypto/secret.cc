#include "crypto/secret.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <vector>

#include "base/assert.h"
#include "crypto/digest.h"

namespace epaulet {

std::string random_secret(std::size_t bytes) {
  std::vector<std::uint8_t> random(bytes);
  EPAULET_ASSERT(RAND_priv_bytes(random.data(), static_cast<int>(random.size())) == 1);
  auto text = hex(random);
  OPENSSL_cleanse(random.data(), random.size());
  return text;
}

bool equal_secrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace epaulet
