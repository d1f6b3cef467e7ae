#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "k8s/injector/inject.h"

namespace {

using namespace epaulet::injector;

InjectorSettings settings() {
  InjectorSettings made;
  made.roots = "none";
  return made;
}

}  // namespace

/// What the injector reads: a review with anybody's pod in it. Whatever it holds, there is an
/// answer; and what was let into the mesh keeps what the mesh promises, asked twice as well.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kSettings = settings();
  auto review = read_review({reinterpret_cast<const char*>(data), size});
  if (!review) return 0;
  const auto verdict = inject(*review, kSettings);
  EPAULET_ASSERT(!answer_text(review->uid, verdict).empty());
  EPAULET_ASSERT(verdict.allowed || (verdict.patch.empty() && !verdict.refusal.empty()));
  EPAULET_ASSERT(!verdict.is_our_mistake);
  return 0;
}
