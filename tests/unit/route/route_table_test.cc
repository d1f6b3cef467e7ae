#include "route/route_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "config/shaping_settings.h"
#include "tests/support/test_request.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

RouteSettings route(std::string name, std::vector<std::string> paths = {},
                    std::vector<std::string> methods = {}) {
  RouteSettings out;
  out.name = std::move(name);
  out.paths = std::move(paths);
  out.methods = std::move(methods);
  return out;
}

/// A service `shop` with a backend of the same name and two others.
class RouteTableTest : public testing::Test {
 protected:
  RouteTableTest() {
    for (const char* name : {"shop", "shop-v2", "audit"}) settings_.backends[name].name = name;
    service_.name = "shop";
    service_.default_backend = "shop";
    service_.origin = {.source = "shop.yaml", .object = "services.shop", .line = 7, .column = 3};
  }

  RouteTable table() {
    settings_.services["shop"] = service_;
    return RouteTable(service_, settings_, RouteTable::index_backends(settings_));
  }
  std::string matched(std::string_view target, std::string_view method = "GET",
                      std::string_view authority = "shop", const TestRequest::Fields& fields = {}) {
    const RouteTable routes = table();
    const Route* found = routes.match(TestRequest(target, method, authority, fields).head);
    return found == nullptr ? "none" : found->name();
  }

  Settings settings_;
  ServiceSettings service_;
};

TEST_F(RouteTableTest, the_implicit_last_route_takes_what_no_other_does) {
  service_.routes = {route("read", {"/items/**"}, {"GET"}), route("write", {}, {"POST", "PUT"})};
  EXPECT_EQ(matched("/items/7"), "read");
  EXPECT_EQ(matched("/items/7", "POST"), "write");
  EXPECT_EQ(matched("/other"), "default");
  EXPECT_EQ(matched("/items/7", "HEAD"), "default") << "routes ask for the exact reading";
  EXPECT_EQ(matched("/Items/7"), "default");
}

TEST_F(RouteTableTest, a_preflight_is_for_the_route_with_cors_that_it_asks_for) {
  auto write = route("write", {"/items/**"}, {"PUT"});
  write.shaping = std::make_shared<ShapingSettings>();
  write.shaping->cors.emplace().allow_origins = {"*"};
  service_.routes = {route("plain", {"/items/**"}, {"DELETE"}), write};
  const auto asking = [&](const std::string& method, std::string_view path = "/items/1") {
    return matched(path, "OPTIONS", "shop",
                   {{"Origin", "https://a"}, {"Access-Control-Request-Method", method}});
  };
  EXPECT_EQ(asking("PUT"), "write");
  EXPECT_EQ(asking("DELETE"), "default") << "that route says nothing of other origins";
  EXPECT_EQ(asking("put"), "default");
  EXPECT_EQ(asking("PUT", "/other"), "default");
  EXPECT_EQ(matched("/items/1", "OPTIONS"), "default") << "no preflight";
  EXPECT_EQ(matched("/items/1", "PUT"), "write");
}

TEST_F(RouteTableTest, a_route_may_be_for_one_port_and_may_lead_nowhere) {
  auto admin = route("admin", {"/**"});
  admin.shaping = std::make_shared<ShapingSettings>();
  admin.shaping->ports = {81, 82};
  admin.shaping->refuse.emplace().status = 500;
  service_.routes = {admin};
  const RouteTable routes = table();
  const TestRequest request("/items/7", "GET", "shop", {});
  EXPECT_EQ(routes.match(request.head, 80)->name(), "default");
  EXPECT_EQ(routes.match(request.head)->name(), "default") << "an endpoint was dialled";
  const Route* refusing = routes.match(request.head, 82);
  ASSERT_NE(refusing, nullptr);
  EXPECT_EQ(refusing->refuse()->status, 500);
  EXPECT_TRUE(refusing->targets().empty());
  EXPECT_EQ(routes.opaque({}, 81)->name(), "default");
  service_.routes[0].paths.clear();
  EXPECT_EQ(table().opaque({}, 80)->name(), "default");
  EXPECT_EQ(table().opaque({}, 81), nullptr);
}

TEST_F(RouteTableTest, a_share_that_is_refused_leaves_the_others_to_the_backend) {
  auto some = route("some");
  some.shaping = std::make_shared<ShapingSettings>();
  some.shaping->refuse.emplace().share = 0.5;
  service_.routes = {some};
  const RouteTable routes = table();
  ASSERT_EQ(routes.routes()[0].targets().size(), 1u);
  EXPECT_EQ(routes.routes()[0].targets()[0].backend, "shop");
  EXPECT_EQ(routes.routes()[0].refuse()->share, 0.5);
}

TEST_F(RouteTableTest, shares_divide_what_routes_match_alike) {
  auto half = route("half", {"/items/**"});
  half.shaping = std::make_shared<ShapingSettings>();
  half.shaping->share = 0.5;
  auto third = half;
  third.name = "third";
  third.shaping = std::make_shared<ShapingSettings>();
  third.shaping->share = 1.0 / 3;
  service_.routes = {half, third, route("rest", {"/items/**"})};
  const RouteTable routes = table();
  EXPECT_TRUE(routes.has_shares());
  std::map<std::string, int> times;
  const TestRequest request("/items/7", "GET", "shop", {});
  for (int i = 0; i < 600; ++i) ++times[routes.match(request.head, 80, (i + 0.5) / 600)->name()];
  EXPECT_EQ(times["half"], 300);
  EXPECT_EQ(times["third"], 100);
  EXPECT_EQ(times["rest"], 200);
  const TestRequest other("/other", "GET", "shop", {});
  EXPECT_EQ(routes.match(other.head, 80, 0.1)->name(), "default");
}

TEST_F(RouteTableTest, a_query_chooses_like_any_other_condition) {
  auto second = route("second", {"/items/**"});
  second.shaping = std::make_shared<ShapingSettings>();
  second.shaping->query = {{.name = "api-version", .exact = {}, .pattern = "2.*"},
                           {.name = "beta", .exact = {}, .pattern = {}}};
  service_.routes = {second, route("first", {"/items/**"})};
  EXPECT_EQ(matched("/items/7?beta&api-version=2.1"), "second");
  EXPECT_EQ(matched("/items/7?api-version=2.1"), "first") << "all of them";
  EXPECT_EQ(matched("/items/7?beta&api-version=1"), "first");
  EXPECT_EQ(matched("/items/7"), "first");
  EXPECT_EQ(matched("http://shop/items/7?beta&api-version=2.1"), "second");
  EXPECT_EQ(matched("/other?beta&api-version=2.1"), "default");
}

TEST_F(RouteTableTest, a_redirect_needs_no_backend_and_is_nothing_for_opaque_bytes) {
  auto moved = route("moved", {"/old/**"});
  moved.shaping = std::make_shared<ShapingSettings>();
  moved.shaping->redirect.emplace().scheme = "https";
  auto all = moved;
  all.name = "all";
  all.paths.clear();
  service_.routes = {moved, all};
  EXPECT_EQ(matched("/old/a"), "moved");
  EXPECT_EQ(table().routes()[0].targets().size(), 0u);
  EXPECT_TRUE(table().routes()[0].redirects());
  EXPECT_FALSE(table().routes().back().redirects());
  EXPECT_EQ(table().opaque(), nullptr);
}

TEST_F(RouteTableTest, bytes_that_nobody_sees_have_no_query) {
  auto asks = route("asks");
  asks.shaping = std::make_shared<ShapingSettings>();
  asks.shaping->query = {{.name = "v", .exact = {}, .pattern = {}}};
  asks.hosts = {"shop"};
  auto only = asks;
  only.hosts.clear();
  service_.routes = {asks, only, route("plain")};
  EXPECT_EQ(table().opaque()->name(), "plain");
  EXPECT_EQ(table().opaque("shop")->name(), "plain");
  EXPECT_FALSE(table().looks_at_server_names());
  EXPECT_FALSE(table().routes()[1].match().is_unconditional());
}

TEST_F(RouteTableTest, the_first_route_that_matches_wins) {
  service_.routes = {route("narrow", {"/a/b"}), route("wide", {"/a/**"}), route("all"),
                     route("never", {"/c"})};
  EXPECT_EQ(matched("/a/b"), "narrow");
  EXPECT_EQ(matched("/a/c"), "wide");
  EXPECT_EQ(matched("/c"), "all");
}

TEST_F(RouteTableTest, hosts_and_headers_choose_a_route_within_the_service) {
  auto by_host = route("host");
  by_host.hosts = {"*.canary.example"};
  auto by_header = route("header");
  by_header.headers = {{.name = "x-version", .exact = "2"}};
  service_.routes = {by_host, by_header};
  EXPECT_EQ(matched("/", "GET", "eu.canary.example:80"), "host");
  EXPECT_EQ(matched("/", "GET", "shop", {{"X-Version", "2"}}), "header");
  EXPECT_EQ(matched("/", "GET", "shop", {{"X-Version", "1"}}), "default");
}

TEST_F(RouteTableTest, a_route_without_targets_uses_the_default_backend) {
  service_.routes = {route("read")};
  const RouteTable routes = table();
  ASSERT_EQ(routes.routes().size(), 2u);
  for (const Route& one : routes.routes()) {
    ASSERT_EQ(one.targets().size(), 1u);
    EXPECT_EQ(one.targets()[0].backend, "shop");
    EXPECT_EQ(one.targets()[0].backend_index, 1u) << "audit, shop, shop-v2";
  }
  EXPECT_EQ(routes.routes()[1].name(), "default");
  EXPECT_EQ(routes.routes()[1].origin().to_string(), "shop.yaml:7:3");
}

TEST_F(RouteTableTest, a_service_without_default_backend_refuses_what_no_route_takes) {
  service_.default_backend.clear();
  auto write = route("write", {}, {"POST"});
  write.to = {{.origin = {}, .backend = "audit", .weight = 1}};
  service_.routes = {write};
  EXPECT_EQ(matched("/", "POST"), "write");
  EXPECT_EQ(matched("/"), "none");
  EXPECT_EQ(table().opaque(), nullptr);
  service_.routes.clear();
  EXPECT_EQ(matched("/"), "none");
}

TEST_F(RouteTableTest, a_route_whose_weights_are_zero_takes_no_traffic) {
  auto closed = route("closed", {"/closed"});
  closed.to = {{.origin = {}, .backend = "audit", .weight = 0},
               {.origin = {}, .backend = "shop", .weight = 0}};
  service_.routes = {closed};
  EXPECT_EQ(matched("/closed"), "none") << "not the default: nothing falls through";
  EXPECT_EQ(matched("/open"), "default");
}

TEST_F(RouteTableTest, opaque_connections_take_the_first_route_without_conditions) {
  EXPECT_EQ(table().opaque()->name(), "default");
  service_.routes = {route("read", {"/**"}), route("all")};
  EXPECT_EQ(table().opaque()->name(), "all");
  service_.default_backend.clear();
  service_.routes = {route("read", {"/**"})};
  EXPECT_EQ(table().opaque(), nullptr);
}

TEST_F(RouteTableTest, the_name_in_tls_of_the_app_chooses_among_routes_by_host_alone) {
  const auto by_host = [&](std::string name, std::vector<std::string> hosts) {
    auto one = route(std::move(name));
    one.hosts = std::move(hosts);
    return one;
  };
  EXPECT_FALSE(table().looks_at_server_names());
  auto unseen = by_host("unseen", {"a.example"});
  unseen.methods = {"GET"};
  service_.routes = {unseen, by_host("a", {"a.example"}), by_host("below", {"*.example"})};
  const auto routes = table();
  EXPECT_TRUE(routes.looks_at_server_names());
  EXPECT_EQ(routes.opaque("a.example")->name(), "a") << "nobody sees a method";
  EXPECT_EQ(routes.opaque("b.example")->name(), "below");
  EXPECT_EQ(routes.opaque("example")->name(), "default");
  EXPECT_EQ(routes.opaque("")->name(), "default");
  service_.default_backend.clear();
  service_.routes = {by_host("a", {"a.example"})};
  service_.routes[0].to = {{.origin = {}, .backend = "audit", .weight = 1}};
  const auto only = table();
  EXPECT_EQ(only.opaque("b.example"), nullptr);
  EXPECT_EQ(only.opaque(), nullptr);
  EXPECT_EQ(only.opaque("a.example")->name(), "a");
}

TEST_F(RouteTableTest, weights_split_exactly) {
  auto split = route("split");
  split.to = {{.origin = {}, .backend = "shop", .weight = 90},
              {.origin = {}, .backend = "audit", .weight = 0},
              {.origin = {}, .backend = "shop-v2", .weight = 10}};
  service_.routes = {split};
  const RouteTable routes = table();
  const Route& found = *routes.match(TestRequest("/").head);
  std::map<std::string, unsigned> counts;
  for (std::uint64_t random = 0; random < 1000; ++random) ++counts[found.pick(random).backend];
  EXPECT_EQ(counts, (std::map<std::string, unsigned>{{"shop", 900}, {"shop-v2", 100}}));
  // Anywhere in the range of a random number.
  std::mt19937_64 random(1);
  counts.clear();
  for (unsigned i = 0; i < 100'000; ++i) ++counts[found.pick(random()).backend];
  EXPECT_NEAR(counts["shop"], 90'000, 600);
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_FALSE(found.pick(UINT64_MAX).backend.empty());
}

TEST_F(RouteTableTest, the_largest_weights_do_not_overflow) {
  auto split = route("split");
  for (const char* backend : {"shop", "shop-v2", "audit"}) {
    split.to.push_back({.origin = {}, .backend = backend, .weight = UINT32_MAX});
  }
  service_.routes = {split};
  const RouteTable routes = table();
  const Route& found = *routes.match(TestRequest("/").head);
  EXPECT_EQ(found.pick(UINT32_MAX - 1ull).backend, "shop");
  EXPECT_EQ(found.pick(UINT32_MAX).backend, "shop-v2");
  EXPECT_EQ(found.pick(3ull * UINT32_MAX - 1).backend, "audit");
  EXPECT_EQ(found.pick(3ull * UINT32_MAX).backend, "shop");
}

TEST_F(RouteTableTest, timeouts_and_retries_are_inherited_key_by_key) {
  settings_.timeouts.request = 20s;
  settings_.timeouts.head = 3s;
  settings_.retries.max = 5;
  service_.timeouts.request = 10s;
  service_.timeouts.attempt = 3s;
  service_.retries.budget = 0.3;
  auto write = route("write", {}, {"POST"});
  write.timeouts.attempt = 10s;
  write.retries.max = 0;
  service_.routes = {write};
  const RouteTable routes = table();
  const Route& post = *routes.match(TestRequest("/", "POST").head);
  EXPECT_EQ(post.timeouts().request, 10s);
  EXPECT_EQ(post.timeouts().attempt, 10s);
  EXPECT_EQ(post.timeouts().head, 3s);
  EXPECT_EQ(post.timeouts().connect, 1s);
  EXPECT_EQ(post.retry().max, 0u);
  EXPECT_EQ(post.retry().budget, 0.3);
  const Route& get = *routes.match(TestRequest("/").head);
  EXPECT_EQ(get.timeouts().attempt, 3s);
  EXPECT_EQ(get.retry().max, 5u);
}

TEST_F(RouteTableTest, tables_of_all_services_stand_in_the_order_of_the_settings) {
  service_.routes = {route("read")};
  settings_.services["shop"] = service_;
  ServiceSettings audit;
  audit.name = "audit";
  audit.default_backend = "audit";
  settings_.services["audit"] = audit;
  const auto tables = RouteTable::all(settings_);
  ASSERT_EQ(tables.size(), 2u);
  EXPECT_EQ(tables[0].service(), "audit");
  EXPECT_EQ(tables[1].service(), "shop");
  EXPECT_EQ(tables[1].routes()[0].name(), "read");
}

}  // namespace
}  // namespace epaulet
