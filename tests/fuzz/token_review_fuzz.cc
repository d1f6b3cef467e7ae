#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "k8s/api/token_review.h"

/// What an API server, or whoever is taken for one, answers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto status = epaulet::kube::parse_token_review(201, body);
  EPAULET_ASSERT(status || !status.error().what.empty());
  EPAULET_ASSERT(!epaulet::kube::parse_token_review(403, body));
  return 0;
}
