#include "route/url_rewrite.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace epaulet {
namespace {

using Paths = std::vector<std::string>;

std::string rewritten(const UrlRewriteSettings& settings, const Paths& paths,
                      std::string_view target, std::string_view method = "GET") {
  TestRequest request(target, method);
  UrlRewrite(settings, paths).apply(request.head);
  return std::string(std::string_view(request.head.rewritten_target));
}

std::string with_prefix(std::string to, std::string_view target, const Paths& paths) {
  UrlRewriteSettings settings;
  settings.replace_prefix_match = std::move(to);
  return rewritten(settings, paths, target);
}

TEST(UrlRewriteTest, a_prefix_is_replaced_and_no_slash_lost_or_doubled) {
  const Paths paths{"/v1/**"};
  EXPECT_EQ(with_prefix("/v2", "/v1/a/b", paths), "/v2/a/b");
  EXPECT_EQ(with_prefix("/v2", "/v1/", paths), "/v2/");
  EXPECT_EQ(with_prefix("/v2", "/v1", paths), "/v2");
  EXPECT_EQ(with_prefix("/v2/", "/v1/a", paths), "/v2/a");
  EXPECT_EQ(with_prefix("/v2/", "/v1", paths), "/v2/");
  EXPECT_EQ(with_prefix("/", "/v1/a", paths), "/a");
  EXPECT_EQ(with_prefix("/", "/v1/", paths), "/");
  EXPECT_EQ(with_prefix("/", "/v1", paths), "/");
  EXPECT_EQ(with_prefix("/x", "/a/b", {"/**"}), "/x/a/b");
  EXPECT_EQ(with_prefix("/x", "/", {"/**"}), "/x/");
}

TEST(UrlRewriteTest, the_prefix_is_that_of_the_path_that_matched) {
  const Paths paths{"/users/*/old/**", "/caf%C3%A9/**"};
  EXPECT_EQ(with_prefix("/n", "/users/7/old/a%2Fb", paths), "/n/a%2Fb");
  EXPECT_EQ(with_prefix("/n", "/caf%c3%a9/x//y", paths), "/n/x//y");
}

TEST(UrlRewriteTest, the_query_stays_byte_for_byte) {
  UrlRewriteSettings settings;
  settings.replace_full_path = "/all";
  EXPECT_EQ(rewritten(settings, {}, "/a/b?c=%20+d&&?"), "/all?c=%20+d&&?");
  EXPECT_EQ(rewritten(settings, {}, "/a?"), "/all?");
  EXPECT_EQ(rewritten(settings, {}, "/a"), "/all");
  EXPECT_EQ(rewritten(settings, {}, "http://h?x"), "/all?x");
  EXPECT_EQ(rewritten(settings, {}, "http://h/a?x"), "/all?x");
  EXPECT_EQ(rewritten(settings, {}, "*", "OPTIONS"), "") << "goes out as it came";
  EXPECT_EQ(with_prefix("/v2", "/v1/a?/v1/b", {"/v1/**"}), "/v2/a?/v1/b");
}

TEST(UrlRewriteTest, the_host_alone_leaves_the_target) {
  UrlRewriteSettings settings;
  settings.hostname = "legacy.internal";
  TestRequest request("/a", "GET", "shop:81", {{"Host", "shop:81"}});
  const UrlRewrite rewrite(settings, {});  // The head points into it.
  rewrite.apply(request.head);
  EXPECT_EQ(request.head.authority, "legacy.internal");
  EXPECT_EQ(request.head.find(http::FieldId::host), nullptr);
  EXPECT_EQ(request.head.rewritten_target, "");
}

std::string location(const RedirectSettings& settings, std::string_view target,
                     std::string_view authority, std::uint16_t port = 80, const Paths& paths = {}) {
  return Redirect(settings, paths).location(TestRequest(target, "GET", authority).head, port);
}

TEST(RedirectTest, what_is_not_said_stays) {
  RedirectSettings settings;
  settings.replace_full_path = "/in";
  EXPECT_EQ(location(settings, "/a?b=c", "shop"), "http://shop/in?b=c");
  EXPECT_EQ(location(settings, "/a", "shop:8080", 8080), "http://shop:8080/in");
  EXPECT_EQ(location(settings, "/a", "shop:9", 80), "http://shop/in") << "what was dialled counts";
  EXPECT_EQ(location(settings, "/", "[fd00::1]:81", 81), "http://[fd00::1]:81/in");
}

TEST(RedirectTest, a_scheme_brings_its_port) {
  RedirectSettings settings;
  settings.scheme = "https";
  EXPECT_EQ(location(settings, "/a?b", "shop:8080", 8080), "https://shop/a?b");
  settings.port = 8443;
  EXPECT_EQ(location(settings, "/a", "shop"), "https://shop:8443/a");
  settings.port = 443;
  settings.hostname = "www.example";
  EXPECT_EQ(location(settings, "/a", "shop"), "https://www.example/a");
  settings.scheme = "http";
  EXPECT_EQ(location(settings, "/a", "shop"), "http://www.example:443/a");
}

TEST(RedirectTest, a_prefix_moves) {
  RedirectSettings settings;
  settings.replace_prefix_match = "/new";
  EXPECT_EQ(location(settings, "/old/a?q", "shop", 80, {"/old/**"}), "http://shop/new/a?q");
}

}  // namespace
}  // namespace epaulet
