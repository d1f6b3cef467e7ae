#include "policy/ingress.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace epaulet {
namespace {

constexpr std::size_t kHopsMax = 16;

/// The last `wanted` of what is put in, without keeping the others.
class LastOnes {
 public:
  explicit LastOnes(std::size_t wanted) : wanted_(std::min(wanted, kHopsMax)) {}
  void put(std::string_view element) { ring_[count_++ % wanted_] = element; }
  /// The one that is `wanted` from the end.
  [[nodiscard]] std::optional<std::string_view> earliest() const {
    if (count_ < wanted_) return std::nullopt;
    return ring_[count_ % wanted_];
  }

 private:
  std::size_t wanted_;
  std::array<std::string_view, kHopsMax> ring_;
  std::size_t count_ = 0;
};

/// Takes the text up to the next `separator` outside of quotes off `rest`, and the separator.
/// False: a quoted string does not end (RFC 9110 section 5.6.4).
bool take_part(std::string_view& rest, char separator, std::string_view& part) {
  bool is_quoted = false;
  std::size_t end = 0;
  for (; end < rest.size(); ++end) {
    const char c = rest[end];
    if (is_quoted && c == '\\') {
      ++end;
    } else if (c == '"') {
      is_quoted = !is_quoted;
    } else if (!is_quoted && c == separator) {
      break;
    }
  }
  if (is_quoted || end > rest.size()) return false;
  part = trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return true;
}

/// An address as it stands alone or with a port. IPv6 with a port is in brackets.
std::optional<IpAddress> address_in(std::string_view text) {
  if (const auto both = SocketAddress::parse(text)) return both->ip;
  return IpAddress::parse(text);
}

/// RFC 7239 section 6: IPv6 is in brackets and quotes, others may be in quotes.
std::optional<IpAddress> node_in(std::string_view value) {
  const bool is_quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  if (is_quoted) value = value.substr(1, value.size() - 2);
  if (value.find('"') != value.npos || value.find('\\') != value.npos) return std::nullopt;
  const bool is_v6 = value.find(':') != value.find_last_of(':');
  if (is_v6 && (!is_quoted || !value.starts_with('['))) return std::nullopt;
  return address_in(value);
}

/// The `for` of a forwarded-element (RFC 7239 section 4): exactly one.
std::optional<IpAddress> for_in(std::string_view element) {
  std::optional<std::string_view> node;
  while (!element.empty()) {
    std::string_view pair;
    if (!take_part(element, ';', pair)) return std::nullopt;
    const auto equals = pair.find('=');
    if (equals == pair.npos || !equals_ignore_case(pair.substr(0, equals), "for")) continue;
    if (node) return std::nullopt;
    node = pair.substr(equals + 1);
  }
  return node ? node_in(*node) : std::nullopt;
}

/// Every field of this name, in order. False: one of them is no list.
template <class Visit>
bool for_each_element(const http::RequestHead& head, std::string_view name, bool has_quotes,
                      const Visit& visit) {
  for (const http::Field& field : head.fields) {
    if (field.removed || !equals_ignore_case(field.name, name)) continue;
    auto rest = field.value;
    while (!rest.empty()) {
      std::string_view element;
      if (has_quotes) {
        if (!take_part(rest, ',', element)) return false;
      } else {
        const auto comma = std::min(rest.find(','), rest.size());
        element = trim(rest.substr(0, comma));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
      }
      // RFC 9110 section 5.6.1.2: empty elements are none.
      if (!element.empty()) visit(element);
    }
  }
  return true;
}

}  // namespace

std::string_view name_of(ClientAddressField field) {
  switch (field) {
    case ClientAddressField::none:
      return "";
    case ClientAddressField::x_forwarded_for:
      return "x-forwarded-for";
    case ClientAddressField::forwarded:
      return "forwarded";
    case ClientAddressField::x_real_ip:
      return "x-real-ip";
  }
  return "";
}

Ingress::Ingress(const IngressSettings& settings)
    : passing_(settings.identity_headers), field_(settings.client_address), hops_(settings.hops) {
  for (const auto& identity : settings.trusted) trusted_.emplace_back(identity);
}

bool Ingress::trusts(std::string_view peer) const {
  return !peer.empty() &&
         std::any_of(trusted_.begin(), trusted_.end(),
                     [&](const IdentityPattern& pattern) { return pattern.matches(peer); });
}

bool Ingress::passes(std::string_view field) const {
  return std::any_of(passing_.begin(), passing_.end(),
                     [&](const std::string& name) { return equals_ignore_case(field, name); });
}

std::optional<IpAddress> Ingress::client_of(const http::RequestHead& head) const {
  const bool is_forwarded = field_ == ClientAddressField::forwarded;
  const bool is_single = field_ == ClientAddressField::x_real_ip;
  LastOnes last(is_single ? 1 : hops_);
  std::size_t count = 0;
  const bool is_list =
      for_each_element(head, name_of(field_), is_forwarded, [&](std::string_view element) {
        last.put(element);
        ++count;
      });
  if (!is_list || (is_single && count != 1)) return std::nullopt;
  const auto element = last.earliest();
  if (!element) return std::nullopt;
  return is_forwarded ? for_in(*element) : address_in(*element);
}

}  // namespace epaulet
