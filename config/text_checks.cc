#include "config/text_checks.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "base/address.h"
#include "base/ascii.h"
#include "base/identity_fields.h"
#include "base/limits.h"
#include "base/overlong_utf8.h"
#include "config/diagnostic.h"

namespace epaulet::config {
namespace {

constexpr std::size_t kHostBytesMax = 253;
constexpr std::size_t kHostLabelBytesMax = 63;
constexpr std::size_t kLabelBytesMax = 63;
constexpr std::size_t kTrustDomainBytesMax = 255;
constexpr std::size_t kSpiffeIdBytesMax = 2048;
constexpr std::string_view kSpiffeScheme = "spiffe://";

constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alnum(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c);
}

template <class Accept>
bool all(std::string_view text, Accept accept) {
  return std::all_of(text.begin(), text.end(), accept);
}

/// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && all(text, [](char c) {
    return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

template <class Visit>
std::optional<Complaint> for_each_part(std::string_view text, char separator, Visit visit) {
  for (bool is_last = false; !is_last;) {
    const auto end = text.find(separator);
    is_last = end == std::string_view::npos;
    if (auto complaint = visit(text.substr(0, end), is_last)) return complaint;
    if (!is_last) text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

Complaint complain(std::string message, std::string remedy = {}, std::string did_you_mean = {}) {
  return {std::move(message), std::move(remedy), std::move(did_you_mean)};
}

std::optional<Complaint> check_host_label(std::string_view label, std::string_view all_text) {
  if (label.empty()) return complain("an empty label in the name " + in_quotes(all_text));
  if (label.size() > kHostLabelBytesMax) {
    return complain("a label of more than 63 bytes in the name " + in_quotes(all_text));
  }
  const bool is_fine =
      all(label, [](char c) { return is_lower(c) || is_digit(c) || c == '-' || c == '_'; });
  if (!is_fine || label.front() == '-' || label.back() == '-') {
    return complain(in_quotes(all_text) + " is not a host name",
                    "labels of lower-case letters, digits and hyphens, joined by dots");
  }
  return std::nullopt;
}

bool is_hex(char c) {
  return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f');
}

unsigned hex_value(char c) {
  return static_cast<unsigned>(is_digit(c) ? c - '0' : to_lower(c) - 'a' + 10);
}

/// The byte that `%hh` at the beginning of `text` stands for; nothing without one.
std::optional<unsigned char> encoded_byte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%' || !is_hex(text[1]) || !is_hex(text[2]))
    return std::nullopt;
  return static_cast<unsigned char>(hex_value(text[1]) << 4 | hex_value(text[2]));
}

/// Percent-encodings in a literal segment: complete, and none that path hygiene refuses
/// (policy/path_hygiene.h): slash, backslash, semicolon, control characters, overlong UTF-8.
std::optional<Complaint> check_percent(std::string_view segment, std::string_view pattern) {
  for (auto at = segment.find('%'); at != std::string_view::npos; at = segment.find('%', at + 1)) {
    const auto encoded = encoded_byte(segment.substr(at));
    if (!encoded) {
      return complain("an incomplete percent-encoding in " + in_quotes(pattern),
                      "two hexadecimal digits follow the %; a percent sign itself is %25");
    }
    const unsigned char byte = *encoded;
    if (is_overlong(byte, encoded_byte(segment.substr(at + 3)).value_or(0))) {
      return complain("an overlong UTF-8 form in " + in_quotes(pattern) + " never matches",
                      "such paths are refused before rules are asked: write the character itself");
    }
    if (byte == '/' || byte == '\\' || byte == ';' || byte < 0x20 || byte == 0x7f) {
      return complain("an encoded slash, backslash, semicolon or control character in " +
                          in_quotes(pattern) + " never matches",
                      "such paths are refused or brought into normal form before rules are asked");
    }
  }
  return std::nullopt;
}

/// `.` and `..`, also as `%2e`.
bool is_dot_segment(std::string_view segment) {
  std::size_t dots = 0;
  while (!segment.empty() && dots < 3) {
    const bool is_encoded = lower(segment.substr(0, 3)) == "%2e";
    if (!is_encoded && segment.front() != '.') return false;
    segment.remove_prefix(is_encoded ? 3 : 1);
    ++dots;
  }
  return dots == 1 || dots == 2;
}

std::optional<Complaint> check_path_segment(std::string_view segment, bool is_last,
                                            std::string_view pattern) {
  if (segment == "**") {
    if (is_last) return std::nullopt;
    return complain("** in the middle of " + in_quotes(pattern), "** may only be the last segment");
  }
  if (segment == "*") return std::nullopt;
  if (segment.find('*') != std::string_view::npos) {
    return complain("a * inside a segment of " + in_quotes(pattern),
                    "* stands for one whole segment, ** as the last for any rest");
  }
  if (segment.empty() && !is_last) return complain("an empty segment in " + in_quotes(pattern));
  if (is_dot_segment(segment)) {
    return complain("a dot segment in " + in_quotes(pattern) + " never matches",
                    "paths are compared in their normal form");
  }
  return check_percent(segment, pattern);
}

/// HOST or HOST:PORT of a URL: what is wrong with it, nullptr if nothing is.
const char* fault_of_authority(std::string_view authority) {
  if (SocketAddress::parse(authority)) return nullptr;
  const auto colon = authority.rfind(':');
  const auto host = authority.substr(0, colon);
  if (IpAddress::parse(host) && colon == std::string_view::npos) return nullptr;
  if (check_host_name(host)) return "the host is a name in lower case or an address";
  if (colon == std::string_view::npos) return nullptr;
  const auto port = authority.substr(colon + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool is_whole = error == std::errc() && end == port.data() + port.size();
  if (is_whole && number >= 1 && number <= 65535) return nullptr;
  return "the port is a number from 1 to 65535";
}

}  // namespace

std::optional<Complaint> check_host_name(std::string_view text) {
  const std::string folded = lower(text);
  if (folded != text && !check_host_name(folded)) {
    return complain(in_quotes(text) + " has upper-case letters", {}, folded);
  }
  if (text.ends_with('.')) {
    return complain(in_quotes(text) + " ends with a dot", "write it without the dot");
  }
  if (text.size() > kHostBytesMax) return complain("a host name of more than 253 bytes");
  if (IpAddress::parse(text)) return complain(in_quotes(text) + " is an address, not a name");
  return for_each_part(text, '.',
                       [&](std::string_view label, bool) { return check_host_label(label, text); });
}

std::optional<Complaint> check_host_pattern(std::string_view text) {
  const auto name = text.starts_with("*.") ? text.substr(2) : text;
  if (name.find('*') != std::string_view::npos) {
    return complain("a * in the middle of " + in_quotes(text), "write *.example or the whole name");
  }
  const auto address = IpAddress::parse(name);
  if (address && name == text && (address->is_v4() || name.front() == '[')) return std::nullopt;
  const auto colon = name.rfind(':');
  if (colon != std::string_view::npos && name.find(':') == colon) {
    return complain("a port in the host " + in_quotes(text),
                    "hosts are matched without their port");
  }
  return check_host_name(name);
}

std::optional<Complaint> check_label(std::string_view text) {
  const bool is_fine =
      all(text, [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == ':' || c == '-'; });
  if (is_fine && is_alnum(text.front()) && text.size() <= kLabelBytesMax) return std::nullopt;
  return complain(in_quotes(text) + " is not a name",
                  "1 to 63 letters, digits, dots, colons, underscores and hyphens, beginning with "
                  "a letter or digit");
}

std::optional<Complaint> check_port_name(std::string_view text) {
  constexpr std::size_t kPortNameBytesMax = 15;
  const bool is_fine = all(text, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; }) &&
                       !all(text, [](char c) { return is_digit(c) || c == '-'; }) &&
                       !text.starts_with('-') && !text.ends_with('-') &&
                       text.find("--") == std::string_view::npos &&
                       text.size() <= kPortNameBytesMax;
  if (is_fine) return std::nullopt;
  return complain(in_quotes(text) + " is not a port's name",
                  "1 to 15 lower-case letters, digits and single hyphens, at least one letter");
}

std::optional<Complaint> check_path_pattern(std::string_view text) {
  if (!text.starts_with('/')) {
    return complain("the path " + in_quotes(text) + " does not begin with /", {},
                    text.find_first_of(" *?") == 0 ? "" : "/" + std::string(text));
  }
  for (const char c : text) {
    if (c == '?' || c == '#') {
      return complain("a " + in_quotes({&c, 1}) + " in the path " + in_quotes(text),
                      "only the path is matched, without its query");
    }
    if (c == ';' || c == '\\') {
      return complain(
          "a " + in_quotes({&c, 1}) + " in the path " + in_quotes(text) + " never matches",
          "such paths are refused before rules are asked");
    }
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f) {
      return complain("a character in the path " + in_quotes(text) + " that no request carries",
                      "write it percent-encoded, for example %20 or %C3%A9");
    }
  }
  return for_each_part(text.substr(1), '/', [&](std::string_view segment, bool is_last) {
    return check_path_segment(segment, is_last, text);
  });
}

std::optional<Complaint> check_request_path(std::string_view text) {
  const bool is_fine =
      all(text, [](char c) { return c > ' ' && static_cast<unsigned char>(c) < 0x7f && c != '#'; });
  if (text.starts_with('/') && is_fine) return std::nullopt;
  return complain(in_quotes(text) + " is not a request path", "for example /healthz");
}

std::optional<Complaint> check_method(std::string_view text) {
  if (!is_token(text)) return complain(in_quotes(text) + " is not a method", "for example GET");
  if (std::any_of(text.begin(), text.end(), is_lower)) {
    std::string upper(text);
    for (char& c : upper) c = is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
    return complain("the method " + in_quotes(text) + " has lower-case letters", {}, upper);
  }
  return std::nullopt;
}

std::optional<Complaint> check_header_name(std::string_view text) {
  if (is_token(text)) return std::nullopt;
  if (text.starts_with(':')) {
    return complain("the pseudo-header " + in_quotes(text),
                    "match paths, methods and hosts by their own keys");
  }
  return complain(in_quotes(text) + " is not a header name", "for example x-version");
}

/// Loosely: what must not get into a header is kept out (RFC 9110 section 8.3.1).
std::optional<Complaint> check_media_type(std::string_view text) {
  const auto slash = text.find('/');
  const bool is_fine = slash != std::string_view::npos && is_token(text.substr(0, slash)) &&
                       all(text, [](char c) { return c >= ' ' && c <= '~'; });
  if (is_fine) return std::nullopt;
  return complain(in_quotes(text) + " is not a media type", "for example application/json");
}

namespace {

struct TakenHeader {
  std::string_view name;
  std::string_view reason;
  std::string_view remedy = {};
};
constexpr std::string_view kOfFraming = "says where the message ends";
constexpr std::string_view kOfOneHop = "belongs to one connection";
constexpr std::string_view kOfTheMesh = "is written by sidecars alone";
constexpr TakenHeader kTakenHeaders[] = {
    {"content-length", kOfFraming},
    {"transfer-encoding", kOfFraming},
    {"trailer", kOfFraming},
    {"te", kOfOneHop},
    {"connection", kOfOneHop},
    {"keep-alive", kOfOneHop},
    {"proxy-connection", kOfOneHop},
    {"upgrade", kOfOneHop},
    {"http2-settings", kOfOneHop},
    {"proxy-status", kOfTheMesh},
    {"x-request-id", "is the name under which log and explain know the request"},
    {"grpc-status", "says how a call ended"},
    {"grpc-message", "says how a call ended"},
};
constexpr TakenHeader kTakenRequestHeaders[] = {
    {"host", "is the host that is asked for", "write url_rewrite: { hostname: NAME }"},
    {"expect", kOfOneHop},
    {"content-type", "says what the app has sent, and whether it is a call of gRPC"},
    {"grpc-timeout", "is the call's deadline", "write timeouts: { request: 10s }"},
};

Complaint taken(std::string_view text, const TakenHeader& header) {
  return complain("the header " + in_quotes(text) + " " + std::string(header.reason),
                  header.remedy.empty() ? "name another" : std::string(header.remedy));
}

}  // namespace

std::string as_cgi(std::string_view text) {
  std::string out = lower(text);
  for (char& c : out) c = is_alnum(c) ? c : '-';
  return out;
}

std::optional<Complaint> check_edited_response_header(std::string_view text) {
  if (auto complaint = check_header_name(text)) return complaint;
  const std::string name = as_cgi(text);
  for (const auto& header : kTakenHeaders) {
    if (name == header.name) return taken(text, header);
  }
  const bool is_identity =
      std::find(kIdentityFields.begin(), kIdentityFields.end(), name) != kIdentityFields.end();
  if (is_identity || name.starts_with("x-epaulet-"))
    return taken(text, {text, kOfTheMesh, "roles and access say who may do what"});
  if (name.starts_with("sec-websocket-")) return taken(text, {text, kOfOneHop});
  return std::nullopt;
}

std::optional<Complaint> check_edited_request_header(std::string_view text) {
  if (auto complaint = check_edited_response_header(text)) return complaint;
  const std::string name = as_cgi(text);
  for (const auto& header : kTakenRequestHeaders) {
    if (name == header.name) return taken(text, header);
  }
  return std::nullopt;
}

std::optional<Complaint> check_given_request_header(std::string_view text) {
  if (auto complaint = check_edited_request_header(text)) return complaint;
  const std::string name = as_cgi(text);
  for (const auto* secret : {"authorization", "proxy-authorization", "cookie", "x-api-key"}) {
    if (name == secret)
      return taken(text,
                   {text, "carries a secret, which does not stand in this file",
                    "write credentials: { key: { file: FILE, header: NAME } } in the service"});
  }
  return std::nullopt;
}

std::optional<Complaint> check_field_value(std::string_view text) {
  if (text.size() > limits::kHeaderEditBytesMax)
    return complain("the value is longer than " + std::to_string(limits::kHeaderEditBytesMax) +
                    " bytes");
  const bool is_fine = all(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= ' ' && byte != 0x7f);
  });
  if (!is_fine) return complain("a header value has no line breaks and control characters");
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  if (!text.empty() && (is_space(text.front()) || is_space(text.back())))
    return complain("a header value neither begins nor ends with white space");
  return std::nullopt;
}

std::optional<Complaint> check_http_scheme(std::string_view text) {
  if (text == "http" || text == "https") return std::nullopt;
  return complain("expected one of http, https; found " + in_quotes(text));
}

std::optional<Complaint> check_new_path(std::string_view text) {
  if (auto complaint = check_path_pattern(text)) return complaint;
  if (text.find('*') == std::string_view::npos) return std::nullopt;
  return complain("a * in the path " + in_quotes(text) + " stands for nothing here",
                  "write the path itself");
}

std::optional<Complaint> check_query_value(std::string_view text) {
  const auto is_hex = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    if (text[i] == '%' && is_hex(text[i + 1]) && is_hex(text[i + 2]))
      return complain(in_quotes(text) + " is percent-encoded",
                      "write the text that it stands for: queries are decoded before");
  }
  return std::nullopt;
}

std::optional<Complaint> check_query_name(std::string_view text) {
  if (text.empty()) return complain("a parameter without a name", "for example api-version");
  if (text.find_first_of("?&=") != std::string_view::npos)
    return complain(in_quotes(text) + " is more than a parameter's name",
                    "for example name: api-version, exact: \"2\"");
  return check_query_value(text);
}

std::optional<Complaint> check_query_pattern(std::string_view text) {
  if (text.size() > limits::kQueryPatternBytesMax)
    return complain("the pattern is longer than " + std::to_string(limits::kQueryPatternBytesMax) +
                    " bytes");
  if (text.find('*') == std::string_view::npos)
    return complain("the pattern " + in_quotes(text) + " has no *",
                    "write exact: " + in_quotes(text));
  return check_query_value(text);
}

std::optional<Complaint> check_credential_header(std::string_view text) {
  constexpr std::string_view kTaken[] = {
      "connection", "content-length",    "cookie",  "expect",  "host",        "keep-alive",
      "te",         "transfer-encoding", "trailer", "upgrade", "x-request-id"};
  if (auto complaint = check_header_name(text)) return complaint;
  const std::string low = lower(text);
  if (std::find(std::begin(kTaken), std::end(kTaken), low) == std::end(kTaken)) return std::nullopt;
  return complain("the header " + in_quotes(text) + " has another meaning",
                  "for example x-api-key");
}

std::optional<Complaint> check_probe_header(std::string_view text) {
  if (auto complaint = check_header_name(text)) return complaint;
  const std::string low = lower(text);
  for (const auto& header : kTakenHeaders) {
    const bool is_of_hop = header.reason == kOfFraming || header.reason == kOfOneHop;
    if (low == header.name && is_of_hop) return taken(text, header);
  }
  if (low == "expect") return taken(text, {"expect", kOfOneHop});
  return std::nullopt;
}

std::optional<Complaint> check_variable_name(std::string_view text) {
  const bool is_fine = all(text, [](char c) {
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
  });
  if (is_fine && !text.empty() && !is_digit(text.front())) return std::nullopt;
  return complain(in_quotes(text) + " is not the name of an environment variable",
                  "letters, digits and underscores; the value does not belong here");
}

std::optional<Complaint> check_cookie_token(std::string_view text) {
  if (is_token(text)) return std::nullopt;
  return complain(in_quotes(text) + " is not a name of a cookie or parameter",
                  "for example access_token");
}

std::optional<Complaint> check_permission(std::string_view text) {
  const bool is_fine =
      all(text, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != ','; });
  if (is_fine && !text.empty()) return std::nullopt;
  return complain(in_quotes(text) + " is not a permission",
                  "one word without commas, quotes and backslashes, for example read:orders");
}

std::optional<Complaint> check_grpc_method(std::string_view text) {
  const auto is_name = [](char c) {
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto slash = text.find('/');
  const auto service = text.substr(0, slash);
  const auto method = slash == std::string_view::npos ? "" : text.substr(slash + 1);
  const bool service_is_fine = !service.empty() && service.front() != '.' &&
                               service.back() != '.' &&
                               all(service, [&](char c) { return is_name(c) || c == '.'; });
  const bool method_is_fine = method == "*" || (!method.empty() && all(method, is_name));
  if (service_is_fine && method_is_fine) return std::nullopt;
  return complain(in_quotes(text) + " is not a gRPC method",
                  "write package.Service/Method, or package.Service/* for all of its methods");
}

std::optional<Complaint> check_cookie_name(std::string_view text) {
  if (!is_token(text)) {
    return complain(in_quotes(text) + " is not a cookie's name", "for example session");
  }
  if (text.starts_with("__")) {
    return complain("browsers may refuse the cookie " + in_quotes(text),
                    "prefixes such as __Host- want it over TLS alone: leave them out");
  }
  return std::nullopt;
}

std::optional<Complaint> check_trust_domain(std::string_view text) {
  if (text.starts_with(kSpiffeScheme)) {
    return complain(in_quotes(text) + " is not a trust domain", {},
                    std::string(text.substr(kSpiffeScheme.size(), text.find('/', 9) - 9)));
  }
  const bool is_fine = all(
      text, [](char c) { return is_lower(c) || is_digit(c) || c == '.' || c == '-' || c == '_'; });
  if (is_fine && !text.empty() && text.size() <= kTrustDomainBytesMax) return std::nullopt;
  return complain(in_quotes(text) + " is not a trust domain",
                  "1 to 255 lower-case letters, digits, dots, hyphens and underscores");
}

std::optional<Complaint> check_https_origin(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  const auto refuse = [&](const char* remedy) {
    return complain(in_quotes(text) + " is not the URL of an HTTPS server", remedy);
  };
  if (!text.starts_with(kScheme)) return refuse("for example https://identity.mesh:15014");
  const auto authority = text.substr(kScheme.size());
  if (authority.find_first_of("/?#@") != std::string_view::npos)
    return refuse("write no user, path and query: https://HOST:PORT");
  const char* fault = fault_of_authority(authority);
  return fault == nullptr ? std::nullopt : std::optional(refuse(fault));
}

std::optional<Complaint> check_fetch_url(std::string_view text) {
  constexpr std::size_t kBytesMax = 2048;
  const auto refuse = [&](const char* remedy) {
    return complain(in_quotes(text) + " is not a URL that can be fetched", remedy);
  };
  const auto scheme = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : 0;
  if (scheme == 0) return refuse("for example https://portal.example/.well-known/jwks.json");
  if (text.size() > kBytesMax) return refuse("it is longer than 2048 bytes");
  if (!all(text, [](char c) { return c > ' ' && c <= '~' && c != '#' && c != '\\'; }))
    return refuse("write it in ASCII, without a fragment; other characters as %XX");
  const auto rest = text.substr(static_cast<std::size_t>(scheme));
  const auto authority = rest.substr(0, rest.find_first_of("/?"));
  if (authority.find('@') != std::string_view::npos)
    return refuse("write no user and password into it");
  const char* fault = fault_of_authority(authority);
  return fault == nullptr ? std::nullopt : std::optional(refuse(fault));
}

std::optional<Complaint> check_identity_header(std::string_view text) {
  const std::string low = lower(text);
  if (std::find(kIdentityFields.begin(), kIdentityFields.end(), low) != kIdentityFields.end())
    return std::nullopt;
  std::string list;
  for (const auto name : kIdentityFields) list.append(list.empty() ? "" : ", ").append(name);
  return complain("the header " + in_quotes(text) + " is none of those that are removed",
                  "one of " + list + "; others pass as they are");
}
std::string_view trust_domain_of(std::string_view spiffe_pattern) {
  const auto rest = spiffe_pattern.substr(std::min(kSpiffeScheme.size(), spiffe_pattern.size()));
  return rest.substr(0, rest.find('/'));
}

std::optional<Complaint> check_spiffe_pattern(std::string_view text) {
  constexpr std::string_view kExample =
      "for example spiffe://cluster.local/ns/default/sa/api; a segment may end with *, the last "
      "may be **";
  if (!text.starts_with(kSpiffeScheme)) {
    return complain(in_quotes(text) + " does not begin with spiffe://", std::string(kExample));
  }
  if (text.size() > kSpiffeIdBytesMax) return complain("a SPIFFE ID of more than 2048 bytes");
  const auto domain = trust_domain_of(text);
  if (domain.find('*') != std::string_view::npos) {
    return complain("a * in the trust domain of " + in_quotes(text), "name the trust domain");
  }
  if (auto complaint = check_trust_domain(domain)) return complaint;
  const auto path = text.substr(kSpiffeScheme.size() + domain.size());
  if (path.size() < 2) {
    return complain(in_quotes(text) + " names no workload",
                    "add a path, or /** for every workload of the trust domain");
  }
  return for_each_part(path.substr(1), '/', [&](std::string_view segment, bool is_last) {
    if (segment.empty()) {
      return std::optional(
          complain("an empty segment in " + in_quotes(text), std::string(kExample)));
    }
    if (is_last && segment == "**") return std::optional<Complaint>();
    const auto literal = segment.ends_with('*') ? segment.substr(0, segment.size() - 1) : segment;
    const bool is_fine =
        all(literal, [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; });
    if (is_fine && literal != "." && literal != "..") return std::optional<Complaint>();
    return std::optional(
        complain(in_quotes(text) + " is not a SPIFFE ID or pattern", std::string(kExample)));
  });
}

std::optional<Complaint> check_spiffe_id(std::string_view text) {
  if (text.find('*') == std::string_view::npos) return check_spiffe_pattern(text);
  return complain("a * in " + in_quotes(text) + ": whoever is dialled proves one of these exactly",
                  "list each SPIFFE ID that may answer");
}

}  // namespace epaulet::config
