#include "detect/detector.h"

#include <algorithm>
#include <string_view>

#include "base/ascii.h"
#include "base/char_class.h"
#include "base/limits.h"

namespace epaulet::detect {
namespace {

using namespace std::string_view_literals;
using char_class::is;

constexpr std::string_view kHttp2Preface =
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv;  // RFC 9113 section 3.4.
constexpr std::size_t kMethodBytesMax = 24;
static_assert(kHttp2Preface.size() <= limits::kDetectBytesMax);

bool all_of(std::string_view text, std::uint8_t classes) {
  return std::all_of(text.begin(), text.end(), [classes](char c) { return is(c, classes); });
}

/// `text` against a pattern: all of it there, a beginning of it, or neither.
Verdict match(std::string_view text, std::string_view pattern, Verdict if_whole) {
  if (text.starts_with(pattern)) return if_whole;
  return pattern.starts_with(text) ? Verdict::need_more : Verdict::opaque;
}

/// Record of type handshake (22), version 3.x, a length that RFC 8446 section 5.1 allows, message
/// client_hello.
Verdict as_tls(std::string_view bytes) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const std::size_t size = bytes.size();
  if (size > 0 && octet(0) != 22) return Verdict::opaque;
  if (size > 1 && octet(1) != 3) return Verdict::opaque;
  if (size > 2 && octet(2) > 4) return Verdict::opaque;
  if (size > 3 && octet(3) > 0x40) return Verdict::opaque;
  if (size > 4 && octet(3) * 256 + octet(4) == 0) return Verdict::opaque;
  if (size > 4 && octet(3) * 256 + octet(4) > 0x4000) return Verdict::opaque;
  if (size > 5) return octet(5) == 1 ? Verdict::tls_client_hello : Verdict::opaque;
  return Verdict::need_more;
}

/// RFC 9112 section 3.2.2; the scheme in any case.
Verdict as_absolute_target(std::string_view target) {
  constexpr std::string_view kSchemes[] = {"http://"sv, "https://"sv};
  for (const auto scheme : kSchemes) {
    const auto length = std::min(scheme.size(), target.size());
    if (!equals_ignore_case(target.substr(0, length), scheme.substr(0, length))) continue;
    return length == scheme.size() ? Verdict::http1 : Verdict::need_more;
  }
  return Verdict::opaque;
}

/// RFC 9112 section 3.2.3: host, colon, digits, and a space if it is in sight.
Verdict as_authority_target(std::string_view target, bool is_all_we_get) {
  std::size_t host = 0;
  const bool bracketed = !target.empty() && target[0] == '[';
  if (bracketed) {
    const auto closing = target.find(']');
    const auto inside = target.substr(1, closing == std::string_view::npos ? closing : closing - 1);
    if (!std::all_of(inside.begin(), inside.end(),
                     [](char c) { return is(c, char_class::kHexDigit) || c == ':' || c == '.'; })) {
      return Verdict::opaque;
    }
    host = closing == std::string_view::npos ? target.size() : closing + 1;
  } else {
    while (host < target.size() && is(target[host], char_class::kHost)) ++host;
  }
  if (host == target.size()) return is_all_we_get ? Verdict::http1 : Verdict::need_more;
  if (host == 0 || target[host] != ':') return Verdict::opaque;
  const auto port = target.substr(host + 1);
  if (port.empty()) return is_all_we_get ? Verdict::http1 : Verdict::need_more;
  return is(port[0], char_class::kDigit) ? Verdict::http1 : Verdict::opaque;
}

Verdict as_http1(std::string_view bytes, bool is_all_we_get) {
  // RFC 9112 section 2.2: empty lines before a request are ignored.
  std::size_t lines = 0;
  for (; lines < limits::kEmptyLinesBeforeRequestMax && bytes.starts_with("\r\n"sv); ++lines) {
    bytes.remove_prefix(2);
  }
  const bool may_be_empty_line = bytes == "\r"sv && lines < limits::kEmptyLinesBeforeRequestMax;
  if (bytes.empty() || may_be_empty_line) return Verdict::need_more;
  const auto space = bytes.find(' ');
  const auto method = bytes.substr(0, space);
  if (method.empty() || method.size() > kMethodBytesMax || !all_of(method, char_class::kToken)) {
    return Verdict::opaque;
  }
  if (space == std::string_view::npos) return Verdict::need_more;
  const auto target = bytes.substr(space + 1);
  if (target.empty()) return Verdict::need_more;
  if (target[0] == '/') return Verdict::http1;
  if (method == "CONNECT"sv) return as_authority_target(target, is_all_we_get);
  if (target[0] == '*')
    return method == "OPTIONS"sv ? match(target, "* HTTP/"sv, Verdict::http1) : Verdict::opaque;
  return as_absolute_target(target);
}

/// RFC 9113 section 3.4: a server's first frame is SETTINGS, which it may send before it has heard
/// anything: a length of whole settings, type 4, no flags, stream 0.
Verdict as_settings(std::string_view bytes) {
  constexpr std::size_t kLengthBytes = 3;
  constexpr std::size_t kSettingBytes = 6;
  constexpr std::size_t kLengthMax = 64 * kSettingBytes;
  std::size_t length = 0;  // The least that it may become.
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length = length << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u);
  const bool is_whole = bytes.size() >= kLengthBytes;
  if (length > kLengthMax || (is_whole && length % kSettingBytes != 0)) return Verdict::opaque;
  if (!is_whole) return Verdict::need_more;
  return match(bytes.substr(kLengthBytes), "\x04\0\0\0\0\0"sv, Verdict::http2_preface);
}

}  // namespace

Verdict classify(std::span<const std::byte> first_bytes) {
  const bool is_all_we_get = first_bytes.size() >= limits::kDetectBytesMax;
  const auto looked_at = first_bytes.first(std::min(first_bytes.size(), limits::kDetectBytesMax));
  const std::string_view bytes(reinterpret_cast<const char*>(looked_at.data()), looked_at.size());
  bool undecided = false;
  for (const Verdict verdict : {as_tls(bytes), match(bytes, kHttp2Preface, Verdict::http2_preface),
                                as_http1(bytes, is_all_we_get)}) {
    if (verdict == Verdict::need_more) {
      undecided = true;
    } else if (verdict != Verdict::opaque) {
      return verdict;
    }
  }
  return undecided && !is_all_we_get ? Verdict::need_more : Verdict::opaque;
}

bool may_be_tls(std::span<const std::byte> first_bytes) {
  return as_tls({reinterpret_cast<const char*>(first_bytes.data()), first_bytes.size()}) !=
         Verdict::opaque;
}

Verdict classify_answer(std::span<const std::byte> first_bytes) {
  const std::string_view bytes(reinterpret_cast<const char*>(first_bytes.data()),
                               first_bytes.size());
  const Verdict http1 = match(bytes, "HTTP/"sv, Verdict::http1);
  return http1 == Verdict::opaque ? as_settings(bytes) : http1;
}

}  // namespace epaulet::detect
