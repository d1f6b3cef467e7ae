#include "telemetry/json_line.h"

#include <charconv>

#include "base/assert.h"
#include "telemetry/utf8.h"

namespace epaulet::telemetry {
namespace {

constexpr bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\';
}

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kEscapeBytes = 6;

}  // namespace

bool JsonLine::put_name(std::string_view name) {
  if (!fits(name.size() + 4)) return false;
  if (!first_) put(',');
  put('"');
  put(name);
  put("\":");
  return true;
}

JsonLine& JsonLine::undo(std::size_t size) {
  size_ = size;
  cut_ = true;
  return *this;
}

bool JsonLine::put_escaped(std::string_view value) {
  const auto escape = [this](unsigned char code) {
    put("\\u00");
    put(kDigits[code >> 4]);
    put(kDigits[code & 0xf]);
  };
  while (!value.empty()) {
    std::size_t plain = 0;
    while (plain < value.size() && is_plain(value[plain])) ++plain;
    if (!fits(plain + kEscapeBytes)) return false;
    put(value.substr(0, plain));
    value.remove_prefix(plain);
    if (value.empty()) return true;
    const char c = value.front();
    const std::size_t length = utf8_length(value);
    if (c == '"' || c == '\\') {
      put('\\');
      put(c);
    } else if (length == 1) {
      escape(static_cast<unsigned char>(c));
    } else if (length == 0) {
      put("\\ufffd");
    } else if (is_c1_control(value.substr(0, length))) {
      escape(static_cast<unsigned char>(value[1]));
    } else {
      put(value.substr(0, length));
    }
    value.remove_prefix(length == 0 ? 1 : length);
  }
  return true;
}

JsonLine& JsonLine::text(std::string_view name, std::string_view value) {
  const std::size_t before = size_;
  if (inner_was_cut_ || !put_name(name) || !fits(1)) return undo(before);
  put('"');
  if (!put_escaped(value) || !fits(1)) return undo(before);
  put('"');
  first_ = false;
  return *this;
}

bool JsonLine::put_member(std::string_view name, std::string_view plain_value) {
  if (inner_was_cut_ || !put_name(name) || !fits(plain_value.size())) return false;
  put(plain_value);
  first_ = false;
  return true;
}

JsonLine& JsonLine::number(std::string_view name, std::int64_t value) {
  const std::size_t before = size_;
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  if (!put_member(name, {digits.data(), end})) return undo(before);
  return *this;
}

JsonLine& JsonLine::number(std::string_view name, std::uint64_t value) {
  const std::size_t before = size_;
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  if (!put_member(name, {digits.data(), end})) return undo(before);
  return *this;
}

JsonLine& JsonLine::boolean(std::string_view name, bool value) {
  const std::size_t before = size_;
  if (!put_member(name, value ? "true" : "false")) return undo(before);
  return *this;
}

JsonLine& JsonLine::begin(std::string_view name) {
  EPAULET_ASSERT(!inner_);
  const std::size_t before = size_;
  inner_ = true;
  if (!put_name(name) || !fits(1)) {
    inner_was_cut_ = true;  // Its members have no place either.
    return undo(before);
  }
  put('{');
  first_ = true;
  return *this;
}

JsonLine& JsonLine::end() {
  EPAULET_ASSERT(inner_);
  if (!inner_was_cut_) {
    put('}');  // From the tail, if need be.
    first_ = false;
  }
  inner_ = inner_was_cut_ = false;
  return *this;
}

std::string_view JsonLine::finish() {
  EPAULET_ASSERT(!inner_);
  if (cut_) put(first_ ? "\"cut\":true" : ",\"cut\":true");
  put("}\n");
  return {text_.data(), size_};
}

}  // namespace epaulet::telemetry
