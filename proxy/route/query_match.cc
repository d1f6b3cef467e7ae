#include "route/query_match.h"

#include "base/limits.h"
#include "route/percent.h"

namespace epaulet {
namespace {

char take_from_form(std::string_view& text) {
  if (text.front() != '+') return take_decoded(text);
  text.remove_prefix(1);
  return ' ';
}

bool same_text(std::string_view wanted, std::string_view raw) {
  if (raw.size() < wanted.size()) return false;  // Decoding only shortens.
  for (const char c : wanted) {
    if (raw.empty() || take_from_form(raw) != c) return false;
  }
  return raw.empty();
}

/// What the last `*` stands for grows by one character where the rest does not fit: an earlier one
/// never has to change.
bool fits(std::string_view pattern, std::string_view raw) {
  constexpr auto kNone = std::string_view::npos;
  std::size_t at = 0;
  std::size_t behind_star = kNone;
  std::string_view retry;
  while (!raw.empty()) {
    if (at < pattern.size() && pattern[at] == '*') {
      behind_star = ++at;
      retry = raw;
      continue;
    }
    auto rest = raw;
    const char c = take_from_form(rest);
    if (at < pattern.size() && pattern[at] == c) {
      ++at;
      raw = rest;
      continue;
    }
    if (behind_star == kNone) return false;
    (void)take_from_form(retry);
    raw = retry;
    at = behind_star;
  }
  return pattern.find_first_not_of('*', at) == kNone;
}

}  // namespace

QueryMatch::QueryMatch(const QueryMatchSettings& settings) : name_(settings.name) {
  if (settings.exact) {
    kind_ = Kind::exact;
    value_ = *settings.exact;
  } else if (settings.pattern) {
    kind_ = Kind::pattern;
    value_ = *settings.pattern;
  }
}

std::optional<std::string_view> find_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(pair.size() == query.size() ? pair.size() : pair.size() + 1);
    const auto found = pair.substr(0, pair.find('='));
    if (!same_text(name, found)) continue;
    return found.size() == pair.size() ? std::string_view() : pair.substr(found.size() + 1);
  }
  return std::nullopt;
}

std::optional<std::size_t> decode_parameter(std::string_view raw, std::span<char> to) {
  std::size_t size = 0;
  while (!raw.empty()) {
    if (size == to.size()) return std::nullopt;
    to[size++] = take_from_form(raw);
  }
  return size;
}

bool QueryMatch::matches(std::string_view query) const {
  const auto raw = find_parameter(query, name_);
  return raw && matches_value(*raw);
}

bool QueryMatch::matches_value(std::string_view raw) const {
  switch (kind_) {
    case Kind::present:
      return true;
    case Kind::exact:
      return same_text(value_, raw);
    case Kind::pattern:
      return raw.size() <= limits::kQueryPatternValueBytesMax && fits(value_, raw);
  }
  return false;
}

}  // namespace epaulet
