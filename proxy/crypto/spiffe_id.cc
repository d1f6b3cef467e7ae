#include "crypto/spiffe_id.h"

#include <fmt/format.h>

#include <algorithm>

namespace epaulet {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr const char* kForm = "write it as spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT";

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_mark(char c) {
  return c == '.' || c == '-' || c == '_';
}
bool is_segment_char(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || is_mark(c);
}

/// Foreign bytes in a message: printable, and not the whole of them.
std::string quoted(std::string_view text) {
  std::string out = "`";
  for (const char c : text.substr(0, 128)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (text.size() > 128 ? "...`" : "`");
}

Reason refuse(std::string_view text, std::string_view why) {
  return {fmt::format("{} is no SPIFFE ID: {}", quoted(text), why), kForm};
}

const char* fault_of_segment(std::string_view segment) {
  if (segment.empty()) return "a path segment is empty";
  if (segment == "." || segment == "..") return "a path segment is `.` or `..`";
  if (!std::all_of(segment.begin(), segment.end(), is_segment_char)) {
    return "a path segment holds something else than letters, digits, `.`, `-` and `_`";
  }
  return nullptr;
}

}  // namespace

bool SpiffeId::is_trust_domain(std::string_view text) {
  return !text.empty() && text.size() <= kTrustDomainBytesMax &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_lower_or_digit(c) || is_mark(c); });
}

Checked<SpiffeId> SpiffeId::parse(std::string_view text) {
  if (text.size() > kBytesMax) return refuse(text, "it is longer than 2048 bytes");
  if (!text.starts_with(kScheme)) return refuse(text, "it does not begin with `spiffe://`");
  const auto rest = text.substr(kScheme.size());
  const auto domain = rest.substr(0, rest.find('/'));
  if (!is_trust_domain(domain)) {
    return refuse(text, "the trust domain is not 1 to 255 of a-z, 0-9, `.`, `-` and `_`");
  }
  auto path = rest.substr(domain.size());
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto segment = path.substr(0, path.find('/'));
    if (const char* fault = fault_of_segment(segment)) return refuse(text, fault);
    path.remove_prefix(segment.size());
  }
  return SpiffeId(std::string(text), kScheme.size() + domain.size());
}

std::string_view SpiffeId::trust_domain() const {
  return std::string_view(text_).substr(kScheme.size(), path_at_ - kScheme.size());
}

std::string_view SpiffeId::path() const {
  return std::string_view(text_).substr(path_at_);
}

std::optional<SpiffeId::ServiceAccount> SpiffeId::service_account() const {
  auto rest = path();
  if (!rest.starts_with("/ns/")) return std::nullopt;
  rest.remove_prefix(4);
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto name_space = rest.substr(0, slash);
  rest.remove_prefix(slash);
  if (!rest.starts_with("/sa/")) return std::nullopt;
  rest.remove_prefix(4);
  if (rest.empty() || rest.find('/') != std::string_view::npos) return std::nullopt;
  return ServiceAccount{name_space, rest};
}

}  // namespace epaulet
