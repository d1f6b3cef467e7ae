#include "path/snapshot.h"

#include <gtest/gtest.h>

namespace epaulet::path {
namespace {

RouteSettings route(std::string name, std::vector<std::string> paths = {}) {
  RouteSettings out;
  out.name = std::move(name);
  out.paths = std::move(paths);
  return out;
}

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() {
    add_service("audit");
    add_service("shop");
  }
  ServiceSettings& add_service(const std::string& name) {
    settings_.backends[name].name = name;
    auto& service = settings_.services[name];
    service.name = name;
    service.default_backend = name;
    return service;
  }
  SnapshotPtr build() { return Snapshot::build(settings_, ++version_, {}, {}, states_); }

  BackendSettings& shop() { return settings_.backends["shop"]; }
  static constexpr std::size_t kAudit = 0;
  static constexpr std::size_t kShop = 1;

  Settings settings_;
  resilience::StateTable states_;
  std::uint64_t version_ = 0;
};

TEST_F(SnapshotTest, names_what_it_holds_in_the_order_of_the_settings) {
  settings_.workload.service = "web";
  const auto snapshot = build();
  EXPECT_EQ(snapshot->version, 1U);
  ASSERT_EQ(snapshot->backends.size(), 2U);
  EXPECT_EQ(telemetry::text_of(snapshot->backends[kShop].name), "shop");
  EXPECT_EQ(snapshot->backends[kShop].settings, &snapshot->settings.backends.at("shop"));
  ASSERT_EQ(snapshot->services.size(), 2U);
  EXPECT_EQ(telemetry::text_of(snapshot->services[kAudit].name), "audit");
  EXPECT_EQ(snapshot->services[kAudit].settings, &snapshot->settings.services.at("audit"));
  EXPECT_EQ(snapshot->services[kAudit].table.service(), "audit");
  EXPECT_EQ(telemetry::text_of(snapshot->own_service), "web");
}

TEST_F(SnapshotTest, a_limit_is_the_backends_or_the_files_or_1024) {
  EXPECT_EQ(build()->backends[kShop].limit->connections_max(), 1024U);
  EXPECT_EQ(build()->backends[kShop].limit->pending_max(), 1024U);
  settings_.limits.connections = 50;
  settings_.limits.pending = 60;
  shop().limits.connections = 7;
  const auto snapshot = build();
  EXPECT_EQ(snapshot->backends[kShop].limit->connections_max(), 7U);
  EXPECT_EQ(snapshot->backends[kShop].limit->pending_max(), 60U);
  EXPECT_EQ(snapshot->backends[kAudit].limit->connections_max(), 50U);
}

TEST_F(SnapshotTest, a_limit_survives_a_reload_that_does_not_change_it) {
  shop().limits.connections = 7;
  const auto first = build();
  settings_.backends["other"].name = "other";  // Something else changed.
  const auto second = build();
  const auto& shop_again = second->backends[2];
  ASSERT_EQ(telemetry::text_of(shop_again.name), "shop");
  EXPECT_EQ(shop_again.limit, first->backends[kShop].limit);
  EXPECT_NE(first->backends[kAudit].limit, first->backends[kShop].limit);

  shop().limits.connections = 8;
  const auto third = build();
  EXPECT_EQ(third->backends[2].limit, first->backends[kShop].limit) << "connections stay";
  EXPECT_EQ(third->backends[2].limit->connections_max(), 8U);
}

TEST_F(SnapshotTest, pooled_connections_fit_until_what_is_expected_of_the_peer_changes) {
  shop().tls.identities = {"spiffe://td/a"};
  const auto shape = build()->backends[kShop].shape;
  shop().limits.connections = 7;
  shop().endpoints.port = 81;
  EXPECT_EQ(build()->backends[kShop].shape, shape);

  shop().tls.identities = {"spiffe://td/b"};
  const auto other_identity = build()->backends[kShop].shape;
  EXPECT_NE(other_identity, shape);
  shop().tls.identities = {"spiffe://td/a"};
  EXPECT_EQ(build()->backends[kShop].shape, shape);
  shop().endpoints.tunnel = 15008;
  EXPECT_NE(build()->backends[kShop].shape, shape);
  shop().endpoints.tunnel = 0;
  shop().tls.mode = shop().tls.mode == UpstreamTls::mesh ? UpstreamTls::none : UpstreamTls::mesh;
  EXPECT_NE(build()->backends[kShop].shape, shape);
}

TEST_F(SnapshotTest, the_routes_of_a_service_share_one_budget_of_one_shape) {
  auto& service = settings_.services["shop"];
  service.routes = {route("a", {"/a"}), route("b", {"/b"}), route("c", {"/c"})};
  service.routes[2].retries.budget = 0.5;
  const auto snapshot = build();
  const auto& routes = snapshot->services[kShop].routes;
  ASSERT_EQ(routes.size(), 4U);  // And the implicit last one.
  EXPECT_EQ(routes[0].budget, routes[1].budget);
  EXPECT_EQ(routes[0].budget, routes[3].budget);
  EXPECT_NE(routes[0].budget, routes[2].budget);
  EXPECT_EQ(routes[2].budget->ratio(), 0.5);
  EXPECT_EQ(routes[0].budget->ratio(), 0.2);
  EXPECT_EQ(routes[0].budget->floor(), 3U);
  EXPECT_NE(snapshot->services[kAudit].routes[0].budget, routes[0].budget);
  EXPECT_EQ(build()->services[kShop].routes[2].budget, routes[2].budget);  // Survives a reload.
}

TEST_F(SnapshotTest, a_route_finds_the_state_beside_it) {
  auto& service = settings_.services["shop"];
  service.routes = {route("a", {"/a"}), route("b", {"/b"})};
  service.routes[1].retries.max = 5;
  service.routes[1].retries.statuses = {503};
  service.routes[1].retries.grpc_statuses = {GrpcStatus::unavailable};
  service.routes[1].retries.non_idempotent = true;
  service.routes[1].retries.errors = {RetryError::connect_refused};
  const auto snapshot = build();
  const auto& shop = snapshot->services[kShop];
  for (const Route& each : shop.table.routes()) {
    EXPECT_EQ(telemetry::text_of(shop.state_of(each).name), each.name());
  }
  const auto& rules = shop.state_of(shop.table.routes()[1]).retry;
  EXPECT_EQ(rules.max, 5U);
  EXPECT_EQ(rules.statuses, std::vector<std::uint16_t>{503});
  EXPECT_EQ(rules.grpc_statuses, std::vector{GrpcStatus::unavailable});
  EXPECT_TRUE(rules.non_idempotent);
  EXPECT_EQ(rules.errors, std::vector{RetryError::connect_refused});
  EXPECT_FALSE(shop.state_of(shop.table.routes()[0]).retry.non_idempotent);
}

TEST_F(SnapshotTest, a_service_needs_its_request_only_if_some_route_looks_at_it) {
  settings_.services["shop"].routes = {route("all"), route("never", {"/a"})};
  settings_.services["audit"].routes = {route("all")};
  const auto snapshot = build();
  EXPECT_TRUE(snapshot->services[kShop].has_l7_routes);
  EXPECT_FALSE(snapshot->services[kAudit].has_l7_routes);
}

TEST_F(SnapshotTest, a_rule_is_told_by_its_name_and_place) {
  AccessRuleSettings rule;
  rule.name = "internal";
  rule.allow = {"anyone"};
  rule.origin = {.source = "epaulet.yaml", .object = "access", .line = 12, .column = 5};
  settings_.access.rules = {rule, rule};
  settings_.access.rules[1].name = "second";
  const auto snapshot = build();
  ASSERT_EQ(snapshot->access.rules().size(), 2U);
  const auto ids = snapshot->ids_of(&snapshot->access.rules()[1]);
  EXPECT_EQ(telemetry::text_of(ids.name), "second");
  EXPECT_EQ(telemetry::text_of(ids.origin), "epaulet.yaml:12:5");
  EXPECT_EQ(snapshot->ids_of(nullptr).name, 0U);
  EXPECT_EQ(snapshot->ids_of(nullptr).origin, 0U);
}

}  // namespace
}  // namespace epaulet::path
