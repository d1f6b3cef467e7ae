#include "discovery/dns_source.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "tests/support/sim_loop.h"
#include "tests/unit/discovery/fake_resolver.h"

namespace epaulet::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kName = "api2.default.svc.cluster.local";

class DnsSourceTest : public testing::Test {
 protected:
  std::unique_ptr<DnsSource> make(EndpointSetPtr remembered = nullptr) {
    Beginning beginning{first_set(std::move(remembered), "api2.default", loop.wall_now())};
    auto source = std::make_unique<DnsSource>(loop, resolver, dns_backend("api2.default", kName),
                                              std::move(beginning), looks);
    source->start([this](EndpointSetPtr set) { published.push_back(std::move(set)); });
    return source;
  }
  Beginning nothing_yet() { return {first_set(nullptr, "api2.default", loop.wall_now())}; }
  /// A look on demand; sets `ended`.
  void spawn_look(DnsSource& source) { loop.spawn(look_in_scope(source, scope, ended)); }
  static Task<void> look_in_scope(DnsSource& source, Scope& scope, int& ended) {
    auto look = source.look(scope);
    co_await look;
    ++ended;
  }

  SimLoop loop;
  FakeResolver resolver;
  std::shared_ptr<DnsLooks> looks = std::make_shared<DnsLooks>();
  Scope scope{loop};
  int ended = 0;
  std::vector<EndpointSetPtr> published;
};

TEST_F(DnsSourceTest, publishes_the_addresses_with_the_configured_port) {
  resolver.answer(kName, {"10.0.0.2", "10.0.0.1", "fd00::1"});
  const auto source = make();
  loop.advance(1ms);
  ASSERT_EQ(published.size(), 1u);
  EXPECT_EQ(addresses_of(*published[0]), "[fd00::1]:8080 10.0.0.1:8080 10.0.0.2:8080");
  EXPECT_TRUE(published[0]->ever_had_endpoint);
  EXPECT_EQ(published[0]->version, 1u);
  EXPECT_FALSE(published[0]->last_error);
  EXPECT_EQ(source->current(), published[0]);
}

TEST_F(DnsSourceTest, refuses_addresses_that_can_be_no_endpoint) {
  looks->virtual_networks = {*IpNetwork::parse("240.0.0.0/8"), *IpNetwork::parse("fd00:e9a0::/32")};
  std::vector<std::string> refused;
  looks->on_refused = [&](const std::string& backend, const IpAddress& address) {
    EXPECT_EQ(backend, "api2.default");
    refused.push_back(address.to_string());
  };
  resolver.answer(kName, {"127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255",
                          "ff02::1", "240.0.0.7", "fd00:e9a0::7", "10.0.0.1", "169.254.20.10"});
  const auto source = make();
  loop.advance(1ms);
  ASSERT_EQ(published.size(), 1u);
  EXPECT_EQ(addresses_of(*published[0]), "10.0.0.1:8080 169.254.20.10:8080");
  EXPECT_EQ(looks->addresses_refused, 9u);
  EXPECT_EQ(refused.size(), 9u);
}

TEST_F(DnsSourceTest, keeps_the_last_good_endpoints_when_all_addresses_are_refused) {
  resolver.answer(kName, {"10.0.0.1"}, 20s);
  const auto source = make();
  loop.advance(1ms);
  resolver.answer(kName, {"127.0.0.1"}, 20s);
  loop.advance(23s);
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.1:8080");
  ASSERT_TRUE(source->current()->last_error);
  EXPECT_EQ(source->current()->last_error->code, ErrorCode::dns_failed);
  EXPECT_EQ(looks->answered, 1u);
  EXPECT_GE(looks->failed, 1u);
}

TEST_F(DnsSourceTest, asks_again_when_the_ttl_is_over_with_up_to_a_tenth_of_jitter) {
  resolver.answer(kName, {"10.0.0.1"}, 20s);
  const auto source = make();
  loop.advance(1ms);
  loop.advance(19s);
  EXPECT_EQ(resolver.asked, 1u);
  resolver.answer(kName, {"10.0.0.2"}, 20s);
  loop.advance(4s);
  EXPECT_EQ(resolver.asked, 2u);
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.2:8080");
}

TEST_F(DnsSourceTest, publishes_nothing_when_nothing_changed) {
  resolver.answer(kName, {"10.0.0.1"}, 1s);
  const auto source = make();
  loop.advance(10s);
  EXPECT_GE(resolver.asked, 5u);
  EXPECT_EQ(published.size(), 1u);
}

TEST_F(DnsSourceTest, keeps_the_last_good_endpoints_for_as_long_as_no_server_answers) {
  resolver.answer(kName, {"10.0.0.1"}, 1s);
  const auto source = make();
  loop.advance(1ms);
  resolver.fail(kName);
  loop.advance(1h);
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.1:8080");
  ASSERT_TRUE(source->current()->last_error);
  EXPECT_EQ(source->current()->last_error->code, ErrorCode::dns_failed);
  resolver.answer(kName, {"10.0.0.9"});
  loop.advance(40s);
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.9:8080");
  EXPECT_FALSE(source->current()->last_error);
}

TEST_F(DnsSourceTest, keeps_them_through_a_single_no_and_drops_them_at_the_second) {
  resolver.answer(kName, {"10.0.0.1"}, 5s);
  const auto source = make();
  loop.advance(1ms);
  resolver.forget(kName);
  loop.advance(5600ms);
  EXPECT_EQ(resolver.asked, 2u);
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.1:8080");
  loop.advance(1200ms);
  EXPECT_EQ(resolver.asked, 3u);
  EXPECT_EQ(addresses_of(*source->current()), "");
  EXPECT_TRUE(source->current()->ever_had_endpoint);
  EXPECT_EQ(source->current()->last_error->code, ErrorCode::dns_name_unknown);
}

TEST_F(DnsSourceTest, notices_within_seconds_that_lost_endpoints_are_back) {
  resolver.answer(kName, {"10.0.0.1"}, 1s);
  const auto source = make();
  loop.advance(1ms);
  resolver.forget(kName);
  loop.advance(1min);
  ASSERT_EQ(addresses_of(*source->current()), "");
  resolver.answer(kName, {"10.0.0.1"});
  loop.advance(2300ms);
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.1:8080");
}

TEST_F(DnsSourceTest, keeps_the_family_whose_query_failed) {
  resolver.answer(kName, {"10.0.0.1", "fd00::1"}, 1s);
  const auto source = make();
  loop.advance(1ms);
  Addresses only_v4;
  only_v4.addresses = {*IpAddress::parse("10.0.0.2")};
  only_v4.ttl = 1s;
  only_v4.v6_failed = true;
  resolver.set(kName, only_v4);
  loop.advance(1200ms);
  EXPECT_EQ(addresses_of(*source->current()), "[fd00::1]:8080 10.0.0.2:8080");
}

TEST_F(DnsSourceTest, says_that_a_name_never_had_an_endpoint) {
  const auto source = make();
  EXPECT_FALSE(source->current()->ever_had_endpoint);
  loop.advance(1ms);
  EXPECT_FALSE(source->current()->ever_had_endpoint);
  EXPECT_EQ(source->current()->last_error->code, ErrorCode::dns_name_unknown);
}

TEST_F(DnsSourceTest, begins_with_what_an_earlier_process_knew) {
  auto remembered = std::make_shared<EndpointSet>();
  remembered->backend = "api2.default";
  remembered->endpoints = {{*SocketAddress::parse("10.0.0.7:8080")}};
  remembered->ever_had_endpoint = true;
  resolver.fail(kName);
  const auto source = make(remembered);
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.7:8080");
  loop.advance(10s);
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.7:8080");
}

TEST_F(DnsSourceTest, bounds_the_number_of_endpoints) {
  Addresses many;
  many.ttl = 30s;
  for (std::uint32_t i = 0; i < limits::kEndpointsPerBackendMax + 1; ++i) {
    many.addresses.push_back(IpAddress::v4(0x0a000000u + i));
  }
  resolver.set(kName, many);
  const auto source = make();
  loop.advance(1ms);
  EXPECT_EQ(source->current()->endpoints.size(), limits::kEndpointsPerBackendMax);
}

TEST_F(DnsSourceTest, a_look_on_demand_finds_a_record_that_has_just_appeared) {
  const auto source = make();
  loop.advance(2s);
  ASSERT_EQ(resolver.asked, 1u);
  resolver.answer(kName, {"10.0.0.1"});
  spawn_look(*source);
  loop.run_until_quiet();
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.1:8080");
}

TEST_F(DnsSourceTest, looks_on_demand_at_most_once_a_second) {
  const auto source = make();
  loop.advance(2s);
  ASSERT_EQ(resolver.asked, 1u);
  for (int i = 0; i < 10; ++i) {
    spawn_look(*source);
    loop.advance(90ms);
  }
  EXPECT_EQ(resolver.asked, 2u);
  EXPECT_EQ(ended, 10);
  loop.advance(150ms);
  spawn_look(*source);
  loop.run_until_quiet();
  EXPECT_EQ(resolver.asked, 3u);
}

TEST_F(DnsSourceTest, all_who_ask_meanwhile_wait_for_the_same_look) {
  resolver.holds = true;
  const auto source = make();
  loop.advance(1ms);
  for (int i = 0; i < 5; ++i) spawn_look(*source);
  loop.run_until_quiet();
  EXPECT_EQ(resolver.asked, 1u);
  EXPECT_EQ(ended, 0);
  resolver.release();
  loop.run_until_quiet();
  EXPECT_EQ(ended, 5);
}

TEST_F(DnsSourceTest, a_look_ends_with_the_scope_of_who_waits_and_goes_on_for_the_others) {
  resolver.holds = true;
  resolver.answer(kName, {"10.0.0.1"});
  const auto source = make();
  loop.advance(1ms);
  scope.set_deadline(loop.now() + 1s, Error(ErrorCode::dns_failed, Side::upstream, Stage::dns));
  spawn_look(*source);
  loop.advance(999ms);
  EXPECT_EQ(ended, 0);
  loop.advance(2ms);
  EXPECT_EQ(ended, 1);
  resolver.release();
  loop.run_until_quiet();
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.1:8080");
}

TEST_F(DnsSourceTest, destroying_it_ends_its_look_and_whoever_waits) {
  resolver.holds = true;
  resolver.answer(kName, {"10.0.0.1"});
  auto source = make();
  loop.advance(1ms);
  spawn_look(*source);
  loop.run_until_quiet();
  source.reset();
  loop.run_until_quiet();
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(resolver.waiting, 0u);
  EXPECT_EQ(looks->taken, 0u);
  EXPECT_TRUE(published.empty());
  EXPECT_EQ(loop.spawned_tasks(), 0u);
}

TEST_F(DnsSourceTest, does_not_look_in_the_background_while_all_looks_are_taken) {
  looks->taken = limits::kLooksMax;
  const auto source = make();
  loop.advance(500ms);
  EXPECT_EQ(resolver.asked, 0u);
  looks->taken = 0;
  loop.advance(60ms);
  EXPECT_EQ(resolver.asked, 1u);
}

TEST_F(DnsSourceTest, the_loop_may_go_while_it_looks) {
  auto other = std::make_unique<SimLoop>();
  resolver.holds = true;
  auto source =
      std::make_unique<DnsSource>(*other, resolver, dns_backend("b", kName), nothing_yet(), looks);
  source->start({});
  other->advance(1ms);
  EXPECT_EQ(looks->taken, 1u);
  source.reset();
  other.reset();
  EXPECT_EQ(looks->taken, 0u);
}

// SRV.

class SrvSourceTest : public DnsSourceTest {
 protected:
  static constexpr const char* kService = "_http._tcp.api2.default.svc.cluster.local";

  std::unique_ptr<DnsSource> make_srv() {
    auto source = std::make_unique<DnsSource>(
        loop, resolver, dns_backend("api2.default", kService, 0), nothing_yet(), looks);
    source->start([this](EndpointSetPtr set) { published.push_back(std::move(set)); });
    return source;
  }
  static ServiceEndpoints service(std::vector<Endpoint> endpoints, bool is_partial = false) {
    return {std::move(endpoints), 1s, is_partial};
  }
  static Endpoint endpoint(std::string_view address, std::uint32_t weight) {
    return {*SocketAddress::parse(address), weight};
  }
};

TEST_F(SrvSourceTest, publishes_ports_and_weights_and_their_changes) {
  resolver.set_service(kService, service({endpoint("10.0.0.2:81", 3), endpoint("10.0.0.1:80", 1)}));
  const auto source = make_srv();
  loop.advance(1ms);
  EXPECT_EQ(source->current()->endpoints,
            (std::vector{endpoint("10.0.0.1:80", 1), endpoint("10.0.0.2:81", 3)}));
  resolver.set_service(kService, service({endpoint("10.0.0.2:81", 4), endpoint("10.0.0.1:80", 1)}));
  loop.advance(1200ms);
  EXPECT_EQ(source->current()->endpoints.at(1).weight, 4u);
  EXPECT_EQ(published.size(), 2u);
}

TEST_F(SrvSourceTest, a_partial_answer_adds_and_takes_nothing_away) {
  resolver.set_service(kService, service({endpoint("10.0.0.1:80", 1), endpoint("10.0.0.2:80", 1)}));
  const auto source = make_srv();
  loop.advance(1ms);
  resolver.set_service(kService,
                       service({endpoint("10.0.0.2:80", 9), endpoint("10.0.0.3:80", 1)}, true));
  loop.advance(1200ms);
  EXPECT_EQ(source->current()->endpoints,
            (std::vector{endpoint("10.0.0.1:80", 1), endpoint("10.0.0.2:80", 9),
                         endpoint("10.0.0.3:80", 1)}));
}

TEST_F(SrvSourceTest, keeps_the_last_good_ones_through_failures_and_drops_them_at_the_second_no) {
  resolver.set_service(kService, service({endpoint("10.0.0.1:80", 1)}));
  const auto source = make_srv();
  loop.advance(1ms);
  resolver.fail(kService);
  loop.advance(1min);
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.1:80");
  resolver.forget(kService);
  loop.advance(40s);
  EXPECT_EQ(addresses_of(*source->current()), "");
}

}  // namespace
}  // namespace epaulet::test
