#include "http/http1/head_parser.h"

#include <cstring>

#include "base/ascii.h"
#include "base/char_class.h"
#include "http/http1/field_lines.h"
#include "http/http1/framing.h"
#include "http/http1/target.h"

namespace epaulet::http::http1 {
namespace {

using char_class::is;

/// Of most heads; others grow beyond.
constexpr std::size_t kUsualFields = 12;

/// What both kinds of heads begin with: the copy, and the start line cut off it.
struct Lines {
  std::string_view start;   ///< Without CRLF.
  std::string_view fields;  ///< The rest, empty line included.
};

Result<Lines> store(ConstBytes head_bytes, const HeadLimits& limits, MessageKind kind, Head& head) {
  if (head_bytes.size() > limits.bytes || head_bytes.size() > limits::kLargeBlockBytes) {
    return too_large(kind, Fault::too_many_bytes);
  }
  std::string_view text = as_text(head_bytes);
  if (kind == MessageKind::request) {
    while (text.starts_with("\r\n")) text.remove_prefix(2);  // find_head_end() counted them.
  }
  if (text.empty()) return malformed(kind, Fault::incomplete);
  head.storage = Block::allocate(text.size());
  std::memcpy(head.storage.data(), text.data(), text.size());
  head.bytes = static_cast<std::uint32_t>(text.size());
  head.fields.reserve(kUsualFields);
  text = as_text(ConstBytes(head.storage.span()).first(text.size()));

  const auto line_end = text.find('\n');
  if (line_end == std::string_view::npos) return malformed(kind, Fault::incomplete);
  if (line_end == 0 || text[line_end - 1] != '\r') return malformed(kind, Fault::bare_lf);
  return Lines{text.substr(0, line_end - 1), text.substr(line_end + 1)};
}

bool is_digit(char c) {
  return is(c, char_class::kDigit);
}

/// RFC 9112 section 2.3: "HTTP/" digit "." digit, in capitals.
Fault read_version(std::string_view text, Version& version) {
  if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' ||
      !is_digit(text[7])) {
    return Fault::version_syntax;
  }
  if (text[5] != '1') return Fault::version;
  // RFC 9110 section 2.5: a higher minor version is understood as the highest that we know.
  version = text[7] == '0' ? Version::http10 : Version::http11;
  return Fault::none;
}

Error version_refused(Fault fault) {
  return fault == Fault::version ? Error{ErrorCode::version_unsupported, Side::downstream,
                                         Stage::parse, Retry::never, static_cast<int>(fault)}
                                 : malformed(MessageKind::request, fault);
}

/// Method SP target SP version, with single spaces: RFC 9112 section 3 lets a recipient split at
/// any white space, and warns that this is how requests get smuggled.
Result<void> read_request_line(std::string_view line, RequestHead& head) {
  constexpr auto kKind = MessageKind::request;
  std::size_t at = 0;
  while (at < line.size() && is(line[at], char_class::kToken)) ++at;
  head.method_text = line.substr(0, at);
  if (at == 0 || at == line.size() || line[at] != ' ') return malformed(kKind, Fault::method);
  head.method = method_of(head.method_text);

  const auto rest = line.substr(at + 1);
  const auto space = rest.find(' ');
  head.target = rest.substr(0, space);
  // "GET /" alone is HTTP/0.9.
  if (space == std::string_view::npos) {
    const Fault fault = read_target(head);
    return fault == Fault::none ? version_refused(Fault::version) : malformed(kKind, fault);
  }
  if (head.target.empty()) return malformed(kKind, Fault::request_line);
  const auto version = rest.substr(space + 1);
  if (const Fault fault = read_version(version, head.version); fault != Fault::none) {
    // More than one space too many: blame the line, not the version.
    if (version.find(' ') != std::string_view::npos) return malformed(kKind, Fault::request_line);
    return version_refused(fault);
  }
  if (const Fault fault = read_target(head); fault != Fault::none) return malformed(kKind, fault);
  return {};
}

/// RFC 9112 section 3.2: exactly one Host in HTTP/1.1; it and the target must not contradict each
/// other.
Fault settle_authority(const FieldFacts& facts, RequestHead& head) {
  if (facts.hosts > 1) return Fault::host_duplicate;
  if (facts.hosts == 0) return head.version == Version::http11 ? Fault::host_missing : Fault::none;
  Authority of_host;
  // RFC 9112 section 3.2: Host is empty if the target URI has no authority.
  if (!facts.host.empty()) {
    const auto parsed = parse_authority(facts.host);
    if (parsed.fault != Fault::none) return parsed.fault;
    of_host = parsed.authority;
  }
  switch (head.form) {
    case TargetForm::origin:
    case TargetForm::asterisk:
      head.authority = facts.host;
      return Fault::none;
    case TargetForm::absolute:
    case TargetForm::authority:
      break;
  }
  // RFC 9112 section 3.2.2: the target wins over Host. Who routes by the other one reads another
  // request, so a difference is refused instead.
  constexpr std::uint16_t kHttpPort = 80;
  const auto of_target = parse_authority(head.authority).authority;
  // Clients leave the port out of the Host of a CONNECT: nothing then contradicts the target.
  const std::uint16_t default_port =
      head.form == TargetForm::authority ? of_target.port.value_or(kHttpPort) : kHttpPort;
  return same_authority(of_target, of_host, default_port) ? Fault::none : Fault::host_conflict;
}

/// RFC 9112 section 9.3.
bool means_to_stay(const FieldFacts& facts, Version version) {
  if (facts.connection_close) return false;
  return version == Version::http11 || facts.connection_keep_alive;
}

/// Behind an upgrade to HTTP/2 (h2c) or to TLS (RFC 2817) further requests would follow that nobody
/// authorises. A server MAY ignore Upgrade (RFC 9110 section 7.8): the request goes on as plain
/// HTTP/1.1.
bool carries_requests(std::string_view upgrade) {
  bool carries = false;
  for_each_element(upgrade, [&](std::string_view protocol) {
    const auto name = trim(protocol.substr(0, protocol.find('/')));
    for (const std::string_view known : {"h2c", "h2", "http", "tls", "epaulet-http1"}) {
      carries = carries || equals_ignore_case(name, known);
    }
  });
  return carries;
}

void apply(const FramingVerdict& verdict, Head& head) {
  head.framing = verdict.framing;
  if (verdict.close_after) head.keep_alive = false;
  if (!verdict.fields_are_void) return;
  head.remove(FieldId::content_length);
  head.remove(FieldId::transfer_encoding);
}

Fault read_status_line(std::string_view line, ResponseHead& head) {
  if (line.size() < 12 || line[8] != ' ') return Fault::status_line;
  if (const Fault fault = read_version(line.substr(0, 8), head.version); fault != Fault::none)
    return fault;
  unsigned status = 0;
  for (const char c : line.substr(9, 3)) {
    if (!is_digit(c)) return Fault::status_code;
    status = status * 10 + static_cast<unsigned>(c - '0');
  }
  if (status < 100) return Fault::status_code;
  head.status = static_cast<std::uint16_t>(status);
  // RFC 9112 section 4: the reason may be empty; its space is often missing then, and nothing
  // depends on it.
  if (line.size() == 12) return Fault::none;
  if (line[12] != ' ') return Fault::status_line;
  head.reason = line.substr(13);
  for (const char c : head.reason) {
    if (!is(c, char_class::kValue)) return Fault::reason_phrase;
  }
  return Fault::none;
}

}  // namespace

Result<void> parse_request_head(ConstBytes head_bytes, const HeadLimits& limits,
                                RequestHead& head) {
  constexpr auto kKind = MessageKind::request;
  head.clear();
  const auto lines = store(head_bytes, limits, kKind, head);
  if (!lines) return lines.error();
  if (auto read = read_request_line(lines->start, head); !read) return read;

  FieldFacts facts;
  if (auto read = parse_field_lines(lines->fields, limits, kKind, head.fields, facts); !read)
    return read;
  if (const Fault fault = settle_authority(facts, head); fault != Fault::none) {
    return malformed(kKind, fault);
  }
  facts.framing.version = head.version;
  const auto verdict = frame_request(facts.framing, head.method);
  if (verdict.fault != Fault::none) return ambiguous(kKind, verdict.fault);
  head.keep_alive = means_to_stay(facts, head.version);
  apply(verdict, head);

  // RFC 9110 sections 7.8 and 10.1.1: neither Upgrade nor Expect has a meaning in HTTP/1.0. Passed
  // on in our HTTP/1.1 Expect would get one, and the sender a 100 that it does not know.
  if (head.version == Version::http10) {
    head.remove(FieldId::expect);
    return {};
  }
  if (facts.expects_other) {
    return Error{ErrorCode::expectation_unsupported, Side::downstream, Stage::parse, Retry::never,
                 static_cast<int>(Fault::expectation)};
  }
  head.expects_continue = facts.expects_continue && head.framing.kind != Framing::Kind::none;
  if (facts.connection_upgrade) {
    // Two fields are one list to some readers: the second could hide h2c behind a harmless first.
    if (facts.upgrades > 1) return malformed(kKind, Fault::upgrade_duplicate);
    if (!carries_requests(facts.upgrade)) head.upgrade = facts.upgrade;
  }
  return {};
}

Result<void> parse_response_head(ConstBytes head_bytes, const HeadLimits& limits,
                                 Method request_method, ResponseHead& head) {
  constexpr auto kKind = MessageKind::response;
  head.clear();
  const auto lines = store(head_bytes, limits, kKind, head);
  if (!lines) return lines.error();
  if (const Fault fault = read_status_line(lines->start, head); fault != Fault::none) {
    return malformed(kKind, fault);
  }

  FieldFacts facts;
  if (auto read = parse_field_lines(lines->fields, limits, kKind, head.fields, facts); !read)
    return read;
  facts.framing.version = head.version;
  const auto verdict = frame_response(facts.framing, head.status, request_method);
  if (verdict.fault != Fault::none) return ambiguous(kKind, verdict.fault);
  head.keep_alive =
      means_to_stay(facts, head.version) && verdict.framing.kind != Framing::Kind::until_close;
  apply(verdict, head);
  if (head.status == 101) {
    if (facts.upgrades > 1) return malformed(kKind, Fault::upgrade_duplicate);
    head.upgrade = facts.upgrade;
  }
  return {};
}

}  // namespace epaulet::http::http1
