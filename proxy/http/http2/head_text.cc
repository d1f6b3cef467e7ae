#include "http/http2/head_text.h"

#include "base/ascii.h"
#include "http/each_line.h"
#include "http/http1/field_lines.h"
#include "http/http1/head_parser.h"
#include "http/http1/trailers.h"

namespace epaulet::http::http2 {
namespace {

constexpr std::size_t kLineOverhead = 4;  // ": " and CRLF
constexpr std::size_t kStartLineOverhead = 32;

/// nghttp2 takes none of these either. A line more would be a field more.
bool may_break_line(std::string_view text) {
  bool breaks = false;
  for (const char c : text) breaks |= c == '\r' || c == '\n' || c == '\0';
  return breaks;
}

bool may_have_body(std::uint16_t status, Method request_method) {
  return status >= 200 && status != 204 && status != 304 && request_method != Method::head;
}

}  // namespace

void HeadText::begin(Kind kind) {
  kind_ = kind;
  for (auto* part : {&method_, &protocol_, &authority_, &path_, &status_, &cookie_, &lines_})
    part->clear();
  fields_ = 0;
  host_seen_ = too_large_ = malformed_ = false;
}

void HeadText::add(std::string_view name, std::string_view value) {
  const std::size_t held = kStartLineOverhead + method_.size() + authority_.size() + path_.size() +
                           cookie_.size() + lines_.size();
  ++fields_;
  if (held + name.size() + value.size() + kLineOverhead > limits_.bytes ||
      fields_ > limits_.fields) {
    too_large_ = true;
    return;
  }
  malformed_ = malformed_ || may_break_line(name) || may_break_line(value);
  if (malformed_) return;
  if (name.starts_with(':')) return add_pseudo(name, value);
  if (name == "cookie") {
    if (!cookie_.empty()) cookie_ += "; ";
    cookie_ += value;
  } else {
    const bool host = name == "host" && kind_ == Kind::request;
    if (host && !authority_.empty() && !host_seen_ && equals_ignore_case(value, authority_)) return;
    host_seen_ = host_seen_ || host;
    lines_.append(name).append(": ").append(value).append("\r\n");
  }
}

/// But for `:scheme`: which one is served is the connection's matter.
void HeadText::add_pseudo(std::string_view name, std::string_view value) {
  if (name == ":method") {
    method_ = value;
  } else if (name == ":path") {
    path_ = value;
  } else if (name == ":protocol") {
    protocol_ = value;
  } else if (name == ":authority") {
    authority_ = value;
  } else if (name == ":status") {
    status_ = value;
    kind_ = Kind::response;  // Also behind informational ones, which is no trailer section then.
  }
}

ConstBytes HeadText::assemble(std::string_view upgrade) {
  text_.clear();
  if (kind_ == Kind::request) {
    const bool connect = method_ == "CONNECT" && !asks_for_upgrade();
    text_.append(asks_for_upgrade() ? "GET" : method_)
        .append(" ")
        .append(connect ? authority_ : path_)
        .append(" HTTP/1.1\r\n");
    // A Host that says otherwise stands in lines_ too: the parser refuses two.
    if (!authority_.empty()) text_.append("host: ").append(authority_).append("\r\n");
  } else {
    text_.append("HTTP/1.1 ").append(upgrade.empty() ? status_ : "101").append(" \r\n");
  }
  if (!upgrade.empty())
    text_.append("connection: Upgrade\r\nupgrade: ").append(upgrade).append("\r\n");
  text_ += lines_;
  if (!cookie_.empty()) text_.append("cookie: ").append(cookie_).append("\r\n");
  text_ += "\r\n";
  return as_bytes(text_);
}

Result<void> HeadText::to_request(RequestHead& head, bool end) {
  using http1::Fault;
  using http1::MessageKind;
  if (too_large_) return http1::too_large(MessageKind::request, Fault::too_many_bytes);
  if (malformed_) return http1::malformed(MessageKind::request, Fault::field_value);
  head.fields.reserve(fields_);
  const auto parsed = http1::parse_request_head(assemble(protocol_), limits_, head);
  if (!parsed) return parsed;
  if (asks_for_upgrade()) {
    if (head.upgrade.empty())
      return Error(ErrorCode::upgrade_unsupported, Side::downstream, Stage::parse);
    if (head.framing.kind != Framing::Kind::none)
      return http1::malformed(MessageKind::request, Fault::field_value);
    return {};
  }
  if (end) {
    head.framing = {};
    head.expects_continue = false;
  } else if (head.framing.kind == Framing::Kind::none &&
             head.find(FieldId::content_length) == nullptr) {
    head.framing.kind = Framing::Kind::chunked;
    head.added.add("Transfer-Encoding", "chunked");
  } else if (head.framing.kind == Framing::Kind::none) {
    // `Content-Length: 0`, but the stream goes on: what follows must be seen before the request is
    // complete, since DATA would make it malformed (RFC 9113 section 8.1.1).
    head.framing.kind = Framing::Kind::length;
  }
  return {};
}

Result<void> HeadText::to_response(ResponseHead& head, Method request_method, bool end,
                                   std::string_view upgrade) {
  using http1::Fault;
  using http1::MessageKind;
  if (too_large_) return http1::too_large(MessageKind::response, Fault::too_many_bytes);
  if (malformed_) return http1::malformed(MessageKind::response, Fault::field_value);
  head.fields.reserve(fields_);
  const bool agrees = !upgrade.empty() && status_.starts_with('2');
  const auto parsed = http1::parse_response_head(assemble(agrees ? upgrade : std::string_view()),
                                                 limits_, request_method, head);
  if (!parsed) return parsed;
  head.keep_alive = true;  // The end of this body is not the end of the connection.
  if (end && !head.informational()) {
    head.framing = {};
    if (may_have_body(head.status, request_method) &&
        head.find(FieldId::content_length) == nullptr) {
      head.added.add("Content-Length", "0");
    }
  }
  return {};
}

std::string_view HeadText::to_trailers() {
  text_.clear();
  if (malformed_ || too_large_) return text_;
  for_each_line(lines_, [this](std::string_view line) {
    Field field;
    if (http1::parse_field_line(line, field) == http1::Fault::none && http1::may_be_trailer(field))
      text_.append(line).append("\r\n");
  });
  return text_;
}

}  // namespace epaulet::http::http2
