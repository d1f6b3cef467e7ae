#include "crypto/csr.h"

#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "certs-tool/token_store.h"

namespace {

using namespace epaulet;

}  // namespace

/// What the identity service reads from strangers besides HTTP: a certificate request, of which the
/// key counts, and a token.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto key = key_of_csr(text)) {
    // Whatever came, the key is one that may be certified, and says so again.
    EPAULET_ASSERT(!weakness_of(key->get()).has_value());
    EPAULET_ASSERT(key->matches(key->get()));
  }
  const certs::TokenStore nowhere("/nonexistent");
  EPAULET_ASSERT(!nowhere.spend(text, Sha256{}, WallTime()).has_value());
  return 0;
}
