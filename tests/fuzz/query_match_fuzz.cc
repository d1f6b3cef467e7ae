// A query, read as forms are: the matcher agrees with a naive reader that decodes first, and a
// target is rewritten and redirected without a byte of the query lost.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/limits.h"
#include "route/query_match.h"
#include "route/url_rewrite.h"

namespace {

using namespace epaulet;

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string decoded(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '%' && i + 2 < raw.size() && hex(raw[i + 1]) >= 0 && hex(raw[i + 2]) >= 0) {
      out += static_cast<char>(hex(raw[i + 1]) * 16 + hex(raw[i + 2]));
      i += 2;
    } else {
      out += raw[i] == '+' ? ' ' : raw[i];
    }
  }
  return out;
}

struct Found {
  bool is_there = false;
  std::string value;
  std::size_t raw_bytes = 0;
};

Found find(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    if (decoded(pair.substr(0, equals)) != name) continue;
    const auto raw =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    return {true, decoded(raw), raw.size()};
  }
  return {};
}

/// Everything before, between and behind the stars, leftmost first.
bool fits(std::string_view pattern, std::string_view text) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return text == pattern;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  text.remove_prefix(star);
  pattern.remove_prefix(star + 1);
  for (auto next = pattern.find('*'); next != std::string_view::npos; next = pattern.find('*')) {
    const auto at = text.find(pattern.substr(0, next));
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + next);
    pattern.remove_prefix(next + 1);
  }
  return text.ends_with(pattern);
}

void match(const std::string& name, const std::string& wanted, std::string_view query) {
  const auto found = find(query, name);
  EPAULET_ASSERT(QueryMatch({name, std::nullopt, std::nullopt}).matches(query) == found.is_there);
  EPAULET_ASSERT(QueryMatch({name, wanted, std::nullopt}).matches(query) ==
                 (found.is_there && found.value == wanted));
  const bool is_short = found.raw_bytes <= limits::kQueryPatternValueBytesMax;
  EPAULET_ASSERT(QueryMatch({name, std::nullopt, wanted}).matches(query) ==
                 (found.is_there && is_short && fits(wanted, found.value)));
}

void rewrite(const std::string& path, std::string_view query) {
  const std::string target = "/a" + path + "?" + std::string(query);
  http::RequestHead head;
  head.target = target;
  head.path = head.target.substr(0, target.find('?'));
  head.query = head.target.substr(head.path.size() + 1);
  head.authority = "h";
  UrlRewriteSettings settings;
  settings.replace_prefix_match = "/b/";
  UrlRewrite(settings, {"/a/**", "/**"}).apply(head);
  EPAULET_ASSERT(head.rewritten_target.starts_with("/b/"));
  EPAULET_ASSERT(head.rewritten_target.ends_with("?" + std::string(head.query)));
  RedirectSettings redirect;
  redirect.scheme = "https";
  EPAULET_ASSERT(Redirect(redirect, {}).location(head, 80) == "https://h" + target);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A name, a value or pattern, and a query, one a line.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto first = text.find('\n');
  if (first == std::string_view::npos) return 0;
  const auto second = text.find('\n', first + 1);
  if (second == std::string_view::npos) return 0;
  const std::string name(text.substr(0, first));
  const std::string wanted(text.substr(first + 1, second - first - 1));
  const auto query = text.substr(second + 1);
  match(name, wanted, query);
  rewrite(wanted.starts_with('/') ? wanted : "/" + wanted, query);
  return 0;
}
