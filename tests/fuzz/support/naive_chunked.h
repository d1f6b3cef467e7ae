#pragma once

#include <string>
#include <string_view>

#include "base/limits.h"
#include "tests/fuzz/support/naive_http1.h"

namespace epaulet::naive {

/// The oracle of the chunk decoder: looks at the whole body at once.
struct Dechunked {
  enum class End { complete, incomplete, refused };
  End end = End::incomplete;
  std::string data;
  std::string trailers;
  std::size_t consumed = 0;  ///< If complete.
};

inline bool trailer_may_pass(const std::string& name) {
  for (const auto* forbidden : {"authorization",
                                "connection",
                                "content-length",
                                "expect",
                                "host",
                                "keep-alive",
                                "proxy-authenticate",
                                "proxy-authorization",
                                "proxy-connection",
                                "proxy-status",
                                "retry-after",
                                "te",
                                "trailer",
                                "transfer-encoding",
                                "upgrade",
                                "x-request-id",
                                "age",
                                "cache-control",
                                "content-encoding",
                                "content-range",
                                "content-type",
                                "cookie",
                                "date",
                                "forwarded",
                                "location",
                                "max-forwards",
                                "range",
                                "set-cookie",
                                "vary",
                                "www-authenticate"}) {
    if (name == forbidden) return false;
  }
  return name.substr(0, 3) != "if-" && name.substr(0, 12) != "x-forwarded-" &&
         dashed(name).substr(0, 10) != "x-epaulet-";
}

/// Only for inputs whose extensions and trailers stay within the limits: those have tests of their
/// own.
inline Dechunked dechunk(std::string_view input) {
  using End = Dechunked::End;
  Dechunked out;
  const std::string text(input);
  std::size_t at = 0;
  // Judges a line that has not ended yet by what it begins with.
  const auto could_still = [&](bool good) {
    out.end = good ? End::incomplete : End::refused;
    return out;
  };
  for (;;) {
    const auto line_end = text.find_first_of("\r\n", at);
    const bool ends = line_end != std::string::npos;
    const auto line = text.substr(at, line_end - at);
    const auto digits = line.substr(0, line.find_first_not_of(kHex));
    const auto rest = line.substr(digits.size());
    const auto behind_space = rest.find_first_not_of(" \t");
    const bool has_extension = behind_space != std::string::npos && rest[behind_space] == ';';
    const bool only_space = behind_space == std::string::npos;
    bool good = digits.size() <= 16 && (has_extension || only_space) && is_text(rest);
    if (!digits.empty() && digits.size() <= 16 && (!rest.empty() || ends)) {
      good = good && std::stoull(digits, nullptr, 16) <= 0x7fffffffffffffffULL;
    }
    if (digits.empty() && !line.empty()) good = false;
    if (!ends) return could_still(good);
    // A line that ends must be whole: digits, and no white space but before an extension.
    if (!good || digits.empty() || (only_space && !rest.empty()) || text[line_end] != '\r') {
      return could_still(false);
    }
    if (line_end + 1 == text.size()) return could_still(true);
    if (text[line_end + 1] != '\n') return could_still(false);
    at = line_end + 2;
    const auto size = std::stoull(digits, nullptr, 16);
    if (size == 0) break;
    out.data += text.substr(at, size);
    if (text.size() - at < size) return could_still(true);
    at += size;
    const auto behind = text.substr(at, 2);
    if (behind != std::string("\r\n").substr(0, behind.size())) return could_still(false);
    if (behind.size() < 2) return could_still(true);
    at += 2;
  }
  for (;;) {
    const auto line_end = text.find_first_of("\r\n", at);
    if (line_end == std::string::npos) return could_still(true);  // Lines are judged when they end.
    if (text[line_end] != '\r') return could_still(false);
    if (line_end + 1 == text.size()) return could_still(true);
    if (text[line_end + 1] != '\n') return could_still(false);
    const auto line = text.substr(at, line_end - at);
    at = line_end + 2;
    if (line.empty()) break;
    Fields fields;
    if (!read_field_line(line, fields)) return could_still(false);
    if (trailer_may_pass(fields.list[0].first)) out.trailers += line + "\r\n";
  }
  out.end = End::complete;
  out.consumed = at;
  return out;
}

}  // namespace epaulet::naive
