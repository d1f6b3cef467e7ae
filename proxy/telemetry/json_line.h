#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/limits.h"

namespace epaulet::telemetry {

/// Writes one JSON object as one line, in its own memory: no heap, and always valid JSON in valid
/// UTF-8, whatever octets the values hold. A member that does not fit is left out, and "cut":true
/// says so.
class JsonLine {
 public:
  JsonLine() { put('{'); }
  JsonLine(const JsonLine&) = delete;
  JsonLine& operator=(const JsonLine&) = delete;

  // Names are ours: they need no escaping.

  JsonLine& text(std::string_view name, std::string_view value);
  /// Nothing if `value` is empty.
  JsonLine& text_if(std::string_view name, std::string_view value) {
    return value.empty() ? *this : text(name, value);
  }
  JsonLine& number(std::string_view name, std::int64_t value);
  JsonLine& number(std::string_view name, std::uint64_t value);
  template <std::unsigned_integral T>
  JsonLine& number(std::string_view name, T value) {
    return number(name, std::uint64_t{value});
  }
  JsonLine& boolean(std::string_view name, bool value);
  /// Members until end() belong to an object of this name. Not nested further.
  JsonLine& begin(std::string_view name);
  JsonLine& end();

  /// The complete line with its line feed. Nothing can be added after.
  [[nodiscard]] std::string_view finish();

 private:
  /// What finish() may need: end of an inner object, "cut", end, line feed.
  static constexpr std::size_t kTail = 24;

  [[nodiscard]] bool fits(std::size_t bytes) const { return size_ + bytes <= text_.size() - kTail; }
  void put(char c) { text_[size_++] = c; }
  void put(std::string_view plain) {
    plain.copy(text_.data() + size_, plain.size());
    size_ += plain.size();
  }
  [[nodiscard]] bool put_name(std::string_view name);
  [[nodiscard]] bool put_escaped(std::string_view value);
  [[nodiscard]] bool put_member(std::string_view name, std::string_view plain_value);
  JsonLine& undo(std::size_t size);

  std::array<char, limits::kLogLineBytesMax> text_;
  std::size_t size_ = 0;
  bool inner_ = false;
  bool inner_was_cut_ = false;
  bool first_ = true;
  bool cut_ = false;
};

}  // namespace epaulet::telemetry
