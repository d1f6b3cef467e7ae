#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "path/reach.h"
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
  void set_weights(std::initializer_list<std::uint32_t> weights, TimePoint now = {}) {
    auto set = std::make_shared<EndpointSet>();
    set->backend = "shop";
    std::uint16_t port = 8080;
    for (const auto weight : weights)
      set->endpoints.push_back({{*IpAddress::parse("10.0.0.1"), port++}, weight});
    view_->set_endpoints("shop", set, now, *view_);
  }
  /// How often each is picked.
  std::map<std::size_t, int> picks(std::size_t count, int times) {
    std::map<std::size_t, int> counts;
    for (int i = 0; i < times; ++i) ++counts[*view_->picker(0).pick(count, {})];
    return counts;
  }
  /// How often the last of `count` is picked in a second from `now` on, of a thousand requests that
  /// take 20 ms each, wherever they go.
  int picks_of_last(std::size_t count, TimePoint now) {
    struct UnderWay {
      TimePoint until;
      balance::InFlight flight;
    };
    std::deque<UnderWay> under_way;
    int picked = 0;
    for (int i = 0; i < 1000; ++i, now += std::chrono::milliseconds(1)) {
      while (!under_way.empty() && under_way.front().until <= now) {
        under_way.front().flight.answered(std::chrono::milliseconds(20), now);
        under_way.pop_front();
      }
      const auto index = *view_->picker(0).pick(count, {}, {}, now);
      picked += index == count - 1;
      under_way.push_back({now + std::chrono::milliseconds(20),
                           {view_->loads(0)[index], balance::Flight::request, now}});
    }
    return picked;
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

class ClusterAddressesTest : public ViewTest {
 protected:
  ClusterAddressesTest() {
    for (const char* name : {"api.shop", "web.shop"}) {
      auto& service = settings_.services[name];
      service.name = name;
      service.ports = {{80, PortProtocol::http}, {81, PortProtocol::tcp}};
      service.default_backend = "shop";
    }
    for (const char* name : {"shop", "other"}) {
      settings_.backends[name].name = name;
      settings_.backends[name].endpoints.directory = "web.shop";
    }
    view_ = std::make_unique<View>(Snapshot::build(settings_, 2, {}, {}, states_), random_);
  }
  void tell(View& view, const std::string& backend, std::initializer_list<const char*> addresses) {
    auto set = std::make_shared<EndpointSet>();
    set->backend = backend;
    for (const char* address : addresses)
      set->service_addresses.push_back(*IpAddress::parse(address));
    view.set_endpoints(backend, set, {}, *view_);
  }
  /// SERVICE:PORT, or "".
  std::string at(const View& view, const char* address) {
    const auto* found = view.service_at(*SocketAddress::parse(address));
    if (found == nullptr) return "";
    EXPECT_EQ(found->kind, Destination::Kind::service);
    const auto& name = view.snapshot().services[found->service].settings->name;
    return name + ":" + std::to_string(found->service_port) +
           (found->protocol == PortProtocol::tcp ? " tcp" : "");
  }
  std::string at(const char* address) { return at(*view_, address); }
};

TEST_F(ClusterAddressesTest, stand_for_the_service_of_that_name_on_its_ports) {
  EXPECT_EQ(at("10.96.0.7:80"), "");
  tell(*view_, "shop", {"10.96.0.7", "fd00::7"});
  EXPECT_EQ(at("10.96.0.7:80"), "web.shop:80");
  EXPECT_EQ(at("[fd00::7]:81"), "web.shop:81 tcp");
  EXPECT_EQ(at("10.96.0.7:82"), "") << "a port that the service does not have";
  EXPECT_EQ(at("10.96.0.8:80"), "");
}

TEST_F(ClusterAddressesTest, move_with_their_service_and_stay_as_long_as_one_backend_tells_them) {
  tell(*view_, "shop", {"10.96.0.7"});
  tell(*view_, "other", {"10.96.0.7"});
  tell(*view_, "shop", {"10.96.0.8"});
  EXPECT_EQ(at("10.96.0.7:80"), "web.shop:80");
  tell(*view_, "other", {"10.96.0.8"});
  EXPECT_EQ(at("10.96.0.7:80"), "");
  EXPECT_EQ(at("10.96.0.8:80"), "web.shop:80");
  // After a reload they are learned from the sets that were known.
  View next(Snapshot::build(settings_, 3, {}, {}, states_), random_);
  EXPECT_EQ(at(next, "10.96.0.8:80"), "");
  next.set_endpoints("shop", view_->find("shop"), {}, *view_);
  EXPECT_EQ(at(next, "10.96.0.8:80"), "web.shop:80");
}

TEST_F(ClusterAddressesTest, of_a_service_that_the_mesh_does_not_know_say_nothing) {
  settings_.backends["shop"].endpoints.directory = "unknown.shop";
  view_ = std::make_unique<View>(Snapshot::build(settings_, 3, {}, {}, states_), random_);
  tell(*view_, "shop", {"10.96.0.7"});
  EXPECT_EQ(at("10.96.0.7:80"), "");
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

TEST_F(ViewTest, a_backend_is_found_by_its_name_among_many) {
  settings_.backends.clear();
  for (int i = 0; i < 300; i += 2)
    settings_.backends["b" + std::to_string(i)].name = "b" + std::to_string(i);
  const View view(Snapshot::build(settings_, 1, {}, {}, states_), random_);
  std::uint32_t place = 0;
  for (const auto& [name, backend] : settings_.backends) {
    EXPECT_EQ(view.index_of(name), place) << name;
    EXPECT_EQ(view.snapshot().backends[place++].settings->name, name);
  }
  for (const auto* unknown : {"", "a", "b", "b1", "b299", "b98 ", "c"})
    EXPECT_EQ(view.index_of(unknown), std::nullopt) << unknown;
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

TEST_F(ViewTest, slow_start_spares_a_newcomer_with_each_policy_that_looks_at_loads) {
  const TimePoint now{std::chrono::hours(1)};
  std::uint64_t version = 20;
  for (const auto policy : {BalancePolicy::p2c_ewma, BalancePolicy::least_request}) {
    for (const bool slowly : {false, true}) {
      auto& balance = settings_.backends["shop"].balance;
      balance.policy = policy;
      balance.slow_start.reset();
      if (slowly) balance.slow_start = std::chrono::seconds(30);
      view_ =
          std::make_unique<View>(Snapshot::build(settings_, ++version, {}, {}, states_), random_);
      set_weights({1, 1, 1}, now - std::chrono::minutes(2));
      (void)picks_of_last(3, now - std::chrono::minutes(1));
      set_weights({1, 1, 1, 1}, now);
      const int picked = picks_of_last(4, now);
      if (slowly) {
        EXPECT_LT(picked, 125) << "half of an even share";
        EXPECT_GT(picked, 0);
      } else {
        EXPECT_GT(picked, 175);
      }
    }
  }
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

/// Sets that change between two attempts of one exchange.
class ChurnTest : public ViewTest {
 protected:
  void set_ports(std::initializer_list<std::uint16_t> ports) {
    auto set = std::make_shared<EndpointSet>();
    set->backend = "shop";
    for (const auto port : ports) set->endpoints.push_back({{*IpAddress::parse("10.0.0.1"), port}});
    view_->set_endpoints("shop", set, {}, *view_);
  }
  std::uint16_t next(TriedEndpoints& tried) {
    const auto hop = next_hop(*view_, 0, {}, tried, {}, TimePoint(std::chrono::hours(1)));
    return hop ? hop->endpoint.port : 0;
  }
  /// Of an exchange whose first attempt was at this one.
  TriedEndpoints tried_at(std::uint16_t port) {
    for (;;) {
      TriedEndpoints tried;
      if (next(tried) == port) return tried;
    }
  }
};

TEST_F(ChurnTest, a_retry_prefers_an_endpoint_that_was_not_tried_whatever_has_come_or_left) {
  for (int i = 0; i < 4; ++i) {
    set_ports({1, 2});
    auto tried = tried_at(2);
    set_ports({2, 3});
    EXPECT_EQ(next(tried), 3);
  }
  for (int i = 0; i < 4; ++i) {
    set_ports({1, 2, 3, 4});
    auto tried = tried_at(4);
    set_ports({4});
    EXPECT_EQ(next(tried), 4) << "better again than none";
    set_ports({3, 4});
    EXPECT_EQ(next(tried), 3);
  }
}

TEST_F(ChurnTest, whether_there_is_another_is_asked_of_the_set_as_it_is_now) {
  const TimePoint now{std::chrono::hours(1)};
  set_ports({1, 2});
  auto tried = tried_at(2);
  set_ports({2});
  EXPECT_FALSE(has_untried(*view_, 0, tried, now));
  set_ports({0, 2});
  EXPECT_TRUE(has_untried(*view_, 0, tried, now));
  set_ports({2, 3});
  EXPECT_TRUE(has_untried(*view_, 0, tried, now));
  set_ports({});
  EXPECT_FALSE(has_untried(*view_, 0, tried, now));
  EXPECT_EQ(next(tried), 0);
}

TEST_F(ChurnTest, of_endless_churn_the_first_endpoints_are_remembered) {
  TriedEndpoints tried;
  for (std::uint16_t port = 1; port <= 2 * limits::kRetriesMax; ++port) {
    set_ports({port});
    EXPECT_EQ(next(tried), port);
  }
  set_ports({1, 2 * limits::kRetriesMax});
  EXPECT_EQ(next(tried), 2 * limits::kRetriesMax);
  EXPECT_EQ(next(tried), 2 * limits::kRetriesMax);
}

/// Endpoints 0 to 2 are in zone a, 3 to 5 in b.
class ZonesTest : public ViewTest {
 protected:
  void view_with(BalancePolicy policy, const std::string& zone, const std::string& told = "") {
    settings_.backends["shop"].balance.policy = policy;
    settings_.backends["shop"].balance.locality.emplace();
    settings_.workload.zone = zone;
    view_ = std::make_unique<View>(Snapshot::build(settings_, ++version_, {}, {}, states_), random_,
                                   told);
    set_zones("aaabbb");
  }
  void set_zones(std::string_view zones) {
    auto set = std::make_shared<EndpointSet>();
    set->backend = "shop";
    set->version = ++version_;
    std::uint16_t port = 8080;
    for (const char zone : zones)
      set->endpoints.push_back({{*IpAddress::parse("10.0.0.1"), port++}, 1, nullptr, {zone}});
    view_->set_endpoints("shop", set, {}, *view_);
  }
  /// Zones a to c for which each endpoint is; "-": none.
  void set_hints(const std::vector<std::string>& hints) {
    auto set = std::make_shared<EndpointSet>();
    set->backend = "shop";
    set->version = ++version_;
    std::uint16_t port = 8080;
    for (const auto& zones : hints) {
      auto& endpoint =
          set->endpoints.emplace_back(SocketAddress{*IpAddress::parse("10.0.0.1"), port++});
      endpoint.zone = "a";
      for (const char zone : zones)
        if (zone != '-') endpoint.for_zones.emplace_back(1, zone);
    }
    view_->set_endpoints("shop", set, {}, *view_);
  }
  /// Of so many first attempts, those at each endpoint.
  std::map<std::size_t, int> hops(int times, balance::SessionKey key = {}) {
    std::map<std::size_t, int> counts;
    for (int i = 0; i < times; ++i) {
      TriedEndpoints tried;
      last_ = *next_hop(*view_, 0, {}, tried, key, kNow);
      ++counts[index_of(last_)];
    }
    return counts;
  }
  static std::size_t index_of(const Hop& hop) { return hop.endpoint.port - 8080u; }
  int in_zone_a(const std::map<std::size_t, int>& counts) {
    int sum = 0;
    for (const auto& [index, count] : counts) sum += index < 3 ? count : 0;
    return sum;
  }
  void fail(std::size_t index) {
    auto& outliers = *view_->snapshot().backends[0].outliers;
    for (int i = 0; i < 5; ++i)
      (void)outliers.settle(view_->health(0)[index], false, kNow, resilience::Judgement::failure,
                            false, {});
  }

  static constexpr TimePoint kNow{std::chrono::hours(1000)};
  std::uint64_t version_ = 100;
  Hop last_;
};

constexpr BalancePolicy kAllPolicies[] = {BalancePolicy::p2c_ewma,  BalancePolicy::least_request,
                                          BalancePolicy::random,    BalancePolicy::round_robin,
                                          BalancePolicy::ring_hash, BalancePolicy::maglev,
                                          BalancePolicy::sticky};

TEST_F(ZonesTest, with_every_balancer_the_own_zone_has_what_it_can_take) {
  for (const auto policy : kAllPolicies) {
    SCOPED_TRACE(static_cast<int>(policy));
    // Of another shape, so that nothing is known of the endpoints.
    settings_.backends["shop"].outliers.eject_for += std::chrono::seconds(1);
    view_with(policy, "a");
    EXPECT_EQ(in_zone_a(hops(600)), 600);
    EXPECT_EQ(last_.zone, Hop::Zone::own);
    fail(0);
    EXPECT_NEAR(in_zone_a(hops(600)), 560, 1);  // 1.4 x 2/3
    fail(1);
    EXPECT_NEAR(in_zone_a(hops(600)), 280, 1);  // 1.4 x 1/3
    fail(2);
    const auto counts = hops(600);
    EXPECT_EQ(in_zone_a(counts), 0);
    EXPECT_EQ(counts.size(), 3u);
    EXPECT_EQ(last_.zone, Hop::Zone::other);
    EXPECT_EQ(telemetry::text_of(last_.zone_name), "b");
    EXPECT_EQ(last_.own_zone, telemetry::in_zone(0, 3));
  }
}

TEST_F(ZonesTest, a_session_goes_where_it_belongs_whatever_the_zone) {
  for (const auto policy :
       {BalancePolicy::sticky, BalancePolicy::ring_hash, BalancePolicy::maglev}) {
    view_with(policy, "a");
    int elsewhere = 0;
    for (std::uint64_t key = 0; key < 100; ++key) {
      const auto at = hops(3, key);
      ASSERT_EQ(at.size(), 1u);
      elsewhere += at.begin()->first >= 3 ? 1 : 0;
      EXPECT_EQ(last_.zone, Hop::Zone::none);
    }
    EXPECT_GT(elsewhere, 25);
    EXPECT_LT(elsewhere, 75);
    EXPECT_EQ(in_zone_a(hops(60)), 60) << "without a session";
  }
}

TEST_F(ZonesTest, zones_do_not_matter_unless_both_are_known_and_it_is_asked_for) {
  view_with(BalancePolicy::round_robin, "");
  EXPECT_EQ(view_->zones(0), nullptr);
  EXPECT_EQ(in_zone_a(hops(60)), 30);
  view_with(BalancePolicy::round_robin, "c");  // None of them is there.
  EXPECT_EQ(view_->zones(0), nullptr);
  EXPECT_EQ(in_zone_a(hops(60)), 30);
  view_with(BalancePolicy::round_robin, "a");
  set_zones("aaaaaa");
  EXPECT_EQ(view_->zones(0), nullptr);
  settings_.backends["shop"].balance.locality.reset();
  view_ = std::make_unique<View>(Snapshot::build(settings_, ++version_, {}, {}, states_), random_);
  set_zones("aaabbb");
  EXPECT_EQ(view_->zones(0), nullptr);
  EXPECT_EQ(in_zone_a(hops(60)), 30);
  EXPECT_EQ(last_.zone, Hop::Zone::none);
}

TEST_F(ZonesTest, our_zone_may_be_told_later_and_the_file_knows_better) {
  view_with(BalancePolicy::round_robin, "");
  view_->set_zone("b");
  EXPECT_EQ(in_zone_a(hops(60)), 0);
  view_->set_zone("a");
  EXPECT_EQ(in_zone_a(hops(60)), 60);
  view_with(BalancePolicy::round_robin, "", "b");  // A reload.
  EXPECT_EQ(in_zone_a(hops(60)), 0);
  view_with(BalancePolicy::round_robin, "a", "b");
  EXPECT_EQ(in_zone_a(hops(60)), 60);
  view_->set_zone("b");
  EXPECT_EQ(in_zone_a(hops(60)), 60);
}

TEST_F(ZonesTest, endpoints_that_change_zones_count_at_once) {
  view_with(BalancePolicy::round_robin, "a");
  set_zones("bbbaaa");
  EXPECT_EQ(in_zone_a(hops(60)), 0);
  set_zones("bbbbbb");
  EXPECT_EQ(in_zone_a(hops(60)), 30);
}

TEST_F(ZonesTest, topology_hints_go_before_zones) {
  view_with(BalancePolicy::p2c_ewma, "b");
  set_hints({"a", "a", "ab", "b", "bc", "c"});
  const auto hinted = [](const std::map<std::size_t, int>& counts) {
    int sum = 0;
    for (const auto& [index, count] : counts) sum += index >= 2 && index <= 4 ? count : 0;
    return sum;
  };
  const auto counts = hops(600);
  EXPECT_EQ(counts.size(), 3u);
  for (const std::size_t index : {2, 3, 4}) EXPECT_GT(counts.at(index), 100);
  EXPECT_EQ(last_.zone, Hop::Zone::own);
  fail(2);
  EXPECT_NEAR(hinted(hops(600)), 560, 1);  // 1.4 x 2/3: what is too much for two goes on.
  fail(3);
  fail(4);
  EXPECT_EQ(hinted(hops(60)), 0);
}

TEST_F(ZonesTest, topology_hints_need_no_setting_but_one_on_each_endpoint_and_one_for_us) {
  settings_.backends["shop"].balance.policy = BalancePolicy::round_robin;
  settings_.backends["shop"].balance.locality.reset();
  view_ =
      std::make_unique<View>(Snapshot::build(settings_, ++version_, {}, {}, states_), random_, "b");
  set_hints({"a", "a", "a", "b", "b", "b"});
  EXPECT_NE(view_->zones(0), nullptr);
  const std::vector<std::vector<std::string>> void_hints{{"a", "a", "a", "b", "b", "-"},
                                                         {"a", "a", "a", "c", "c", "c"},
                                                         {"b", "b", "b", "b", "b", "b"},
                                                         {"-", "-", "-", "-", "-", "-"}};
  for (const auto& hints : void_hints) {
    set_hints(hints);
    EXPECT_EQ(view_->zones(0), nullptr);
    EXPECT_EQ(in_zone_a(hops(60)), 30);
  }
  // We learn later where we are.
  set_hints({"a", "a", "a", "b", "b", "b"});
  view_->set_zone("a");
  EXPECT_EQ(in_zone_a(hops(60)), 60);
}

TEST_F(ZonesTest, a_retry_leaves_the_zone_that_has_just_failed) {
  view_with(BalancePolicy::p2c_ewma, "a");
  for (int i = 0; i < 30; ++i) {
    TriedEndpoints tried;
    const auto first = *next_hop(*view_, 0, {}, tried, {}, kNow);
    ASSERT_EQ(first.zone, Hop::Zone::own);
    const auto second = *next_hop(*view_, 0, {}, tried, {}, kNow);
    ASSERT_EQ(second.zone, Hop::Zone::other);
    const auto third = *next_hop(*view_, 0, {}, tried, {}, kNow);
    EXPECT_NE(index_of(third), index_of(first));
    EXPECT_NE(index_of(third), index_of(second));
  }
  // If nobody is well there, it stays.
  for (const std::size_t index : {3, 4, 5}) fail(index);
  TriedEndpoints tried;
  (void)next_hop(*view_, 0, {}, tried, {}, kNow);
  EXPECT_EQ(next_hop(*view_, 0, {}, tried, {}, kNow)->zone, Hop::Zone::own);
}

TEST_F(ZonesTest, a_set_that_shrinks_between_two_attempts_is_only_smaller) {
  for (const auto policy : kAllPolicies) {
    SCOPED_TRACE(static_cast<int>(policy));
    for (int i = 0; i < 20; ++i) {
      view_with(policy, i % 2 == 0 ? "a" : "b");
      if (i % 4 < 2) fail(1);
      TriedEndpoints tried;
      for (int attempt = 0; attempt < 3; ++attempt) (void)next_hop(*view_, 0, {}, tried, {}, kNow);
      set_zones("ab");
      EXPECT_LT(index_of(*next_hop(*view_, 0, {}, tried, {}, kNow)), 2u);
    }
  }
}

TEST_F(ZonesTest, an_endpoint_that_has_left_says_nothing_against_its_zone) {
  view_with(BalancePolicy::round_robin, "b");
  TriedEndpoints tried;
  ASSERT_GE(index_of(*next_hop(*view_, 0, {}, tried, {}, kNow)), 3u);
  set_zones("bba");
  EXPECT_EQ(next_hop(*view_, 0, {}, tried, {}, kNow)->zone, Hop::Zone::own);
  EXPECT_EQ(next_hop(*view_, 0, {}, tried, {}, kNow)->zone, Hop::Zone::other);
}

TEST_F(ZonesTest, whoever_was_left_out_elsewhere_is_tried_though_nothing_spills_over) {
  view_with(BalancePolicy::p2c_ewma, "a");
  fail(4);
  EXPECT_EQ(in_zone_a(hops(60)), 60);
  const auto later = kNow + std::chrono::minutes(1);
  TriedEndpoints tried;
  const auto hop = next_hop(*view_, 0, {}, tried, {}, later);
  EXPECT_EQ(index_of(*hop), 4u);
  EXPECT_TRUE(hop->is_try);
  TriedEndpoints others;  // One finds out for all.
  EXPECT_EQ(next_hop(*view_, 0, {}, others, {}, later)->zone, Hop::Zone::own);
}

}  // namespace
}  // namespace epaulet::path
