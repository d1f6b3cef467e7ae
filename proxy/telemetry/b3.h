#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "telemetry/trace_context.h"

namespace epaulet::telemetry {

/// What B3 says of a request's trace (https://github.com/openzipkin/b3-propagation), in one header
/// or in several. Ids of 64 bits are the lower half of ours, as OpenTelemetry reads them.
struct B3 {
  /// Nothing: only a decision. Its `sampled` is `decision`, or false while there is none.
  std::optional<TraceContext> context;
  std::optional<bool> decision;  ///< Whether it is sampled; nothing: left to whoever reads it.
  bool debug = false;            ///< Sampled at any rate.
};

/// Of `b3`. Nothing: malformed.
[[nodiscard]] std::optional<B3> parse_b3(std::string_view value);

/// Values of X-B3-*; "": absent. X-B3-ParentSpanId says nothing that we need.
struct B3Fields {
  std::string_view trace_id;
  std::string_view span_id;
  std::string_view sampled;
  std::string_view flags;
};
[[nodiscard]] std::optional<B3> parse_b3(const B3Fields& fields);

/// Complete lines in memory of their own.
class B3Lines {
 public:
  /// `b3`. A trace whose id is one of 64 bits is called as it was.
  void add(const TraceContext& context, bool debug);
  /// X-B3-*
  void add_multi(const TraceContext& context, bool debug);
  [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }

 private:
  void put(std::string_view text) {
    size_ += text.copy(text_.data() + size_, text_.size() - size_);
  }

  std::array<char, 192> text_;  // Both are 57 and 101 bytes at most.
  std::size_t size_ = 0;
};

}  // namespace epaulet::telemetry
