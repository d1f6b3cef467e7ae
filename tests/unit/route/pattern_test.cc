#include "route/pattern.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace epaulet {
namespace {

struct PathRow {
  std::string_view pattern;
  std::string_view path;
  bool exact;
  bool lenient;
};

TEST(PathPatternTest, paths_match_by_segments) {
  const PathRow rows[] = {
      // Literals.
      {"/", "/", true, true},
      {"/", "/a", false, false},
      {"/", "", false, false},
      {"/a", "/a", true, true},
      {"/a", "/", false, false},
      {"/a", "/ab", false, false},
      {"/a", "/b", false, false},
      {"/a", "a", false, false},
      {"/a", "/a/b", false, false},
      {"/ab", "/a", false, false},
      {"/a/b", "/a/b", true, true},
      {"/a/b", "/a", false, false},
      {"/a/b", "/ab", false, false},
      {"/a/b/c", "/a/b/c", true, true},
      {"/a/b/c", "/a/x/c", false, false},
      // A slash at the end and the case of letters do not count for lenient apps.
      {"/a", "/a/", false, true},
      {"/a/", "/a", false, true},
      {"/a/", "/a/", true, true},
      {"/a/", "/a/b", false, false},
      {"/a", "/A", false, true},
      {"/Admin", "/admin", false, true},
      {"/admin", "/ADMIN/", false, true},
      {"/admin", "/ADMINS", false, false},
      {"/admin", "/adm1n", false, false},
      // `*` is one whole segment.
      {"/*", "/a", true, true},
      {"/*", "/", false, false},
      {"/*", "/a/", false, true},
      {"/*", "/a/b", false, false},
      {"/*/", "/a/", true, true},
      {"/a/*", "/a/b", true, true},
      {"/a/*", "/a", false, false},
      {"/a/*", "/a/", false, false},
      {"/a/*", "/a/b/c", false, false},
      {"/a/*", "/a/%2A", true, true},
      {"/*/b", "/a/b", true, true},
      {"/*/b", "/b", false, false},
      {"/*/b", "//b", false, false},
      {"/*/b", "/a/c", false, false},
      {"/*/*", "/a/b", true, true},
      {"/*/*", "/a", false, false},
      {"/users/*/orders", "/users/7/orders", true, true},
      {"/users/*/orders", "/users/7/orders/", false, true},
      {"/users/*/orders", "/users/7/8/orders", false, false},
      {"/users/*/orders", "/users//orders", false, false},
      // `**` at the end is any rest, also none.
      {"/**", "/", true, true},
      {"/**", "/a", true, true},
      {"/**", "/a/b/c", true, true},
      {"/**", "*", true, true},
      {"/**", "", true, true},
      {"/a/**", "/a", true, true},
      {"/a/**", "/a/", true, true},
      {"/a/**", "/a/b", true, true},
      {"/a/**", "/a/b/c/", true, true},
      {"/a/**", "/", false, false},
      {"/a/**", "/ab", false, false},
      {"/a/**", "/ab/c", false, false},
      {"/a/**", "/A/b", false, true},
      {"/a/**", "a/b", false, false},
      {"/a/**", "*", false, false},
      {"/a/b/**", "/a", false, false},
      {"/*/**", "/a", true, true},
      {"/*/**", "/", false, false},
      {"/*/b/**", "/x/b/c", true, true},
      {"/*/b/**", "/x/c/b", false, false},
      // Both sides are percent-decoded once.
      {"/caf%C3%A9", "/caf%c3%a9", true, true},
      {"/caf%c3%a9", "/caf%C3%A9", true, true},
      {"/caf%C3%A9", "/caf\xc3\xa9", true, true},
      {"/caf%C3%A9", "/caf%C3%89", false, false},
      {"/a:b", "/a%3Ab", true, true},
      {"/a:b", "/a%3ab", true, true},
      {"/a%3Ab", "/a:b", true, true},
      {"/a b", "/a%20b", true, true},
      {"/admin", "/%61dmin", true, true},
      {"/admin", "/%41dmin", false, true},
      {"/a", "/a%", false, false},
      {"/a%", "/a%", true, true},
      {"/a%2", "/a%2", true, true},
      {"/a%zz", "/a%zz", true, true},
      {"/%2525", "/%2525", true, true},
      {"/%25", "/%2525", false, false},
      {"/a", "/a%00", false, false},
      {"/a/b", "/a%2Fb", false, false},
      {"/a%2Fb", "/a/b", false, false},
      {"/*", "/a%2Fb", true, true},
      // The query is not part of a path; here it would be text.
      {"/a", "/a?b", false, false},
  };
  for (const auto& row : rows) {
    const PathPattern pattern(row.pattern);
    EXPECT_EQ(pattern.matches(row.path), row.exact) << row.pattern << " exact " << row.path;
    EXPECT_EQ(pattern.matches(row.path, Reading::lenient), row.lenient)
        << row.pattern << " lenient " << row.path;
  }
}

TEST(PathPatternTest, only_one_pattern_matches_everything) {
  EXPECT_TRUE(PathPattern("/**").matches_everything());
  for (const std::string_view text : {"/", "/*", "/a/**", "/*/**", "**", "", "/a"}) {
    EXPECT_FALSE(PathPattern(text).matches_everything()) << text;
  }
}

/// Segments of a path and whether a slash ends it.
std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < path.size();) {
    const auto slash = std::min(path.find('/', at + 1), path.size());
    out.emplace_back(path.substr(at + 1, slash - at - 1));
    at = slash;
  }
  return out;
}

/// By recursion over lists of segments, for patterns without escapes.
bool naive_match(const std::vector<std::string>& pattern, std::size_t p,
                 const std::vector<std::string>& path, std::size_t s) {
  if (p == pattern.size()) return s == path.size();
  if (pattern[p] == "**" && p + 1 == pattern.size()) return true;
  if (s == path.size()) return false;
  if (pattern[p] == "*" ? path[s].empty() : pattern[p] != path[s]) return false;
  return naive_match(pattern, p + 1, path, s + 1);
}

TEST(PathPatternTest, random_patterns_agree_with_a_naive_reading) {
  constexpr std::string_view kPatternPieces[] = {"a", "b", "ab", "*"};
  constexpr std::string_view kPathPieces[] = {"a", "b", "ab", "A"};
  unsigned matched = 0;
  for (unsigned seed = 1; seed <= 5'000; ++seed) {
    std::mt19937 random(seed);
    std::string pattern;
    std::string path;
    for (unsigned i = random() % 4; i > 0; --i)
      pattern.append("/").append(kPatternPieces[random() % 4]);
    for (unsigned i = random() % 4; i > 0; --i) path.append("/").append(kPathPieces[random() % 4]);
    if (random() % 3 == 0) {
      pattern += "/**";
    } else if (pattern.empty() || random() % 4 == 0) {
      pattern += "/";
    }
    if (path.empty() || random() % 4 == 0) path += "/";
    // "/a/" has the segments "a" and "", and so has its pattern.
    const bool expected = naive_match(segments_of(pattern), 0, segments_of(path), 0);
    EXPECT_EQ(PathPattern(pattern).matches(path), expected)
        << "seed " << seed << ": " << pattern << " " << path;
    // The lenient reading only ever widens.
    if (expected) {
      EXPECT_TRUE(PathPattern(pattern).matches(path, Reading::lenient)) << pattern << " " << path;
    }
    matched += expected ? 1 : 0;
  }
  EXPECT_GT(matched, 300u);
}

TEST(HostPatternTest, hosts_match_without_case_port_and_root_dot) {
  const std::tuple<std::string_view, std::string_view, bool> rows[] = {
      {"api.example", "api.example", true},
      {"api.example", "API.Example", true},
      {"api.example", "api.example:8080", true},
      {"api.example", "api.example.", true},
      {"api.example", "api.example.:80", true},
      {"api.example", "api.example..", false},
      {"api.example", "xapi.example", false},
      {"api.example", "api.example.org", false},
      {"api.example", "", false},
      {"api.example", ":80", false},
      {"*.example", "api.example", true},
      {"*.example", "a.b.example", true},
      {"*.example", "API.EXAMPLE:443", true},
      {"*.example", "api.example.", true},
      {"*.example", "example", false},
      {"*.example", ".example", false},
      {"*.example", "badexample", false},
      {"*.example", "example.org", false},
      {"*.example", "", false},
      {"API.example", "api.example", true},
      {"10.0.0.1", "10.0.0.1:80", true},
  };
  for (const auto& [pattern, authority, expected] : rows) {
    EXPECT_EQ(HostPattern(pattern).matches(authority), expected) << pattern << " " << authority;
  }
}

TEST(HostPatternTest, the_host_of_an_authority) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"a", "a"},     {"a:80", "a"},      {"a.", "a"},
      {"a.:80", "a"}, {"[::1]", "[::1]"}, {"[::1]:80", "[::1]"},
      {"", ""},       {":80", ""},        {"[::1", ""},
      {".", ""},
  };
  for (const auto& [authority, host] : rows) EXPECT_EQ(host_of(authority), host) << authority;
}

}  // namespace
}  // namespace epaulet
