#include "policy/path_hygiene.h"

#include "base/ascii.h"
#include "base/char_class.h"
#include "base/overlong_utf8.h"

namespace epaulet {
namespace {

using char_class::is;
using char_class::kHexDigit;

constexpr bool is_unreserved(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

unsigned hex_value(char c) {
  return static_cast<unsigned>(c <= '9' ? c - '0' : to_lower(c) - 'a' + 10);
}

/// One character of a path with what it stands for.
struct Unit {
  std::string_view raw;  ///< One character, or three if it is encoded.
  unsigned char byte = 0;
  bool is_encoded = false;
  bool is_broken = false;
};

Unit unit_at(std::string_view path, std::size_t at) {
  const char c = path[at];
  Unit unit{.raw = path.substr(at, 1), .byte = static_cast<unsigned char>(c)};
  if (c != '%') return unit;
  unit.is_encoded = true;
  if (path.size() - at < 3 || !is(path[at + 1], kHexDigit) || !is(path[at + 2], kHexDigit)) {
    unit.is_broken = true;
    return unit;
  }
  unit.raw = path.substr(at, 3);
  unit.byte = static_cast<unsigned char>(hex_value(path[at + 1]) << 4 | hex_value(path[at + 2]));
  return unit;
}

/// A reason why the path can have no normal form, or `none`. `at` is where `unit` stands.
PathFlaw incurable(const Unit& unit, std::string_view path, std::size_t at) {
  if (unit.is_broken) return PathFlaw::broken_encoding;
  if (unit.byte < 0x20 || unit.byte == 0x7f) return PathFlaw::control_character;
  if (unit.byte < 0x80) return PathFlaw::none;
  const std::size_t next = at + unit.raw.size();
  const unsigned char second = next < path.size() ? unit_at(path, next).byte : 0;
  return is_overlong(unit.byte, second) ? PathFlaw::overlong_utf8 : PathFlaw::none;
}

PathFlaw curable(const Unit& unit) {
  if (unit.byte == '\\') return PathFlaw::backslash;
  if (unit.byte == ';') return PathFlaw::path_parameter;
  if (!unit.is_encoded) return PathFlaw::none;
  if (unit.byte == '/') return PathFlaw::encoded_slash;
  return is_unreserved(unit.byte) ? PathFlaw::encoded_unreserved : PathFlaw::none;
}

/// Segments of a normal form, as they come.
class Segments {
 public:
  explicit Segments(std::size_t bytes_max) { text_.reserve(bytes_max); }

  void add(std::string_view raw) {
    if (!is_cut_) text_.append(raw);
  }
  /// What follows in this segment is a parameter.
  void cut() { is_cut_ = true; }
  void end_segment() {
    const auto segment = std::string_view(text_).substr(begin_);
    ends_with_slash_ = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      text_.resize(begin_ - 1);             // Its own slash, and
      const auto slash = text_.rfind('/');  // the segment before it; RFC 3986 section 5.2.4:
      text_.resize(slash == std::string::npos ? 0 : slash);  // above the root there is nothing.
    } else if (ends_with_slash_) {
      text_.resize(begin_ - 1);
    }
    text_ += '/';
    begin_ = text_.size();
    is_cut_ = false;
  }
  /// After the last end_segment().
  [[nodiscard]] std::string take() && {
    if (!ends_with_slash_) text_.pop_back();
    return std::move(text_);
  }

 private:
  std::string text_ =
      "/";  ///< Always ends with the slash before the segment that is being built, and its part.
  std::size_t begin_ = 1;  ///< Of that segment.
  bool is_cut_ = false;
  bool ends_with_slash_ = true;
};

}  // namespace

std::string_view name_of(PathFlaw flaw) {
  switch (flaw) {
    case PathFlaw::none:
      return "none";
    case PathFlaw::encoded_unreserved:
      return "encoded_unreserved";
    case PathFlaw::dot_segment:
      return "dot_segment";
    case PathFlaw::empty_segment:
      return "empty_segment";
    case PathFlaw::backslash:
      return "backslash";
    case PathFlaw::encoded_slash:
      return "encoded_slash";
    case PathFlaw::path_parameter:
      return "path_parameter";
    case PathFlaw::broken_encoding:
      return "broken_encoding";
    case PathFlaw::control_character:
      return "control_character";
    case PathFlaw::overlong_utf8:
      return "overlong_utf8";
  }
  return "none";
}

PathFlaw flaw_of(std::string_view path) {
  std::size_t begin = 0;  // Of the segment, behind its slash.
  const auto flaw_of_segment = [&](std::size_t end, bool is_last) {
    const auto segment = path.substr(begin, end - begin);
    if (segment == "." || segment == "..") return PathFlaw::dot_segment;
    return segment.empty() && !is_last && begin > 0 ? PathFlaw::empty_segment : PathFlaw::none;
  };
  for (std::size_t at = 0; at < path.size();) {
    const Unit unit = unit_at(path, at);
    if (unit.byte == '/' && !unit.is_encoded) {
      if (const auto flaw = flaw_of_segment(at, false); flaw != PathFlaw::none) return flaw;
      begin = at + 1;
    } else if (const auto flaw = incurable(unit, path, at); flaw != PathFlaw::none) {
      return flaw;
    } else if (const auto other = curable(unit); other != PathFlaw::none) {
      return other;
    }
    at += unit.raw.size();
  }
  return flaw_of_segment(path.size(), true);
}

boost::system::result<std::string, PathFlaw> normalize(std::string_view path) {
  Segments segments(path.size() + 2);
  if (path.starts_with('/')) path.remove_prefix(1);
  for (std::size_t at = 0; at < path.size();) {
    const Unit unit = unit_at(path, at);
    if (const auto flaw = incurable(unit, path, at); flaw != PathFlaw::none) return flaw;
    if (unit.byte == '/' || unit.byte == '\\') {
      segments.end_segment();
    } else if (unit.byte == ';') {
      segments.cut();
    } else if (unit.is_encoded && is_unreserved(unit.byte)) {
      const char plain = static_cast<char>(unit.byte);
      segments.add({&plain, 1});
    } else {
      segments.add(unit.raw);
    }
    at += unit.raw.size();
  }
  segments.end_segment();
  return std::move(segments).take();
}

bool is_double_encoded(std::string_view path) {
  for (auto at = path.find("%25"); at != std::string_view::npos; at = path.find("%25", at + 3)) {
    if (path.size() - at >= 5 && is(path[at + 3], kHexDigit) && is(path[at + 4], kHexDigit))
      return true;
  }
  return false;
}

Result<void> settle_path(http::RequestHead& head, PathHygiene mode) {
  if (head.form == http::TargetForm::authority || head.form == http::TargetForm::asterisk)
    return {};
  PathFlaw flaw = flaw_of(head.path);
  if (flaw == PathFlaw::none) return {};
  if (mode == PathHygiene::normalize) {
    if (const auto normal = normalize(head.path)) {
      const auto before = static_cast<std::size_t>(head.path.data() - head.target.data());
      EPAULET_ASSERT(before + head.path.size() <= head.target.size());
      const auto behind = head.target.substr(before + head.path.size());
      head.rewritten_target.assign(head.target.substr(0, before)).append(*normal).append(behind);
      head.path = std::string_view(head.rewritten_target).substr(before, normal->size());
      return {};
    } else {
      flaw = normal.error();
    }
  }
  return Error(ErrorCode::path_ambiguous, Side::downstream, Stage::authorize, Retry::never,
               static_cast<std::int32_t>(flaw));
}

}  // namespace epaulet
