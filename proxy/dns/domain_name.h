#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace epaulet {

/// A domain name: labels of 1 to 63 octets, at most 255 octets on the wire (RFC 1035 section 3.1).
/// Keeps the spelling it came with; compares as ASCII letters of either case (RFC 4343).
class DomainName {
 public:
  static constexpr std::size_t kWireBytesMax = 255;
  static constexpr std::size_t kLabelBytesMax = 63;

  /// The root.
  DomainName() : wire_(1, '\0') {}
  /// "api2.default" or "api2.default."; "" and "." are the root. Nothing for empty or overlong
  /// labels and for overlong names. A backslash is an ordinary octet: no configured name needs
  /// escapes.
  [[nodiscard]] static std::optional<DomainName> from_text(std::string_view text);

  /// Adds a label at the end. False: it does not fit, the name is unchanged.
  [[nodiscard]] bool append_label(std::string_view label);

  /// Without the final dot, "." for the root. Octets that are not printable, dots and backslashes
  /// within labels are escaped (RFC 1035 section 5.1), so that two names never have one text.
  [[nodiscard]] std::string to_text() const;
  /// to_text() in lower case: what tables are keyed with.
  [[nodiscard]] std::string key() const;

  /// Length octets and labels, the root's zero included; never compressed.
  [[nodiscard]] const std::string& wire() const { return wire_; }
  [[nodiscard]] bool is_root() const { return wire_.size() == 1; }
  /// Without the first label; the root is its own parent.
  [[nodiscard]] DomainName parent() const;
  /// True for the name itself too.
  [[nodiscard]] bool is_within(const DomainName& zone) const;

  friend bool operator==(const DomainName& a, const DomainName& b);

 private:
  std::string wire_;
};

}  // namespace epaulet
