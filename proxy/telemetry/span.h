#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/limits.h"
#include "runtime/pool_allocator.h"
#include "telemetry/hex.h"

namespace epaulet::telemetry {

/// A span, wherever it was made.
struct SpanIds {
  std::uint64_t trace_high = 0;
  std::uint64_t trace_low = 0;
  std::uint64_t span = 0;

  [[nodiscard]] static SpanIds of(const std::array<char, 32>& trace_id,
                                  const std::array<char, 16>& span_id) {
    return {read_hex(trace_id.data()), read_hex(trace_id.data() + 16), read_hex(span_id.data())};
  }
  friend bool operator==(const SpanIds&, const SpanIds&) = default;
};

/// What may have led to a span, the most likely first.
struct SpanLinks : Pooled {
  std::array<SpanIds, limits::kSpanLinksMax> ids;
  std::uint8_t count = 0;
};

/// Whether an exchange becomes a span, and where that one stands. Its ids are the record's.
struct SpanPlace {
  bool recorded = false;
  bool sampled = false;    ///< The trace is.
  bool is_told = false;    ///< That it is sampled was not decided here.
  bool is_joined = false;  ///< The parent is what the app was asked at the time, and nothing else.
  std::array<char, 16> parent_id{};  ///< Zero bytes: it begins the trace.
  SpanIds passed;                    ///< What the next hop is told, if `trace_id` says something.
  std::unique_ptr<SpanLinks> links;  ///< Of a guess that is recorded: most exchanges have none.

  void reset() {
    recorded = sampled = is_told = is_joined = false;
    links.reset();
    parent_id = {};
    passed = {};
  }
};

/// What a span tells that no record has. Views are valid during the report only.
struct SpanDetails {
  const SpanPlace& place;
  std::string_view path;
  std::string_view query;  ///< Empty unless it may be told.
  std::string_view host;   ///< As the caller wrote it, with or without a port.
  std::uint16_t port = 0;  ///< That was dialled.
  bool http2 = false;      ///< Of the caller.
  bool http10 = false;
  bool grpc = false;
};

}  // namespace epaulet::telemetry
