// An app's metrics: what is handed on is whole lines of the older format, none of them ours, and
// the same when it is read again.

#include <cstdint>
#include <string_view>

#include "admin/metrics_text.h"
#include "base/assert.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace epaulet::admin;
  const std::string_view page(reinterpret_cast<const char*>(data), size);
  for (const auto format : {MetricsFormat::text, MetricsFormat::open_metrics}) {
    const auto made = clean_metrics(page, format);
    if (!made) continue;
    EPAULET_ASSERT(made->text.empty() || made->text.back() == '\n');
    EPAULET_ASSERT(made->text.find("# EOF") == std::string::npos ||
                   made->text.find("\n# EOF") == std::string::npos);
    EPAULET_ASSERT(!made->text.starts_with("epaulet_") &&
                   made->text.find("\nepaulet_") == std::string::npos);
    const auto again = clean_metrics(made->text, MetricsFormat::text);
    EPAULET_ASSERT(again && again->text == made->text && again->samples == made->samples);
    EPAULET_ASSERT(again->left_out == 0);
  }
  return 0;
}
