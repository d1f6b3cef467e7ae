#include <gtest/gtest.h>

#include <map>

#include "path/worker.h"

namespace epaulet::path {
namespace {

class ViewTest : public testing::Test {
 protected:
  ViewTest() {
    settings_.backends["shop"].name = "shop";
    settings_.backends["shop"].balance.policy = BalancePolicy::round_robin;
    view_ = std::make_unique<View>(Snapshot::build(settings_, 1, {}, {}, states_), random_);
  }
  void set_weights(std::initializer_list<std::uint32_t> weights) {
    auto set = std::make_shared<EndpointSet>();
    set->backend = "shop";
    std::uint16_t port = 8080;
    for (const auto weight : weights)
      set->endpoints.push_back({{*IpAddress::parse("10.0.0.1"), port++}, weight});
    view_->set_endpoints("shop", set, {}, *view_);
  }
  /// How often each is picked.
  std::map<std::size_t, int> picks(std::size_t count, int times) {
    std::map<std::size_t, int> counts;
    for (int i = 0; i < times; ++i) ++counts[*view_->picker(0).pick(count, {})];
    return counts;
  }

  Settings settings_;
  resilience::StateTable states_;
  Random random_{1};
  std::unique_ptr<View> view_;
};

TEST_F(ViewTest, endpoints_are_picked_in_proportion_to_their_weights) {
  set_weights({1, 3});
  EXPECT_EQ(picks(2, 400), (std::map<std::size_t, int>{{0, 100}, {1, 300}}));
}

TEST_F(ViewTest, other_weights_and_other_endpoints_count_at_once) {
  set_weights({1, 3});
  set_weights({1, 3, 4});
  EXPECT_EQ(picks(3, 80), (std::map<std::size_t, int>{{0, 10}, {1, 30}, {2, 40}}));
  set_weights({7, 7});
  EXPECT_EQ(picks(2, 10), (std::map<std::size_t, int>{{0, 5}, {1, 5}}));
  set_weights({});
  EXPECT_FALSE(view_->picker(0).pick(0, {}));
}

TEST_F(ViewTest, a_set_with_the_same_weights_does_not_begin_anew) {
  for (const auto weights : {std::initializer_list<std::uint32_t>{1, 1, 1},
                             std::initializer_list<std::uint32_t>{2, 2, 1}}) {
    std::map<std::size_t, int> counts;
    for (int i = 0; i < 30; ++i) {
      set_weights(weights);
      ++counts[*view_->picker(0).pick(3, {})];
    }
    EXPECT_EQ(counts.size(), 3U);
  }
}

TEST_F(ViewTest, a_load_is_known_through_new_sets_and_new_views) {
  settings_.backends["shop"].balance.policy = BalancePolicy::p2c_ewma;
  view_ = std::make_unique<View>(Snapshot::build(settings_, 2, {}, {}, states_), random_);
  set_weights({1, 1, 1});
  const auto second = view_->loads(0)[1];
  const balance::InFlight busy(second, balance::Flight::request, {});
  set_weights({2, 1});
  EXPECT_EQ(view_->loads(0)[1], second);
  EXPECT_EQ(view_->loads(0).size(), 2U);

  View next(Snapshot::build(settings_, 3, {}, {}, states_), random_);
  next.set_endpoints("shop", view_->find("shop"), {}, *view_);
  EXPECT_EQ(next.loads(0)[1], second);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(next.picker(0).pick(2, {}), 0U);  // The other is idle.
}

TEST(EndpointOwners, the_first_by_name_has_it_whatever_the_order) {
  const SocketAddress pod{*IpAddress::parse("10.0.0.1"), 80};
  for (const bool other_first : {false, true}) {
    EndpointOwners owners;
    owners.add(pod, other_first ? 7 : 3);
    owners.add(pod, other_first ? 3 : 7);
    owners.add(pod, 5);
    owners.add(pod, 3);
    ASSERT_NE(owners.find(pod), nullptr);
    EXPECT_EQ(owners.find(pod)->backend, 3u);
    owners.remove(pod, 3);
    EXPECT_EQ(owners.find(pod)->backend, 5u);
    owners.remove(pod, 7);
    owners.remove(pod, 7);
    EXPECT_EQ(owners.find(pod)->backend, 5u);
    owners.remove(pod, 5);
    EXPECT_EQ(owners.find(pod), nullptr);
    owners.remove(pod, 5);
  }
}

TEST_F(ViewTest, an_endpoint_of_two_backends_stays_known_when_one_loses_it) {
  settings_.backends["stock"].name = "stock";
  view_ = std::make_unique<View>(Snapshot::build(settings_, 2, {}, {}, states_), random_);
  const SocketAddress pod{*IpAddress::parse("fd00::1"), 8080};
  const auto publish = [&](const char* backend, bool has_it) {
    auto set = std::make_shared<EndpointSet>();
    set->backend = backend;
    if (has_it) set->endpoints.push_back({pod, 1});
    view_->set_endpoints(backend, set, {}, *view_);
  };
  publish("stock", true);
  publish("shop", true);
  EXPECT_EQ(view_->backend_of(pod), *view_->index_of("shop"));
  publish("shop", false);
  EXPECT_EQ(view_->backend_of(pod), *view_->index_of("stock"));
  publish("shop", true);
  publish("stock", true);
  EXPECT_EQ(view_->backend_of(pod), *view_->index_of("shop"));
  publish("shop", false);
  publish("stock", false);
  EXPECT_EQ(view_->backend_of(pod), Destination::kNone);
}

TEST_F(ViewTest, each_policy_picks_and_says_so) {
  const std::pair<BalancePolicy, std::string_view> policies[] = {
      {BalancePolicy::p2c_ewma, "p2c_ewma"},   {BalancePolicy::least_request, "least_request"},
      {BalancePolicy::random, "random"},       {BalancePolicy::round_robin, "round_robin"},
      {BalancePolicy::ring_hash, "ring_hash"}, {BalancePolicy::maglev, "maglev"},
      {BalancePolicy::sticky, "sticky"}};
  std::uint64_t version = 10;
  for (const auto& [policy, name] : policies) {
    settings_.backends["shop"].balance.policy = policy;
    view_ = std::make_unique<View>(Snapshot::build(settings_, ++version, {}, {}, states_), random_);
    set_weights({1, 1, 1});
    std::map<std::size_t, int> counts;
    for (std::uint64_t key = 0; key < 300; ++key)
      ++counts[*view_->picker(0).pick(3, {}, balance::SessionKey(key))];
    EXPECT_EQ(counts.size(), 3U) << name;
    EXPECT_EQ(telemetry::text_of(view_->snapshot().backends[0].balancer_for(1)), name);
  }
  EXPECT_EQ(telemetry::text_of(view_->snapshot().backends[0].balancer_for({})), "round_robin");
}

TEST_F(ViewTest, a_session_keeps_its_endpoint_while_that_is_there) {
  settings_.backends["shop"].balance.policy = BalancePolicy::sticky;
  view_ = std::make_unique<View>(Snapshot::build(settings_, 2, {}, {}, states_), random_);
  const auto where = [&](std::uint64_t key) {
    const auto& endpoints = view_->endpoints(0)->endpoints;
    return endpoints[*view_->picker(0).pick(endpoints.size(), {}, key)].address.port;
  };
  set_weights({1, 1, 1});
  std::map<std::uint64_t, std::uint16_t> before;
  for (std::uint64_t key = 0; key < 30; ++key) before[key] = where(key);
  set_weights({1, 1});
  for (const auto& [key, port] : before) {
    if (port == 8082) {
      EXPECT_NE(where(key), 8082);
    } else {
      EXPECT_EQ(where(key), port);
    }
  }
  set_weights({1, 1, 1});
  for (const auto& [key, port] : before) EXPECT_EQ(where(key), port);
  EXPECT_EQ(picks(3, 9), (std::map<std::size_t, int>{{0, 3}, {1, 3}, {2, 3}}));
}

}  // namespace
}  // namespace epaulet::path
