#include "http/http1/target.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/char_class.h"

namespace epaulet::http::http1 {
namespace {

using char_class::is;

constexpr std::string_view kHttpScheme = "http://";

bool all_of(std::string_view text, std::uint8_t classes) {
  return std::all_of(text.begin(), text.end(), [classes](char c) { return is(c, classes); });
}

/// IPv6 in brackets: its shape, not its value; a name server or IpAddress::parse judges that.
bool is_bracketed_address(std::string_view host) {
  if (host.size() < 4 || host.front() != '[' || host.back() != ']') return false;
  const auto inside = host.substr(1, host.size() - 2);
  return std::all_of(inside.begin(), inside.end(),
                     [](char c) { return is(c, char_class::kHexDigit) || c == ':' || c == '.'; }) &&
         inside.find(':') != std::string_view::npos;
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  if (digits.empty() || digits.size() > 5 || !all_of(digits, char_class::kDigit))
    return std::nullopt;
  unsigned port = 0;
  for (const char c : digits) port = port * 10 + static_cast<unsigned>(c - '0');
  if (port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

void split_path(std::string_view path_and_query, RequestHead& head) {
  const auto mark = path_and_query.find('?');
  head.path = path_and_query.substr(0, mark);
  if (mark != std::string_view::npos) head.query = path_and_query.substr(mark + 1);
}

/// What follows the authority of an absolute target: empty, or starting with "/" or "?".
std::string_view behind_authority(std::string_view target) {
  const auto mark = target.find_first_of("/?", kHttpScheme.size());
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark);
}

Fault read_absolute(RequestHead& head) {
  const auto scheme_end = head.target.find(':');
  if (scheme_end == std::string_view::npos || scheme_end == 0) return Fault::target_form;
  // RFC 9112 section 3.2.2: a server MUST accept absolute form. We forward without the scheme, so
  // only the one that the connection speaks keeps its meaning (RFC 9110 section 7.4).
  const auto scheme = head.target.substr(0, kHttpScheme.size());
  if (!equals_ignore_case(scheme, kHttpScheme)) return Fault::target_scheme;
  const auto rest = behind_authority(head.target);
  head.authority =
      head.target.substr(kHttpScheme.size(), head.target.size() - kHttpScheme.size() - rest.size());
  if (const Fault fault = parse_authority(head.authority).fault; fault != Fault::none) return fault;
  head.form = TargetForm::absolute;
  split_path(rest, head);
  if (head.path.empty()) head.path = "/";
  return Fault::none;
}

/// RFC 9112 section 3.2.3: host and port, both.
Fault read_authority_form(RequestHead& head) {
  const auto parsed = parse_authority(head.target);
  if (parsed.fault != Fault::none) return parsed.fault;
  if (!parsed.authority.port) return Fault::target_form;
  head.form = TargetForm::authority;
  head.authority = head.target;
  return Fault::none;
}

}  // namespace

ParsedAuthority parse_authority(std::string_view text) {
  ParsedAuthority parsed;
  // RFC 9110 section 4.2.4: userinfo is an error, as it is used to disguise the authority.
  if (text.find('@') != std::string_view::npos) {
    parsed.fault = Fault::userinfo;
    return parsed;
  }
  // An IPv6 address has colons of its own: the port's stands behind the bracket.
  const auto bracket = text.find(']');
  const auto colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  parsed.authority.host = text.substr(0, colon);
  const auto& host = parsed.authority.host;
  const bool valid_host =
      !host.empty() && (all_of(host, char_class::kHost) || is_bracketed_address(host));
  if (!valid_host) parsed.fault = Fault::authority;
  if (colon != std::string_view::npos) {
    parsed.authority.port = parse_port(text.substr(colon + 1));
    if (!parsed.authority.port) parsed.fault = Fault::authority;
  }
  return parsed;
}

bool same_authority(const Authority& a, const Authority& b, std::uint16_t default_port) {
  return equals_ignore_case(a.host, b.host) &&
         a.port.value_or(default_port) == b.port.value_or(default_port);
}

Fault read_target(RequestHead& head) {
  const std::string_view target = head.target;
  if (target.empty()) return Fault::request_line;
  if (!all_of(target, char_class::kTarget)) {
    const bool fragment = target.find('#') != std::string_view::npos &&
                          std::all_of(target.begin(), target.end(), [](char c) {
                            return c == '#' || is(c, char_class::kTarget);
                          });
    return fragment ? Fault::target_fragment : Fault::target_characters;
  }
  if (head.method == Method::connect) return read_authority_form(head);
  if (target.front() == '/') {
    head.form = TargetForm::origin;
    split_path(target, head);
    return Fault::none;
  }
  if (target == "*") {
    if (head.method != Method::options) return Fault::target_form;  // RFC 9112 section 3.2.4.
    head.form = TargetForm::asterisk;
    head.path = target;
    return Fault::none;
  }
  return read_absolute(head);
}

TargetPieces forwarded_target(const RequestHead& head) {
  if (!head.rewritten_target.empty()) return {head.rewritten_target, {}};
  if (head.form != TargetForm::absolute) return {head.target, {}};
  const auto rest = behind_authority(head.target);
  if (rest.empty()) return {head.method == Method::options ? "*" : "/", {}};
  if (rest.front() == '?') return {"/", rest};
  return {rest, {}};
}

}  // namespace epaulet::http::http1
