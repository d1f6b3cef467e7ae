#pragma once

#include <cstddef>
#include <optional>

#include "base/limits.h"
#include "http/http1/fault.h"
#include "io/stream.h"

namespace epaulet::http::http1 {

struct HeadLimits {
  /// Start line, fields and both kinds of empty lines; at most limits::kLargeBlockBytes.
  std::size_t bytes = limits::kHeadBytesMax;
  std::size_t fields = limits::kHeaderFieldsMax;
};

/// The length of the complete head at the start of `bytes`, its empty line included; nothing if
/// more is needed.
///
/// A request may be preceded by at most limits::kEmptyLinesBeforeRequestMax empty lines (RFC 9112
/// section 2.2), which count as part of its head; a response may not. `scanned`: how far earlier
/// calls with a prefix of the same bytes looked, 0 at first; updated, so that a slow sender costs
/// linear time. A line ends with CRLF and nothing else: RFC 9112 section 2.2 lets a recipient take
/// a bare LF, but then the message has two readings. A bare LF, a bare CR or a NUL is refused at
/// once, not when the head ends or times out. Errors: head_too_large, head_malformed, or their
/// response_ counterparts.
[[nodiscard]] Result<std::optional<std::size_t>> find_head_end(
    ConstBytes bytes, const HeadLimits& limits, std::size_t& scanned,
    MessageKind kind = MessageKind::request);

}  // namespace epaulet::http::http1
