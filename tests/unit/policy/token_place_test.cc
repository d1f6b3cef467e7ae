#include "policy/token_place.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace epaulet {
namespace {

TokenPlace in_header(const std::string& name) {
  TokenPlaceSettings settings;
  settings.header = name;
  return TokenPlace(settings);
}
TokenPlace in_cookie() {
  TokenPlaceSettings settings;
  settings.cookie = "session";
  return TokenPlace(settings);
}
TokenPlace in_query() {
  TokenPlaceSettings settings;
  settings.query = "access_token";
  return TokenPlace(settings);
}

TEST(TokenPlaceTest, a_header_of_its_own_holds_the_token_with_or_without_its_scheme) {
  for (const char* value : {"abc", "Bearer abc"}) {
    const TestRequest request("/", "GET", "api", {{"x-Token", value}});
    const auto found = in_header("X-Token").find(request.head);
    EXPECT_TRUE(found.is_there);
    EXPECT_EQ(found.token, "abc");
  }
  const TestRequest two("/", "GET", "api", {{"X-Token", "a"}, {"x-token", "b"}});
  EXPECT_EQ(in_header("X-Token").find(two.head).failure, TokenFailure::several);
  EXPECT_EQ(in_header("Authorization"), TokenPlace(TokenPlaceSettings()));
  EXPECT_FALSE(in_header("x-a") == in_header("x-b"));
  EXPECT_TRUE(in_header("X-A") == in_header("x-a"));
}

TEST(TokenPlaceTest, a_cookie_is_found_among_others_and_taken_away_alone) {
  TestRequest request("/", "GET", "api",
                      {{"Cookie", "a=1; session=abc; b=2"}, {"cookie", "xsession=no"}});
  EXPECT_EQ(in_cookie().find(request.head).token, "abc");
  in_cookie().strip(request.head);
  EXPECT_EQ(request.head.added.lines(), "Cookie: a=1; b=2\r\n");
  EXPECT_EQ(request.passed(), (std::vector<std::string>{"cookie"}));
  TestRequest alone("/", "GET", "api", {{"Cookie", "session=abc"}});
  in_cookie().strip(alone.head);
  EXPECT_EQ(alone.head.added.lines(), "");
  EXPECT_TRUE(alone.passed().empty());
}

TEST(TokenPlaceTest, two_cookies_of_the_name_are_several) {
  const TestRequest one("/", "GET", "api", {{"Cookie", "session=a; session=b"}});
  const TestRequest two("/", "GET", "api", {{"Cookie", "session=a"}, {"Cookie", "session=a"}});
  EXPECT_EQ(in_cookie().find(one.head).failure, TokenFailure::several);
  EXPECT_EQ(in_cookie().find(two.head).failure, TokenFailure::several);
  const TestRequest none("/", "GET", "api", {{"Cookie", "a; session2=b; =; ;"}});
  EXPECT_FALSE(in_cookie().find(none.head).is_there);
}

TEST(TokenPlaceTest, a_parameter_is_found_and_the_rest_stays_byte_for_byte) {
  const std::tuple<std::string, std::string, std::string> rows[] = {
      {"/a?access_token=x", "x", "/a"},
      {"/a?b=%20&access_token=x&c[]=1&&d", "x", "/a?b=%20&c[]=1&&d"},
      {"/a?b&access_token=x", "x", "/a?b"},
      {"http://api/a/b?access_token=x&c", "x", "http://api/a/b?c"},
      {"http://api?access_token=x&c", "", ""},
  };
  for (const auto& [target, token, rewritten] : rows) {
    TestRequest request(target);
    if (token.empty()) continue;  // The test's own parser gives it no query.
    const std::string path(request.head.path);
    EXPECT_EQ(in_query().find(request.head).token, token) << target;
    in_query().strip(request.head);
    EXPECT_EQ(request.head.rewritten_target, std::string_view(rewritten));
    EXPECT_EQ(request.head.path, path);
    EXPECT_FALSE(in_query().find(request.head).is_there) << "it is gone from the query as well";
  }
  const TestRequest two("/?access_token=a&access_token=a");
  EXPECT_EQ(in_query().find(two.head).failure, TokenFailure::several);
  TestRequest none("/a?access_tokens=a&b=access_token");
  in_query().strip(none.head);
  EXPECT_EQ(none.head.rewritten_target, "");
}

TEST(TokenPlaceTest, a_target_that_was_rewritten_before_stays_rewritten) {
  TestRequest request("/x/../a?access_token=t&b=1");
  request.head.rewritten_target = "/a?access_token=t&b=1";
  request.head.path = std::string_view(request.head.rewritten_target).substr(0, 2);
  in_query().strip(request.head);
  EXPECT_EQ(request.head.rewritten_target, "/a?b=1");
  EXPECT_EQ(request.head.path, "/a");
  EXPECT_EQ(request.head.query, "b=1");
}

}  // namespace
}  // namespace epaulet
