#include <algorithm>
#include <string_view>

#include "base/assert.h"
#include "base/limits.h"
#include "detect/detector.h"
#include "http/http1/head_parser.h"

namespace {

using namespace epaulet;
using detect::Verdict;

/// A verdict never changes with more bytes.
template <class Classify>
Verdict last_verdict(ConstBytes bytes, Classify classify) {
  Verdict last = Verdict::need_more;
  const std::size_t looked_at = std::min(bytes.size(), limits::kDetectBytesMax + 8);
  for (std::size_t length = 0; length <= looked_at; ++length) {
    const Verdict verdict = classify(bytes.first(length));
    EPAULET_ASSERT(last == Verdict::need_more || verdict == last);
    last = verdict;
  }
  EPAULET_ASSERT(classify(bytes) == last);
  return last;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ConstBytes bytes = std::as_bytes(std::span(data, size));
  const Verdict verdict =
      last_verdict(bytes, [](ConstBytes some) { return detect::classify(some); });
  if (size >= limits::kDetectBytesMax) EPAULET_ASSERT(verdict != Verdict::need_more);

  const Verdict answer =
      last_verdict(bytes, [](ConstBytes some) { return detect::classify_answer(some); });
  if (as_text(bytes).starts_with("HTTP/")) EPAULET_ASSERT(answer == Verdict::http1);
  constexpr std::size_t kSettingsHead = 9;  // Of HTTP/2, which a server may send first.
  if (size >= kSettingsHead) EPAULET_ASSERT(answer != Verdict::need_more);

  // Nothing that our own parser takes for a request may pass as opaque, where no rule would look at
  // it.
  std::size_t scanned = 0;
  const auto end = http::http1::find_head_end(bytes, {}, scanned);
  if (!end || !*end) return 0;
  http::RequestHead head;
  if (!http::http1::parse_request_head(bytes.first(**end), {}, head)) return 0;
  constexpr std::size_t kMethodBytesMax = 24;
  if (head.method_text.size() <= kMethodBytesMax) EPAULET_ASSERT(verdict == Verdict::http1);
  return 0;
}
