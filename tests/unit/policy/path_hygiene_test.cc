#include "policy/path_hygiene.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/support/naive_path.h"
#include "tests/support/test_request.h"

namespace epaulet {
namespace {

using namespace std::string_view_literals;

struct Row {
  std::string_view path;
  PathFlaw flaw;
  std::string_view normal;  ///< Empty: it has none.
};

using F = PathFlaw;

TEST(PathHygieneTest, paths_and_their_normal_forms) {
  const Row rows[] = {
      // Normal.
      {"/", F::none, "/"},
      {"/a", F::none, "/a"},
      {"/a/", F::none, "/a/"},
      {"/a/b/c", F::none, "/a/b/c"},
      {"/a.b/.c/..d/e..", F::none, "/a.b/.c/..d/e.."},
      {"/...", F::none, "/..."},
      {"/.a", F::none, "/.a"},
      {"/a:b@c!$&'()*+,=", F::none, "/a:b@c!$&'()*+,="},
      {"/a-b_c~d", F::none, "/a-b_c~d"},
      {"/a|b\"<>^`{}", F::none, "/a|b\"<>^`{}"},
      {"/%20", F::none, "/%20"},
      {"/caf%C3%A9", F::none, "/caf%C3%A9"},
      {"/caf%c3%a9", F::none, "/caf%c3%a9"},
      {"/caf\xc3\xa9", F::none, "/caf\xc3\xa9"},
      {"/%E4", F::none, "/%E4"},  // Latin-1 is no ASCII in disguise
      {"/%3A%40%3F%23%5B%7C", F::none, "/%3A%40%3F%23%5B%7C"},
      {"/%E2%82%AC", F::none, "/%E2%82%AC"},
      {"/%F0%9F%98%80", F::none, "/%F0%9F%98%80"},
      {"/%25", F::none, "/%25"},
      {"/%2525", F::none, "/%2525"},
      {"/%252e%252e/", F::none, "/%252e%252e/"},
      {"/%252F", F::none, "/%252F"},
      // RFC 3986 section 6.2.2.2.
      {"/%61", F::encoded_unreserved, "/a"},
      {"/%41dmin", F::encoded_unreserved, "/Admin"},
      {"/%7Euser", F::encoded_unreserved, "/~user"},
      {"/%7euser", F::encoded_unreserved, "/~user"},
      {"/%2D%5F%30", F::encoded_unreserved, "/-_0"},
      {"/a%2Eb", F::encoded_unreserved, "/a.b"},
      // Dot segments, RFC 3986 sections 5.2.4 and 6.2.2.3.
      {"/.", F::dot_segment, "/"},
      {"/..", F::dot_segment, "/"},
      {"/./", F::dot_segment, "/"},
      {"/../", F::dot_segment, "/"},
      {"/a/.", F::dot_segment, "/a/"},
      {"/a/..", F::dot_segment, "/"},
      {"/a/./b", F::dot_segment, "/a/b"},
      {"/a/../b", F::dot_segment, "/b"},
      {"/a/b/../../c", F::dot_segment, "/c"},
      {"/../../a", F::dot_segment, "/a"},
      {"/a/b/..", F::dot_segment, "/a/"},
      {"/public/../admin", F::dot_segment, "/admin"},
      {"/a/b/c/./../../g", F::dot_segment, "/a/g"},  // RFC 3986 section 5.2.4
      {"/%2e%2e/admin", F::encoded_unreserved, "/admin"},
      {"/a/%2E%2E/admin", F::encoded_unreserved, "/admin"},
      {"/a/.%2e/admin", F::encoded_unreserved, "/admin"},
      {"/a/%2e/admin", F::encoded_unreserved, "/a/admin"},
      // Empty segments.
      {"//", F::empty_segment, "/"},
      {"///", F::empty_segment, "/"},
      {"//a", F::empty_segment, "/a"},
      {"/a//b", F::empty_segment, "/a/b"},
      {"/a//", F::empty_segment, "/a/"},
      {"//evil.example/a", F::empty_segment, "/evil.example/a"},
      {"/a///../b", F::empty_segment, "/b"},
      // Slashes in disguise.
      {"/a%2Fb", F::encoded_slash, "/a/b"},
      {"/a%2fb", F::encoded_slash, "/a/b"},
      {"/%2F", F::encoded_slash, "/"},
      {"/%2Fadmin", F::encoded_slash, "/admin"},
      {"/public%2F..%2Fadmin", F::encoded_slash, "/admin"},
      {"/public/..%2Fadmin", F::encoded_slash, "/admin"},
      {"/a\\b", F::backslash, "/a/b"},
      {"/\\", F::backslash, "/"},
      {"/a\\..\\admin", F::backslash, "/admin"},
      {"/a%5Cb", F::backslash, "/a/b"},
      {"/a%5cb", F::backslash, "/a/b"},
      {"/public/..%5Cadmin", F::backslash, "/admin"},
      // Path parameters.
      {"/a;b", F::path_parameter, "/a"},
      {"/a;b/c", F::path_parameter, "/a/c"},
      {"/;", F::path_parameter, "/"},
      {"/a/;", F::path_parameter, "/a/"},
      {"/;/a", F::path_parameter, "/a"},
      {"/public/..;/admin", F::path_parameter, "/admin"},
      {"/public/..;x=1/admin", F::path_parameter, "/admin"},
      {"/public/.;/admin", F::path_parameter, "/public/admin"},
      {"/admin;jsessionid=1", F::path_parameter, "/admin"},
      {"/admin%3Bx", F::path_parameter, "/admin"},
      {"/admin%3bx/y", F::path_parameter, "/admin/y"},
      {"/a;%2e%2e/b", F::path_parameter, "/a/b"},
      {"/a;x%2Fy", F::path_parameter, "/a/y"},
      // No normal form at all.
      {"/%", F::broken_encoding, ""},
      {"/%2", F::broken_encoding, ""},
      {"/%zz", F::broken_encoding, ""},
      {"/%u002e", F::broken_encoding, ""},
      {"/%%32%65", F::broken_encoding, ""},
      {"/a%2", F::broken_encoding, ""},
      {"/a;%/b", F::path_parameter, ""},
      {"//%", F::empty_segment, ""},
      {"/%00", F::control_character, ""},
      {"/admin%00.png", F::control_character, ""},
      {"/a\0b"sv, F::control_character, ""},
      {"/%0a", F::control_character, ""},
      {"/%0D%0A", F::control_character, ""},
      {"/%09", F::control_character, ""},
      {"/%1f", F::control_character, ""},
      {"/%7F", F::control_character, ""},
      {"/a\tb", F::control_character, ""},
      {"/%c0%ae%c0%ae/", F::overlong_utf8, ""},
      {"/%C0%AF", F::overlong_utf8, ""},
      {"/%c1%9c", F::overlong_utf8, ""},
      {"/%c1%1c", F::overlong_utf8, ""},
      {"/%c0%2f", F::overlong_utf8, ""},
      {"/%c0.", F::overlong_utf8, ""},
      {"/%e0%80%af", F::overlong_utf8, ""},
      {"/%e0%9f%bf", F::overlong_utf8, ""},
      {"/%f0%80%80%af", F::overlong_utf8, ""},
      {"/%f8%80%80%80%ae", F::overlong_utf8, ""},
      {"/%fc%80%80%80%80%ae", F::overlong_utf8, ""},
      {"/\xc0\xaf", F::overlong_utf8, ""},
      {"/%c0\xaf", F::overlong_utf8, ""},
      {"/\xe0\x80\xaf", F::overlong_utf8, ""},
      // Their neighbours are ordinary.
      {"/%c2%80", F::none, "/%c2%80"},
      {"/%df%bf", F::none, "/%df%bf"},
      {"/%e0%a0%80", F::none, "/%e0%a0%80"},
      {"/%f0%90%80%80", F::none, "/%f0%90%80%80"},
      {"/%e0", F::none, "/%e0"},
      {"/%f8/%88", F::none, "/%f8/%88"},
      {"/%80", F::none, "/%80"},
      {"/%ff", F::none, "/%ff"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(name_of(flaw_of(row.path)), name_of(row.flaw)) << row.path;
    const auto normal = normalize(row.path);
    EXPECT_EQ(normal.has_value(), !row.normal.empty()) << row.path;
    if (normal) {
      EXPECT_EQ(*normal, row.normal) << row.path;
    } else {
      EXPECT_GE(normal.error(), F::broken_encoding) << row.path;
    }
  }
}

TEST(PathHygieneTest, double_encodings_are_noted_and_nothing_else) {
  for (const std::string_view path : {"/%252e", "/a%252F", "/%25%2541", "/%2525", "/%25aF"}) {
    EXPECT_TRUE(is_double_encoded(path)) << path;
  }
  for (const std::string_view path :
       {"/", "/%25", "/%25a", "/%25zz", "/%20", "/%2", "/%25%25", "/25"}) {
    EXPECT_FALSE(is_double_encoded(path)) << path;
  }
}

TEST(PathHygieneTest, every_flaw_has_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(F::overlong_utf8); ++i)
    names.insert(name_of(static_cast<F>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(F::overlong_utf8) + 1);
}

/// Nearly normal paths reach deeper than random bytes.
std::string random_path(std::mt19937& random) {
  constexpr std::string_view kPieces[] = {
      "/",   "/",   "/",    "a",    "B",   ".",   "..", ";",   "\\",     "%2e",
      "%2F", "%5c", "%3b",  "%61",  "%25", "%",   "2",  "e",   "%c3%a9", "%c0",
      "%e0", "%80", "\xe0", "\x80", "%00", "%7f", "~",  "%20", "?",      "%af"};
  std::string path = "/";
  for (auto i = random() % 12; i > 0; --i) path += kPieces[random() % std::size(kPieces)];
  return path;
}

TEST(PathHygieneTest, the_normal_form_is_a_fixed_point_that_bold_readers_read_alike) {
  unsigned normal_count = 0;
  unsigned cured_count = 0;
  for (unsigned seed = 1; seed <= 30'000; ++seed) {
    std::mt19937 random(seed);
    const std::string path = random_path(random);
    const auto normal = normalize(path);
    const bool was_normal = is_normal(path);
    if (!normal) {
      EXPECT_FALSE(was_normal) << "seed " << seed << ": " << path;
      continue;
    }
    EXPECT_EQ(was_normal, *normal == path) << "seed " << seed << ": " << path << " " << *normal;
    EXPECT_TRUE(is_normal(*normal)) << "seed " << seed << ": " << path << " " << *normal;
    const auto again = normalize(*normal);
    ASSERT_TRUE(again.has_value()) << "seed " << seed << ": " << *normal;
    EXPECT_EQ(*again, *normal) << "seed " << seed << ": " << path;
    EXPECT_EQ(boldest_reading(*normal), modest_reading(*normal)) << "seed " << seed << ": " << path;
    EXPECT_EQ(boldest_reading(*normal), boldest_reading(path)) << "seed " << seed << ": " << path;
    ++(was_normal ? normal_count : cured_count);
  }
  EXPECT_GT(normal_count, 1000u);
  EXPECT_GT(cured_count, 3000u);
}

TEST(SettlePathTest, a_normal_path_is_left_alone) {
  for (const auto mode : {PathHygiene::reject, PathHygiene::normalize}) {
    TestRequest request("/a/b?x=/../y");
    ASSERT_TRUE(settle_path(request.head, mode).has_value());
    EXPECT_EQ(request.head.path, "/a/b");
    EXPECT_TRUE(request.head.rewritten_target.empty());
  }
}

TEST(SettlePathTest, reject_refuses_and_says_why) {
  TestRequest request("/public/../admin");
  const auto settled = settle_path(request.head, PathHygiene::reject);
  ASSERT_FALSE(settled.has_value());
  EXPECT_EQ(settled.error().code, ErrorCode::path_ambiguous);
  EXPECT_EQ(settled.error().side, Side::downstream);
  EXPECT_EQ(settled.error().retry, Retry::never);
  EXPECT_EQ(static_cast<PathFlaw>(settled.error().detail), PathFlaw::dot_segment);
  EXPECT_EQ(request.head.path, "/public/../admin");
  EXPECT_TRUE(request.head.rewritten_target.empty());
}

TEST(SettlePathTest, normalize_matches_and_forwards_the_normal_form) {
  const std::tuple<std::string_view, std::string_view, std::string_view> rows[] = {
      {"/public/../admin", "/admin", "/admin"},
      {"/public/..;/admin?next=/../x;y", "/admin", "/admin?next=/../x;y"},
      {"//a?", "/a", "/a?"},
      {"/%61?%61=%2e", "/a", "/a?%61=%2e"},
      {"http://api.example//a?b", "/a", "http://api.example/a?b"},
      {"http://api.example:80/..", "/", "http://api.example:80/"},
  };
  for (const auto& [target, path, rewritten] : rows) {
    TestRequest request(target);
    ASSERT_TRUE(settle_path(request.head, PathHygiene::normalize).has_value()) << target;
    EXPECT_EQ(request.head.path, path) << target;
    EXPECT_EQ(request.head.rewritten_target, rewritten) << target;
    EXPECT_EQ(request.head.target, target);
  }
}

TEST(SettlePathTest, what_has_no_normal_form_is_refused_in_both_modes) {
  for (const auto mode : {PathHygiene::reject, PathHygiene::normalize}) {
    TestRequest request("/a%00");
    const auto settled = settle_path(request.head, mode);
    ASSERT_FALSE(settled.has_value());
    EXPECT_EQ(static_cast<PathFlaw>(settled.error().detail), PathFlaw::control_character);
    EXPECT_TRUE(request.head.rewritten_target.empty());
  }
  // Under normalize the reason is the one that cannot be cured, not the first.
  TestRequest request("//a%00");
  const auto settled = settle_path(request.head, PathHygiene::normalize);
  ASSERT_FALSE(settled.has_value());
  EXPECT_EQ(static_cast<PathFlaw>(settled.error().detail), PathFlaw::control_character);
}

TEST(SettlePathTest, targets_without_a_path_pass) {
  TestRequest options("*", "OPTIONS");
  EXPECT_TRUE(settle_path(options.head, PathHygiene::reject).has_value());
  TestRequest connect("a..b:443", "CONNECT");
  EXPECT_TRUE(settle_path(connect.head, PathHygiene::reject).has_value());
  TestRequest absolute("http://api.example?x");
  EXPECT_TRUE(settle_path(absolute.head, PathHygiene::normalize).has_value());
  EXPECT_TRUE(absolute.head.rewritten_target.empty());
}

TEST(SettlePathTest, the_query_takes_no_part) {
  TestRequest request("/a?x=%00&y=../..;//%zz\\");
  EXPECT_TRUE(settle_path(request.head, PathHygiene::reject).has_value());
}

}  // namespace
}  // namespace epaulet
