#pragma once

#include <algorithm>

#include "tests/fuzz/support/naive_chunked.h"
#include "tests/fuzz/support/naive_http1.h"

/// The messages that follow each other on a connection, read the plainest way: all bytes are there.
namespace epaulet::naive {

struct Part {
  enum class End { complete, incomplete, refused };
  End end = End::incomplete;
  bool has_head = false;  ///< A whole head that may be taken.
  std::string start;
  std::vector<std::string> lines;  ///< Fields, as they came, without CRLF.
  Fields fields;
  Head head;
  std::string body;
  std::string trailers;  ///< Lines with CRLF: those that may pass.
  std::size_t begin = 0;
  std::size_t body_begin = 0;
  std::size_t behind = 0;  ///< If complete.

  [[nodiscard]] bool complete() const { return end == End::complete; }
  [[nodiscard]] std::string method() const { return start.substr(0, start.find(' ')); }
  [[nodiscard]] bool informational() const { return has_head && head.status < 200; }
};

constexpr std::size_t kFieldsMax = limits::kHeaderFieldsMax;

/// Takes the head off; true if there is one to judge.
inline bool take_head(std::string_view text, std::size_t at, Part& part, std::string& head) {
  part.begin = at;
  const auto end = text.find("\r\n\r\n", at);
  if (end == std::string_view::npos) return false;
  part.body_begin = end + 4;
  head = std::string(text.substr(at, part.body_begin - at));
  auto lines = split(head.substr(0, head.size() - 4), "\r\n");
  part.start = lines.front();
  part.lines.assign(lines.begin() + 1, lines.end());
  part.fields = read_message(head, kFieldsMax).fields;
  return true;
}

/// `ended`: the sender's FIN is behind the text.
inline void take_body(std::string_view text, bool ended, Part& part) {
  const auto rest = text.substr(part.body_begin);
  using Kind = http::Framing::Kind;
  if (part.head.kind == Kind::none) {
    part.end = Part::End::complete;
    part.behind = part.body_begin;
  } else if (part.head.kind == Kind::length) {
    part.body = std::string(rest.substr(0, part.head.length));
    if (part.body.size() == part.head.length) part.end = Part::End::complete;
    part.behind = part.body_begin + part.body.size();
  } else if (part.head.kind == Kind::chunked) {
    const auto chunks = dechunk(rest);
    part.body = chunks.data;
    part.trailers = chunks.trailers;
    if (chunks.end == Dechunked::End::complete) part.end = Part::End::complete;
    if (chunks.end == Dechunked::End::refused) part.end = Part::End::refused;
    part.behind = part.body_begin + chunks.consumed;
  } else {
    part.body = std::string(rest);
    if (ended) part.end = Part::End::complete;
    part.behind = text.size();
  }
}

/// The requests of a connection up to the first that is not whole. That one is the last of them, if
/// anything of it was there.
inline std::vector<Part> requests_of(std::string_view text) {
  std::vector<Part> parts;
  for (std::size_t at = 0; at < text.size();) {
    Part& part = parts.emplace_back();
    std::size_t first = at;
    while (text.substr(first, 2) == "\r\n") first += 2;
    std::string head;
    if (!take_head(text, first, part, head)) {
      part.begin = at;
      break;
    }
    part.head = read_request(head, kFieldsMax);
    part.has_head = part.head.ok;
    if (!part.has_head) part.end = Part::End::refused;
    if (part.has_head) take_body(text, false, part);
    if (!part.complete()) break;
    at = part.behind;
  }
  return parts;
}

/// The next response, informational ones included. Nothing: there is not a byte of it.
inline std::optional<Part> response_at(std::string_view text, std::size_t at, http::Method method,
                                       bool ended) {
  if (at >= text.size()) return std::nullopt;
  Part part;
  std::string head;
  if (!take_head(text, at, part, head)) return part;
  part.head = read_response(head, kFieldsMax, method);
  part.has_head = part.head.ok;
  if (!part.has_head) part.end = Part::End::refused;
  if (part.has_head) take_body(text, ended, part);
  return part;
}

}  // namespace epaulet::naive
