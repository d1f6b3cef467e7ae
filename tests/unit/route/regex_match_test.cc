#include "route/regex_match.h"

#include <gtest/gtest.h>

#include "route/request_match.h"
#include "tests/support/test_request.h"

namespace epaulet {
namespace {

RegexSettings all_three() {
  RegexSettings settings;
  settings.path = "/items/[0-9]+";
  settings.headers = {{"x-tenant", "blue|green"}};
  settings.query = {{"page", "[1-9][0-9]*"}, {"a b", "é+"}};
  return settings;
}

bool matches(const RegexSettings& settings, std::string_view target,
             const TestRequest::Fields& fields = {}) {
  return RegexMatch(settings).matches(TestRequest(target, "GET", "api", fields).head);
}

TEST(RegexMatchTest, all_of_them_have_to_fit) {
  const TestRequest::Fields blue{{"X-Tenant", "blue"}};
  EXPECT_TRUE(matches(all_three(), "/items/7?page=3&a+b=%C3%A9", blue));
  EXPECT_FALSE(matches(all_three(), "/items/?page=3&a+b=%C3%A9", blue));
  EXPECT_FALSE(matches(all_three(), "/items/7/?page=3&a+b=%C3%A9", blue));
  EXPECT_FALSE(matches(all_three(), "/items/7?page=3&a+b=%C3%A9"));
  EXPECT_FALSE(matches(all_three(), "/items/7?page=3&a+b=%C3%A9", {{"x-tenant", "blues"}}));
  EXPECT_FALSE(matches(all_three(), "/items/7?page=0&a+b=%C3%A9", blue));
  EXPECT_FALSE(matches(all_three(), "/items/7?page=3", blue));
}

TEST(RegexMatchTest, one_of_several_fields_and_the_first_parameter_count) {
  RegexSettings settings;
  settings.headers = {{"x-a", "[0-9]+"}};
  EXPECT_TRUE(matches(settings, "/", {{"X-A", "a"}, {"x-a", "1"}}));
  settings = {};
  settings.query = {{"v", "[0-9]*"}};
  EXPECT_FALSE(matches(settings, "/?v=a&v=1"));
  EXPECT_TRUE(matches(settings, "/?v=1&v=a"));
  EXPECT_TRUE(matches(settings, "/?v"));
  EXPECT_TRUE(matches(settings, "/?%76=%31"));
  EXPECT_FALSE(matches(settings, "/?w=1"));
}

TEST(RegexMatchTest, a_removed_field_is_not_there) {
  RegexSettings settings;
  settings.headers = {{"x-a", "1"}};
  TestRequest request("/", "GET", "api", {{"x-a", "1"}});
  EXPECT_TRUE(RegexMatch(settings).matches(request.head));
  request.head.fields.front().removed = true;
  EXPECT_FALSE(RegexMatch(settings).matches(request.head));
}

TEST(RegexMatchTest, paths_are_looked_at_as_they_were_sent) {
  RegexSettings settings;
  settings.path = "/a%2[Ff]b";
  EXPECT_TRUE(matches(settings, "/a%2fb?x=/c"));
  EXPECT_FALSE(matches(settings, "/a/b"));
}

TEST(RegexMatchTest, what_is_longer_than_the_limit_decoded_fits_nothing) {
  RegexSettings settings;
  settings.query = {{"v", "a*"}};
  std::string most;
  for (std::size_t i = 0; i < Regex::kTextBytesMax; ++i) most += "%61";
  EXPECT_TRUE(matches(settings, "/?v=" + most));
  EXPECT_FALSE(matches(settings, "/?v=a" + most));
}

TEST(RegexMatchTest, a_route_with_one_is_not_unconditional) {
  RouteSettings route;
  route.hosts = {"a.example"};
  route.shaping = std::make_shared<ShapingSettings>();
  EXPECT_TRUE(RequestMatch(route).is_by_host());
  route.shaping->regex.emplace().path = "/a|/b";
  const RequestMatch match(route);
  EXPECT_FALSE(match.is_unconditional());
  EXPECT_FALSE(match.is_by_host());
  EXPECT_TRUE(match.matches(TestRequest("/b", "GET", "a.example").head));
  EXPECT_FALSE(match.matches(TestRequest("/c", "GET", "a.example").head));
  EXPECT_FALSE(match.matches(TestRequest("/b", "GET", "b.example").head));
}

}  // namespace
}  // namespace epaulet
