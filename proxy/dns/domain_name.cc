#include "dns/domain_name.h"

#include "base/ascii.h"

namespace epaulet {
namespace {

std::size_t octet(char c) {
  return static_cast<unsigned char>(c);
}

void append_escaped(std::string& out, char c) {
  if (c == '.' || c == '\\') {
    out += '\\';
    out += c;
  } else if (c > ' ' && c < 0x7f) {
    out += c;
  } else {
    const auto value = octet(c);
    out += '\\';
    out += static_cast<char>('0' + value / 100);
    out += static_cast<char>('0' + value / 10 % 10);
    out += static_cast<char>('0' + value % 10);
  }
}

}  // namespace

std::optional<DomainName> DomainName::from_text(std::string_view text) {
  DomainName name;
  if (text == ".") return name;
  if (text.ends_with('.')) text.remove_suffix(1);
  while (!text.empty()) {
    const auto dot = text.find('.');
    if (!name.append_label(text.substr(0, dot))) return std::nullopt;
    if (dot == std::string_view::npos) return name;
    text.remove_prefix(dot + 1);
    if (text.empty()) return std::nullopt;  // Two final dots.
  }
  return name;
}

bool DomainName::append_label(std::string_view label) {
  if (label.empty() || label.size() > kLabelBytesMax) return false;
  if (wire_.size() + 1 + label.size() > kWireBytesMax) return false;
  wire_.back() = static_cast<char>(label.size());
  wire_ += label;
  wire_ += '\0';
  return true;
}

std::string DomainName::to_text() const {
  if (is_root()) return ".";
  std::string text;
  for (std::size_t at = 0; wire_[at] != 0;) {
    const std::size_t length = octet(wire_[at]);
    if (at > 0) text += '.';
    for (std::size_t i = 1; i <= length; ++i) append_escaped(text, wire_[at + i]);
    at += 1 + length;
  }
  return text;
}

std::string DomainName::key() const {
  return lower(to_text());
}

DomainName DomainName::parent() const {
  DomainName up;
  if (!is_root()) up.wire_ = wire_.substr(1 + octet(wire_[0]));
  return up;
}

bool DomainName::is_within(const DomainName& zone) const {
  std::size_t at = 0;
  while (wire_.size() - at > zone.wire_.size()) at += 1 + octet(wire_[at]);
  // Length octets are below 64 and so no letters: comparing them without case is exact.
  return equals_ignore_case(std::string_view(wire_).substr(at), zone.wire_);
}

bool operator==(const DomainName& a, const DomainName& b) {
  return equals_ignore_case(a.wire_, b.wire_);
}

}  // namespace epaulet
