#include "route/pattern.h"

#include <cstddef>

#include "base/ascii.h"
#include "route/percent.h"

namespace epaulet {
namespace {

/// `literal` is decoded, `raw` is not.
bool same_text(std::string_view literal, std::string_view raw, Reading reading) {
  if (raw.size() < literal.size()) return false;  // Decoding only shortens.
  for (const char wanted : literal) {
    if (raw.empty()) return false;
    const char c = take_decoded(raw);
    if (c == wanted) continue;
    if (reading == Reading::exact || to_lower(c) != to_lower(wanted)) return false;
  }
  return raw.empty();
}

/// The same for a path without any encoding, which is most of them.
bool same_plain_text(std::string_view literal, std::string_view plain, Reading reading) {
  return reading == Reading::exact ? literal == plain : equals_ignore_case(literal, plain);
}

/// Takes the next segment off `rest`, which begins with a slash.
std::string_view take_segment(std::string_view& rest) {
  rest.remove_prefix(1);
  const auto segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

}  // namespace

PathPattern::PathPattern(std::string_view text) {
  if (text.ends_with("/**")) {
    open_ = true;
    text.remove_suffix(3);
  } else if (text.ends_with('/')) {
    ends_with_slash_ = true;
    text.remove_suffix(1);
  }
  while (!text.empty()) {
    if (!text.starts_with('/')) return;  // Not a path: matches what is written up to here at most.
    const auto raw = take_segment(text);
    Segment segment{.text = {}, .any = raw == "*"};
    for (auto left = raw; !segment.any && !left.empty();) segment.text += take_decoded(left);
    segments_.push_back(std::move(segment));
  }
}

bool PathPattern::matches(std::string_view path, Reading reading) const {
  if (matches_everything()) return true;
  if (!path.starts_with('/')) return false;
  if (path.ends_with('/')) {
    if (reading == Reading::exact && !open_ && !ends_with_slash_) return false;
    path.remove_suffix(1);
  } else if (reading == Reading::exact && ends_with_slash_) {
    return false;
  }
  const auto same = path.find('%') == std::string_view::npos ? same_plain_text : same_text;
  for (const Segment& segment : segments_) {
    if (path.empty()) return false;
    const auto raw = take_segment(path);
    if (segment.any ? raw.empty() : !same(segment.text, raw, reading)) return false;
  }
  return open_ || path.empty();
}

std::size_t PathPattern::prefix_bytes(std::string_view path) const {
  auto rest = path;
  for (std::size_t left = segments_.size(); left > 0 && !rest.empty(); --left)
    (void)take_segment(rest);
  return path.size() - rest.size();
}

HostPattern::HostPattern(std::string_view text) {
  any_below_ = text.starts_with("*.");
  name_ = lower(any_below_ ? text.substr(1) : text);
}

bool HostPattern::matches(std::string_view authority) const {
  const auto host = host_of(authority);
  if (!any_below_) return equals_ignore_case(host, name_);
  return host.size() > name_.size() &&
         equals_ignore_case(host.substr(host.size() - name_.size()), name_);
}

std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  auto host = authority.substr(0, authority.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

}  // namespace epaulet
