#pragma once

#include <cstddef>
#include <string_view>

namespace epaulet::detect {

/// Takes big-endian numbers and length-prefixed pieces off the front of bytes. Once something does
/// not fit, `ok()` is false for good and everything that it returns is empty.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  /// `octets`: 1 to 3.
  std::size_t number(std::size_t octets) {
    std::size_t value = 0;
    for (const char c : take(octets)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view take(std::size_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  /// A length of `octets` octets, and as many bytes.
  std::string_view piece(std::size_t octets) { return take(number(octets)); }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace epaulet::detect
