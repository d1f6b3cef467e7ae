#include "enroll/sign_answer.h"

#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "crypto/identity.h"

/// What the sidecar reads from whoever it takes for the identity service: its answer, and the
/// certificates in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace epaulet;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto refused = enroll::parse_sign_answer(500, text);
  EPAULET_ASSERT(!refused.has_value());
  for (const char c : refused.error().what) EPAULET_ASSERT(c >= ' ' && c <= '~');
  if (const auto answer = enroll::parse_sign_answer(200, text)) {
    IdentityText set;
    set.certificates = answer->certificates;
    set.bundle = answer->bundle;
    EPAULET_ASSERT(!Identity::from(set, "cluster.local", WallTime()).has_value());  // No key.
  }
  return 0;
}
