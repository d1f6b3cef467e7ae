#pragma once

#include <nghttp2/nghttp2.h>

namespace epaulet::http::http2 {

/// FramePool as nghttp2's allocator. Each stream needs a dozen small blocks for a moment, and with
/// many streams at once malloc's own cache of seven a size does not hold them.
[[nodiscard]] nghttp2_mem* pooled_memory();

}  // namespace epaulet::http::http2
