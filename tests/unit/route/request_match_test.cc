#include "route/request_match.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace epaulet {
namespace {

using Texts = std::vector<std::string>;
using Headers = std::vector<HeaderMatchSettings>;

TEST(RequestMatchTest, without_conditions_everything_matches) {
  const RequestMatch match;
  EXPECT_TRUE(match.is_unconditional());
  EXPECT_FALSE(match.has_paths());
  EXPECT_TRUE(match.matches(TestRequest("/").head));
  EXPECT_TRUE(match.matches(TestRequest("*", "OPTIONS", "").head));
  EXPECT_TRUE(match.matches(TestRequest("a:443", "CONNECT", "a:443").head));
}

TEST(RequestMatchTest, each_kind_of_condition_counts) {
  EXPECT_FALSE(RequestMatch(Texts{"/a"}, {}, {}, {}).is_unconditional());
  EXPECT_TRUE(RequestMatch(Texts{"/**"}, {}, {}, {}).has_paths());
  EXPECT_FALSE(RequestMatch(Texts{}, {"GET"}, {}, {}).is_unconditional());
  EXPECT_FALSE(RequestMatch(Texts{}, {}, {"a"}, {}).is_unconditional());
  EXPECT_FALSE(RequestMatch(Texts{}, {}, {}, {{.name = "a", .exact = {}}}).is_unconditional());
}

TEST(RequestMatchTest, one_of_each_kind_and_all_of_the_headers) {
  const RequestMatch match(Texts{"/a/**", "/b"}, {"GET", "POST"}, {"api.example", "*.test"},
                           {{.name = "x-version", .exact = "2"}, {.name = "x-seen", .exact = {}}});
  const TestRequest::Fields fields{{"X-Version", "2"}, {"x-seen", ""}};
  const auto matches = [&](std::string_view target, std::string_view method,
                           std::string_view authority, const TestRequest::Fields& with) {
    return match.matches(TestRequest(target, method, authority, with).head);
  };
  EXPECT_TRUE(matches("/a/x?q=1", "GET", "api.example", fields));
  EXPECT_TRUE(matches("/b", "POST", "x.test:8080", fields));
  EXPECT_TRUE(matches("http://other/b", "POST", "x.test", fields));
  EXPECT_FALSE(matches("/c", "GET", "api.example", fields));
  EXPECT_FALSE(matches("/c?/b", "GET", "api.example", fields));
  EXPECT_FALSE(matches("/b", "PUT", "api.example", fields));
  EXPECT_FALSE(matches("/b", "GET", "web.example", fields));
  EXPECT_FALSE(matches("/b", "GET", "api.example", {{"X-Version", "2"}}));
  EXPECT_FALSE(matches("/b", "GET", "api.example", {{"x-seen", ""}}));
  EXPECT_FALSE(matches("/b", "GET", "api.example", {{"X-Version", "3"}, {"x-seen", ""}}));
}

TEST(RequestMatchTest, an_empty_value_is_that_of_a_field_which_is_there_and_empty) {
  const RequestMatch match(Texts{}, {}, {}, {{.name = "x-a", .exact = ""}});
  EXPECT_TRUE(match.matches(TestRequest("/", "GET", "a", {{"X-A", ""}}).head));
  EXPECT_FALSE(match.matches(TestRequest("/", "GET", "a", {{"X-A", "b"}}).head));
  EXPECT_FALSE(match.matches(TestRequest("/", "GET", "a", {}).head));
}

TEST(RequestMatchTest, methods_have_their_case_but_for_lenient_apps) {
  const RequestMatch match(Texts{}, {"GET"}, {}, {});
  EXPECT_TRUE(match.matches(TestRequest("/", "GET").head));
  for (const std::string_view method : {"GETX", "GE", "", "POST", "head", "get", "Get"}) {
    const bool is_get = method == "get" || method == "Get" || method == "head";
    EXPECT_FALSE(match.matches(TestRequest("/", method).head)) << method;
    EXPECT_EQ(match.matches(TestRequest("/", method).head, Reading::lenient), is_get) << method;
  }
}

TEST(RequestMatchTest, a_name_that_cgi_makes_the_same_is_the_same_for_lenient_apps) {
  const RequestMatch match(Texts{}, {}, {}, Headers{{.name = "x-version", .exact = "2"}});
  const std::pair<std::string_view, bool> rows[] = {{"x_version", true},   {"X.Version", true},
                                                    {"X_VERSION", true},   {"xversion", false},
                                                    {"x-version-", false}, {"x_versions", false}};
  for (const auto& [name, same] : rows) {
    TestRequest request;
    request.add(name, "2");
    EXPECT_FALSE(match.matches(request.head)) << name;
    EXPECT_EQ(match.matches(request.head, Reading::lenient), same) << name;
  }
}

TEST(RequestMatchTest, head_runs_what_get_runs_only_for_lenient_apps) {
  const RequestMatch get(Texts{}, {"GET"}, {}, {});
  EXPECT_FALSE(get.matches(TestRequest("/", "HEAD").head));
  EXPECT_TRUE(get.matches(TestRequest("/", "HEAD").head, Reading::lenient));
  const RequestMatch head(Texts{}, {"HEAD"}, {}, {});
  EXPECT_FALSE(head.matches(TestRequest("/", "GET").head, Reading::lenient));
  EXPECT_TRUE(head.matches(TestRequest("/", "HEAD").head));
}

TEST(RequestMatchTest, a_header_value_is_compared_whole_and_with_its_case) {
  const RequestMatch match(Texts{}, {}, {}, Headers{{.name = "x-version", .exact = "Two"}});
  const std::pair<std::string_view, bool> rows[] = {{"Two", true},         {"two", false},
                                                    {"Two, Three", false}, {"Twofold", false},
                                                    {"", false},           {"Two ", false}};
  for (const auto& [value, expected] : rows) {
    TestRequest request;
    request.add("X-VERSION", value);
    EXPECT_EQ(match.matches(request.head), expected) << value;
  }
}

TEST(RequestMatchTest, any_of_several_fields_of_a_name_will_do) {
  const RequestMatch match(Texts{}, {}, {}, Headers{{.name = "x-version", .exact = "2"}});
  EXPECT_TRUE(
      match.matches(TestRequest("/", "GET", "a", {{"x-version", "1"}, {"X-Version", "2"}}).head));
  EXPECT_FALSE(
      match.matches(TestRequest("/", "GET", "a", {{"x-version", "1"}, {"X-Version", "3"}}).head));
  EXPECT_FALSE(match.matches(TestRequest("/", "GET", "a", {{"x_version", "2"}}).head));
}

TEST(RequestMatchTest, removed_fields_do_not_count) {
  const RequestMatch match(Texts{}, {}, {}, Headers{{.name = "x-version", .exact = {}}});
  TestRequest request("/", "GET", "a", {{"x-version", "1"}});
  EXPECT_TRUE(match.matches(request.head));
  request.head.fields[0].removed = true;
  EXPECT_FALSE(match.matches(request.head));
}

}  // namespace
}  // namespace epaulet
