#include "route/cors.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace epaulet {
namespace {

using Fields = TestRequest::Fields;

CorsSettings allowing(std::vector<std::string> origins, bool credentials = false) {
  CorsSettings settings;
  settings.allow_origins = std::move(origins);
  settings.allow_credentials = credentials;
  return settings;
}

Fields from(const std::string& origin) {
  return {{"Origin", origin}};
}

bool lets(const CorsSettings& settings, const Fields& fields) {
  return Cors(settings).lets(TestRequest("/", "GET", "api", fields).head);
}

std::string preflight(const CorsSettings& settings, Fields fields) {
  http::AddedFields lines;
  Cors(settings).add_preflight_lines(TestRequest("/", "OPTIONS", "api", fields).head, lines);
  return std::string(lines.lines());
}

/// What is added to a response with these fields, and names of those that are left.
std::pair<std::string, std::vector<std::string>> answered(
    const CorsSettings& settings, const Fields& request,
    const std::vector<std::pair<std::string, std::string>>& fields = {}) {
  http::ResponseHead response;
  for (const auto& [name, value] : fields) {
    http::Field field;
    field.name = name;
    field.value = value;
    response.fields.push_back(field);
  }
  Cors(settings).apply(TestRequest("/", "GET", "api", request).head, response);
  std::vector<std::string> left;
  for (const auto& field : response.fields) {
    if (!field.removed) left.emplace_back(field.name);
  }
  return {std::string(response.added.lines()), left};
}

TEST(CorsTest, an_origin_is_its_scheme_host_and_port) {
  const auto one = allowing({"https://shop.example", "http://dev.example:8080"});
  EXPECT_TRUE(lets(one, from("https://shop.example")));
  EXPECT_TRUE(lets(one, from("http://dev.example:8080")));
  for (const auto* other :
       {"http://shop.example", "https://shop.example:8443", "https://shop.example.evil.example",
        "https://evil-shop.example", "https://a.shop.example", "http://dev.example", "null", "",
        "https://shop.example/"})
    EXPECT_FALSE(lets(one, from(other))) << other;
  EXPECT_FALSE(lets(one, {})) << "nobody asks";
  EXPECT_TRUE(lets(allowing({"https://a.example:443"}), from("https://a.example")));
  EXPECT_TRUE(lets(allowing({"http://a.example:80"}), from("http://a.example")));
  EXPECT_FALSE(lets(allowing({"http://a.example:443"}), from("http://a.example")));
}

TEST(CorsTest, a_star_stands_for_names_below_and_never_for_a_port) {
  const auto below = allowing({"https://*.shop.example"});
  EXPECT_TRUE(lets(below, from("https://a.shop.example")));
  EXPECT_TRUE(lets(below, from("https://a.b.shop.example")));
  for (const auto* other :
       {"https://shop.example", "https://.shop.example", "https://evilshop.example",
        "http://a.shop.example", "https://a.shop.example:8443",
        "https://evil.example/.shop.example", "https://evil.example:1.shop.example",
        "https://evil.example#.shop.example", "https://a@b.shop.example"})
    EXPECT_FALSE(lets(below, from(other))) << other;
  EXPECT_TRUE(lets(allowing({"https://*"}), from("https://any.example")));
  EXPECT_FALSE(lets(allowing({"https://*"}), from("http://any.example")));
  EXPECT_FALSE(lets(allowing({"https://*"}), from("https://any.example:8443")));
  EXPECT_TRUE(lets(allowing({"https://*:8443"}), from("https://any.example:8443")));
  EXPECT_TRUE(lets(allowing({"*"}), from("null")));
}

TEST(CorsTest, cookies_need_allow_credentials_and_a_token_does_not) {
  Fields fields = from("https://a.example");
  fields.emplace_back("Cookie", "a=b");
  EXPECT_FALSE(lets(allowing({"*"}), fields));
  EXPECT_TRUE(lets(allowing({"*"}, true), fields));
  fields.back() = {"Authorization", "Bearer x"};
  EXPECT_TRUE(lets(allowing({"*"}), fields));
}

TEST(CorsTest, answers_say_the_policy_instead_of_what_the_app_says) {
  auto settings = allowing({"https://a.example"}, true);
  settings.expose_headers = {"X-Total", "x-page"};
  const std::vector<std::pair<std::string, std::string>> app{{"access-control-allow-origin", "*"},
                                                             {"Access-Control-Max-Age", "9"},
                                                             {"Vary", "Accept"},
                                                             {"X-Total", "3"}};
  const std::vector<std::string> left{"Vary", "X-Total"};
  const auto told = answered(settings, from("https://a.example"), app);
  EXPECT_EQ(told.first,
            "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n"
            "Access-Control-Allow-Credentials: true\r\n"
            "Access-Control-Expose-Headers: X-Total, x-page\r\n");
  EXPECT_EQ(told.second, left);
  for (const auto& other : {from("https://b.example"), Fields()})
    EXPECT_EQ(answered(settings, other, app),
              std::make_pair(std::string("Vary: Origin\r\n"), left));
}

TEST(CorsTest, what_is_public_says_so_whoever_asks) {
  const auto settings = allowing({"*"});
  const std::string line = "Access-Control-Allow-Origin: *\r\n";
  EXPECT_EQ(answered(settings, from("https://a.example")).first, line);
  EXPECT_EQ(answered(settings, {}).first, line) << "a cache may give it to a page later";
  EXPECT_EQ(answered(allowing({"*"}, true), from("https://a.example")).first,
            "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n"
            "Access-Control-Allow-Credentials: true\r\n");
}

TEST(CorsTest, with_credentials_all_headers_are_exposed_by_name) {
  auto settings = allowing({"*"});
  settings.expose_headers = {"*"};
  EXPECT_EQ(answered(settings, from("https://a.example"), {{"x-a", "1"}}).first,
            "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n");
  settings.allow_credentials = true;
  const auto told =
      answered(settings, from("https://a.example"),
               {{"x-a", "1"}, {"X-A", "2"}, {"Etag", "e"}, {"access-control-max-age", "1"}});
  EXPECT_TRUE(told.first.ends_with("Access-Control-Expose-Headers: x-a, Etag\r\n")) << told.first;
}

TEST(CorsTest, a_preflight_is_what_browsers_make_it) {
  const auto method = [](std::string_view is, const Fields& fields) {
    const TestRequest request("/", is, "api", fields);
    return std::string(preflight_method(request.head));
  };
  const std::string asks = "Access-Control-Request-Method";
  EXPECT_EQ(method("OPTIONS", {{"origin", "https://a"}, {asks, "PUT"}}), "PUT");
  EXPECT_EQ(method("GET", {{"origin", "https://a"}, {asks, "PUT"}}), "");
  EXPECT_EQ(method("OPTIONS", {{asks, "PUT"}}), "");
  EXPECT_EQ(method("OPTIONS", {{"origin", "https://a"}}), "");
}

TEST(CorsTest, a_preflight_is_told_methods_headers_and_how_long) {
  auto settings = allowing({"https://a.example"});
  settings.allow_methods = {"PUT", "DELETE"};
  settings.allow_headers = {"authorization", "X-Tenant"};
  settings.max_age = std::chrono::minutes(10);
  Fields fields = from("https://a.example");
  fields.emplace_back("Access-Control-Request-Method", "PATCH");
  fields.emplace_back("Access-Control-Request-Headers", "x-other");
  EXPECT_EQ(preflight(settings, fields),
            "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n"
            "Access-Control-Allow-Methods: PUT, DELETE\r\n"
            "Access-Control-Allow-Headers: authorization, X-Tenant\r\n"
            "Access-Control-Max-Age: 600\r\n");
  EXPECT_EQ(preflight(allowing({"*"}), fields),
            "Access-Control-Allow-Origin: *\r\nAccess-Control-Max-Age: 5\r\n");
}

TEST(CorsTest, a_star_is_answered_with_what_was_asked_for) {
  auto settings = allowing({"*"}, true);
  settings.allow_methods = settings.allow_headers = {"*"};
  Fields fields = from("https://a.example");
  fields.emplace_back("Access-Control-Request-Method", "PATCH");
  EXPECT_EQ(preflight(settings, fields),
            "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n"
            "Access-Control-Allow-Credentials: true\r\n"
            "Access-Control-Allow-Methods: PATCH\r\nAccess-Control-Max-Age: 5\r\n");
  fields.emplace_back("Access-Control-Request-Headers", "x-a,x-b, authorization");
  EXPECT_NE(
      preflight(settings, fields).find("Access-Control-Allow-Headers: x-a,x-b, authorization\r\n"),
      std::string::npos);
  for (const auto& odd : {std::string("x-a;b"), std::string("\"x\""), std::string(2049, 'x')}) {
    fields.back().second = odd;
    EXPECT_EQ(preflight(settings, fields).find("Allow-Headers"), std::string::npos) << odd;
  }
}

/// What the backend does not get counts here all the same.
TEST(CorsTest, a_field_that_the_route_takes_out_was_sent) {
  TestRequest request("/", "GET", "api", from("https://a.example"));
  request.head.fields.front().removed = true;
  EXPECT_TRUE(Cors(allowing({"https://a.example"})).lets(request.head));
}

TEST(CorsTest, kept_lines_lose_what_an_app_said) {
  EXPECT_EQ(Cors::without_app_words("Age: 1\r\nAccess-Control-Allow-Origin: *\r\nvary: a\r\n"),
            "Age: 1\r\nvary: a\r\n");
}

}  // namespace
}  // namespace epaulet
