#include "http/http1/head_end.h"

#include <algorithm>
#include <cstring>

namespace epaulet::http::http1 {
namespace {

/// Length of the empty lines at the start; `npos` if there are too many.
constexpr std::size_t kTooMany = static_cast<std::size_t>(-1);

std::size_t empty_lines(std::string_view text, MessageKind kind) {
  std::size_t at = 0;
  while (text.substr(at, 2) == "\r\n") at += 2;
  const std::size_t allowed =
      kind == MessageKind::request ? limits::kEmptyLinesBeforeRequestMax : 0;
  return at > 2 * allowed ? kTooMany : at;
}

/// Eight octets of which none is below 14, so neither NUL, LF nor CR: the usual case, found without
/// a branch per octet. HTAB makes it say no, which only costs time.
bool holds_no_line_control(const char* at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return ((word - kOnes * 14) & ~word & (kOnes * 0x80)) == 0;
}

}  // namespace

Result<std::optional<std::size_t>> find_head_end(ConstBytes bytes, const HeadLimits& limits,
                                                 std::size_t& scanned, MessageKind kind) {
  const std::string_view text = as_text(bytes.first(std::min(bytes.size(), limits.bytes)));
  const std::size_t start = empty_lines(text, kind);
  if (start == kTooMany) return malformed(kind, Fault::empty_lines);

  std::size_t at = std::max(scanned, start);
  while (at < text.size()) {
    if (at + 8 <= text.size() && holds_no_line_control(text.data() + at)) {
      at += 8;
      continue;
    }
    const char c = text[at];
    if (c == '\r') {
      if (at + 1 == text.size()) break;  // Looked at again with what follows.
      if (text[at + 1] != '\n') return malformed(kind, Fault::bare_cr);
    } else if (c == '\n') {
      if (at == 0 || text[at - 1] != '\r') return malformed(kind, Fault::bare_lf);
      if (at >= start + 3 && text[at - 2] == '\n') {
        scanned = at + 1;
        return std::optional<std::size_t>(at + 1);
      }
    } else if (c == '\0') {
      return malformed(kind, Fault::nul);
    }
    ++at;
  }
  scanned = at;
  if (text.size() >= limits.bytes) return too_large(kind, Fault::too_many_bytes);
  return std::optional<std::size_t>();
}

}  // namespace epaulet::http::http1
