#pragma once

#include "config/settings.h"

namespace epaulet::path {

/// A set of formats.
class TraceFormats {
 public:
  TraceFormats() = default;
  void add(TraceFormat format) { bits_ |= bit(format); }
  [[nodiscard]] bool has(TraceFormat format) const { return (bits_ & bit(format)) != 0; }
  [[nodiscard]] bool empty() const { return bits_ == 0; }
  [[nodiscard]] friend TraceFormats operator|(TraceFormats a, TraceFormats b) {
    return TraceFormats(a.bits_ | b.bits_);
  }
  [[nodiscard]] friend TraceFormats operator-(TraceFormats a, TraceFormats b) {
    return TraceFormats(a.bits_ & ~b.bits_);
  }

 private:
  explicit TraceFormats(unsigned bits) : bits_(bits) {}
  static unsigned bit(TraceFormat format) { return 1u << static_cast<unsigned>(format); }
  unsigned bits_ = 0;
};

}  // namespace epaulet::path
