#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "runtime/random.h"
#include "telemetry/span.h"

namespace epaulet::telemetry {

/// W3C Trace Context, level 1: version 00.
struct TraceContext {
  std::array<char, 32> trace_id;  ///< Lower-case hexadecimal, not all zeros.
  std::array<char, 16> parent_id;
  bool sampled = false;

  [[nodiscard]] static std::optional<TraceContext> parse(std::string_view traceparent);
  /// A new trace.
  [[nodiscard]] static TraceContext begin(Random& random, bool sampled);
  /// Below a span; not sampled.
  [[nodiscard]] static TraceContext of(const SpanIds& parent);
  /// The same trace with a new parent id: what we pass on.
  [[nodiscard]] TraceContext child(Random& random) const;
  /// "00-<trace id>-<parent id>-<flags>".
  [[nodiscard]] std::array<char, 55> to_text() const;
};

/// Writes 32 hexadecimal digits.
void write_request_id(Random& random, std::array<char, 32>& out);

}  // namespace epaulet::telemetry
