#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "http/http1/head_parser.h"
#include "http/http1/serialize.h"

namespace epaulet::http::http1 {

using namespace std::string_view_literals;

/// A row of a table of heads that must be refused.
struct Refused {
  std::string_view why;
  std::string_view section;
  std::string_view head;
  ErrorCode code;
  Fault fault;
};

/// As the connection does it: find the end, then parse what was found.
inline Result<void> receive_request(std::string_view bytes, RequestHead& head,
                                    HeadLimits limits = {}) {
  std::size_t scanned = 0;
  const auto end = find_head_end(as_bytes(bytes), limits, scanned);
  if (!end) return end.error();
  if (!*end) return Error{ErrorCode::head_timeout, Side::downstream, Stage::parse};
  return parse_request_head(as_bytes(bytes.substr(0, **end)), limits, head);
}

inline Result<void> receive_response(std::string_view bytes, Method method, ResponseHead& head,
                                     HeadLimits limits = {}) {
  std::size_t scanned = 0;
  const auto end = find_head_end(as_bytes(bytes), limits, scanned, MessageKind::response);
  if (!end) return end.error();
  if (!*end) return Error{ErrorCode::head_timeout, Side::upstream, Stage::parse};
  return parse_response_head(as_bytes(bytes.substr(0, **end)), limits, method, head);
}

inline std::string forwarded(const RequestHead& head, std::string_view hop_lines = {}) {
  std::string out(request_head_bytes(head, hop_lines), '\0');
  EXPECT_EQ(write_request_head(head, std::as_writable_bytes(std::span(out)), hop_lines),
            out.size());
  return out;
}

inline std::string forwarded(const ResponseHead& head, std::string_view hop_lines = {}) {
  std::string out(response_head_bytes(head, hop_lines), '\0');
  EXPECT_EQ(write_response_head(head, std::as_writable_bytes(std::span(out)), hop_lines),
            out.size());
  return out;
}

/// Glues random pieces together: heads that are nearly right reach deeper than random octets.
class PieceWriter {
 public:
  explicit PieceWriter(std::uint32_t seed) : random_(seed) {}

  [[nodiscard]] std::size_t below(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }
  template <std::size_t N>
  [[nodiscard]] std::string_view one_of(const std::string_view (&pieces)[N]) {
    return pieces[below(N)];
  }
  /// One octet in `rarity` is replaced, doubled or dropped.
  [[nodiscard]] std::string damage(std::string text, std::size_t rarity) {
    constexpr std::string_view kOctets[] = {"\r", "\n", "\0"sv, " ",    "\t", ":",
                                            ",",  ";",  "\x80", "\x7f", "0",  "a"};
    std::string out;
    for (const char c : text) {
      if (below(rarity) != 0) {
        out.push_back(c);
        continue;
      }
      if (below(3) != 0) out.append(one_of(kOctets));
      if (below(2) != 0) out.push_back(c);
    }
    return out;
  }

 private:
  std::mt19937 random_;
};

}  // namespace epaulet::http::http1
