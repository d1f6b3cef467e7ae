#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/settings.h"
#include "http/message.h"

/// The normal form of a path, so that what a rule looked at is what the app sees (design section
/// 7).
///
/// A path is in normal form if
///   - no percent-encoding stands for an unreserved character (RFC 3986 section 6.2.2.2);
///   - it has no `.` or `..` segment (section 6.2.2.3), and an empty one only at its end;
///   - it has no backslash, raw or encoded, and no encoded slash: some apps take them for a slash;
///   - it has no `;`, raw or encoded: some apps cut a segment there.
///
/// A path has no normal form at all if it holds an incomplete percent-encoding, a control character
/// (NUL first), or bytes that a lenient UTF-8 decoder takes for ASCII (overlong forms).
///
/// The case of hexadecimal digits is free, since PathPattern compares what they stand for. What is
/// encoded twice (`%252e`) stays: it is a percent sign and two digits, and decoding it twice is the
/// app's error; see is_double_encoded(). The query takes no part.
namespace epaulet {

/// Why a path is not in normal form: the first reason from its beginning. The last three have no
/// normal form.
enum class PathFlaw : std::uint8_t {
  none,
  encoded_unreserved,
  dot_segment,
  empty_segment,
  backslash,
  encoded_slash,
  path_parameter,
  broken_encoding,
  control_character,
  overlong_utf8,
};
[[nodiscard]] std::string_view name_of(PathFlaw flaw);

/// Allocates nothing.
[[nodiscard]] PathFlaw flaw_of(std::string_view path);
[[nodiscard]] inline bool is_normal(std::string_view path) {
  return flaw_of(path) == PathFlaw::none;
}

/// The normal form of `path`, which begins with a slash, or one of the last three flaws.
/// Idempotent, and the same path exactly if is_normal(path).
[[nodiscard]] boost::system::result<std::string, PathFlaw> normalize(std::string_view path);

/// A percent-encoded percent sign before two hexadecimal digits: worth a note in explain, no flaw.
[[nodiscard]] bool is_double_encoded(std::string_view path);

/// Brings the path of `head` into the form that rules may look at; call it if
/// AccessPolicy::has_path_rules(). Under `reject` a flaw is ErrorCode::path_ambiguous. Under
/// `normalize` the normal form becomes `head.path` and goes out in `head.rewritten_target`, with
/// scheme, authority and query as received; path_ambiguous only if there is none. `detail` of the
/// error is the PathFlaw. The targets of CONNECT and `OPTIONS *` have no path.
[[nodiscard]] Result<void> settle_path(http::RequestHead& head, PathHygiene mode);

}  // namespace epaulet
