#include "discovery/service_view.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/limits.h"
#include "discovery/directory_feed.h"

namespace epaulet::test {
namespace {

ServiceViewPtr view_in(std::string_view line) {
  const auto said = read_directory_line(line);
  const auto* view = std::get_if<ServiceViewPtr>(&said);
  return view == nullptr ? nullptr : *view;
}

TEST(ServiceView, is_what_a_directory_writes) {
  const auto view = view_in(
      R"({"service":"api.shop","cluster_ips":["10.96.0.7"],"ports":[{"port":80,"name":"http",
        "app_protocol":"grpc"},{"port":0},7],"groups":[{"ports":{"80":8080,"x":1,"81":0},"endpoints":[
        {"address":"10.0.0.1","identity":"spiffe://td/ns/shop/sa/api","zone":"a","for_zones":["a","",7,"b"]},
        {"address":"fd00::1","ready":false,"serving":true,"terminating":true},
        {"address":"nonsense"},7]}]})");
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->service, "api.shop");
  EXPECT_EQ(view->cluster_ips, std::vector<IpAddress>{*IpAddress::parse("10.96.0.7")});
  ASSERT_EQ(view->ports.size(), 1u);
  EXPECT_EQ(view->ports[0].app_protocol, "grpc");
  ASSERT_EQ(view->groups.size(), 1u);
  EXPECT_EQ(view->groups[0].ports, (std::map<std::uint16_t, std::uint16_t>{{80, 8080}}));
  ASSERT_EQ(view->groups[0].endpoints.size(), 2u);
  EXPECT_EQ(view->groups[0].endpoints[0].identity, "spiffe://td/ns/shop/sa/api");
  EXPECT_EQ(view->groups[0].endpoints[0].for_zones, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(view->groups[0].endpoints[1].for_zones.empty());
  EXPECT_TRUE(view->groups[0].endpoints[0].ready && view->groups[0].endpoints[0].serving);
  EXPECT_TRUE(view->groups[0].endpoints[1].terminating && view->groups[0].endpoints[1].serving);
  EXPECT_FALSE(view->groups[0].endpoints[1].ready);
}

TEST(ServiceView, of_too_many_endpoints_those_of_use_are_kept) {
  std::string line = R"({"service":"api.shop","groups":[{"ports":{"80":8080},"endpoints":[)";
  const auto add = [&line](int number, const std::string& more) {
    line += R"({"address":"10.)" + std::to_string(number / 65536) + "." +
            std::to_string(number / 256 % 256) + "." + std::to_string(number % 256) + "\"" + more +
            "},";
  };
  // A rollout of many: those that start, and those that end, come before those that serve.
  for (int i = 0; i < 2000; ++i) add(i, R"(,"ready":false)");
  for (int i = 2000; i < 3000; ++i) add(i, R"(,"ready":false,"serving":true,"terminating":true)");
  for (int i = 3000; i < 3100; ++i) add(i, "");
  line.back() = ']';
  const auto view = view_in(line + "}]}");
  ASSERT_NE(view, nullptr);
  const auto& kept = view->groups[0].endpoints;
  EXPECT_EQ(kept.size(), limits::kEndpointsPerBackendMax);
  EXPECT_EQ(std::count_if(kept.begin(), kept.end(), [](const auto& each) { return each.ready; }),
            100);
  EXPECT_TRUE(std::all_of(kept.begin(), kept.end(), [](const auto& each) { return each.serving; }));
}

TEST(ServiceView, has_routes_and_nothing_that_only_looks_like_one) {
  const auto line = [](const std::string& routes) {
    return R"({"service":"a.b","routes":[)" + routes + "]}";
  };
  const auto said = read_directory_line(line(
      R"("{\"apiVersion\":\"gateway.networking.k8s.io/v1\",\"kind\":\"HTTPRoute\",\"metadata\":{\"name\":\"r\",\"namespace\":\"b\"},\"spec\":{}}",)"
      R"("access_mode: audit","{\"access_mode\":\"audit\",\"metadata\":{}}",7,)"
      R"("{\"apiVersion\":\"v1\",\"kind\":\"HTTPRoute\",\"metadata\":{}}",)"
      R"("{\"apiVersion\":\"gateway.networking.k8s.io/v1\",\"kind\":\"Gateway\",\"metadata\":{}}")"));
  const auto& view = *std::get<ServiceViewPtr>(said);
  ASSERT_EQ(view.routes.size(), 1u);
  EXPECT_EQ(view.routes[0].name, "HTTPRoute r.b");
  EXPECT_EQ(
      view.routes[0].document,
      R"({"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"r","namespace":"b"},"spec":{}})");
}

struct Wants final : DirectoryFeed::Listener {
  using Listener::Listener;
  void on_view(const ServiceViewPtr&) override {}
};
ServiceViewPtr with_routes(const std::string& service, std::vector<std::string> names) {
  auto view = std::make_shared<ServiceView>();
  view->service = service;
  for (auto& name : names) view->routes.push_back({std::move(name), "{}", ""});
  return view;
}

TEST(DirectoryFeed, tells_our_zone_once_and_when_it_is_another) {
  DirectoryFeed feed;
  int told = 0;
  feed.set_on_zone([&] { ++told; });
  EXPECT_EQ(feed.zone(), "");
  for (const char* zone : {"a", "a", "b"}) feed.take_zone(zone);
  EXPECT_EQ(told, 2);
  EXPECT_EQ(feed.zone(), "b");
}

TEST(DirectoryFeed, tells_routes_of_wanted_services_once_and_when_they_change) {
  DirectoryFeed feed;
  int told = 0;
  feed.set_on_routes([&] { ++told; });
  const auto names = [&] {
    std::string all;
    for (const auto& route : feed.routes()) all += route.name + " ";
    return all;
  };
  Wants a(feed, "a.x");
  auto b = std::make_unique<Wants>(feed, "b.x");
  feed.take(with_routes("a.x", {}));
  EXPECT_EQ(told, 0);
  feed.take(with_routes("a.x", {"two", "one"}));
  feed.take(with_routes("b.x", {"two", "three"}));
  feed.take(with_routes("c.x", {"four"}));
  EXPECT_EQ(names(), "one three two ");
  EXPECT_EQ(told, 2);
  feed.take(with_routes("b.x", {"two", "three"}));
  EXPECT_EQ(told, 2) << "nothing has changed";
  b.reset();
  EXPECT_EQ(names(), "one two ");
  // A source that is made anew has its routes until it is told others.
  b = std::make_unique<Wants>(feed, "b.x");
  EXPECT_EQ(names(), "one three two ");
  feed.take(with_routes("b.x", {}));
  EXPECT_EQ(names(), "one two ");
  EXPECT_EQ(told, 3);
}

TEST(DirectoryFeed, routes_that_a_directory_does_not_know_are_kept) {
  DirectoryFeed feed;
  const Wants wants(feed, "a.x");
  int told = 0;
  feed.set_on_routes([&] { ++told; });
  const auto names = [&] {
    std::string all;
    for (const auto& route : feed.routes()) all += route.name + ", ";
    return all;
  };
  const auto take = [&](const std::string& rest) {
    feed.take(view_in(R"({"service":"a.x")" + rest + "}"));
  };
  const auto route = [](const std::string& kind, const std::string& name) {
    return R"("{\"apiVersion\":\"gateway.networking.k8s.io/v1\",\"kind\":\")" + kind +
           R"(\",\"metadata\":{\"name\":\")" + name + R"(\",\"namespace\":\"x\"}}")";
  };
  take(R"(,"routes":[)" + route("HTTPRoute", "h") + "," + route("GRPCRoute", "g") + "]");
  EXPECT_EQ(names(), "GRPCRoute g.x, HTTPRoute h.x, ");
  // Another directory, which has just started.
  take(R"(,"routes_unknown":["HTTPRoute","GRPCRoute"])");
  EXPECT_EQ(told, 1);
  EXPECT_EQ(names(), "GRPCRoute g.x, HTTPRoute h.x, ");
  take(R"(,"routes":[)" + route("GRPCRoute", "new") + R"(],"routes_unknown":["HTTPRoute",7,"X"])");
  EXPECT_EQ(names(), "GRPCRoute new.x, HTTPRoute h.x, ");
  take(R"(,"routes":[)" + route("GRPCRoute", "new") + R"(],"routes_unknown":["HTTPRoute"])");
  EXPECT_EQ(told, 2);
  take(R"(,"routes":[],"routes_unknown":[])");
  EXPECT_EQ(names(), "");
}

TEST(DirectoryFeed, a_route_that_a_directory_finds_refused_is_kept_in_its_earlier_version) {
  DirectoryFeed feed;
  const Wants wants(feed, "a.x");
  const auto take = [&](const std::string& rest) {
    feed.take(view_in(R"({"service":"a.x",)" + rest + "}"));
  };
  take(R"("routes":["{\"apiVersion\":\"gateway.networking.k8s.io/v1\",\"kind\":\"HTTPRoute\",)"
       R"(\"metadata\":{\"name\":\"h\",\"namespace\":\"x\",\"creationTimestamp\":\"T\"}}"])");
  ASSERT_EQ(feed.routes().size(), 1u);
  EXPECT_EQ(feed.routes()[0].created, "T");
  take(R"("routes_refused":[7,{"name":"HTTPRoute h.x","created":"T"}])");
  ASSERT_EQ(feed.routes().size(), 1u);
  take(R"("routes_refused":[{"name":"HTTPRoute h.x","created":"later"}])");
  EXPECT_TRUE(feed.routes().empty());
}

TEST(ServiceView, absence_versions_and_what_is_unknown_are_told_apart) {
  EXPECT_TRUE(view_in(R"({"service":"api.shop","absent":true})")->is_absent);
  const auto version = read_directory_line(R"({"version":"i.7"})");
  ASSERT_TRUE(std::holds_alternative<DirectoryVersion>(version));
  EXPECT_EQ(std::get<DirectoryVersion>(version).text, "i.7");
  const auto zone = read_directory_line(R"({"zone":"eu-1a"})");
  ASSERT_TRUE(std::holds_alternative<DirectoryZone>(zone));
  EXPECT_EQ(std::get<DirectoryZone>(zone).text, "eu-1a");
  const auto endless = R"({"zone":")" + std::string(254, 'z') + "\"}";
  EXPECT_TRUE(std::holds_alternative<UnknownLine>(read_directory_line(endless)));
  for (const auto* line :
       {"", "7", "[]", "{}", R"({"news":1})", R"({"service":7})", "{\"service\":"})
    EXPECT_TRUE(std::holds_alternative<UnknownLine>(read_directory_line(line))) << line;
}

}  // namespace
}  // namespace epaulet::test
