#include "discovery/directory_source.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "discovery/endpoint_memory.h"
#include "tests/support/sim_loop.h"
#include "tests/unit/discovery/fake_resolver.h"

namespace epaulet::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kName = "api2.default";
constexpr const char* kDns = "api2.default.svc.cluster.local";
constexpr const char* kApi = "spiffe://td/ns/default/sa/api2";
constexpr const char* kOther = "spiffe://td/ns/default/sa/other";

BackendSettings directory_backend(std::vector<std::string> identities = {},
                                  const std::string& dns = "") {
  BackendSettings backend;
  backend.name = kName;
  backend.endpoints.directory = kName;
  backend.endpoints.dns = dns;
  backend.endpoints.port = 80;
  backend.tls.identities = std::move(identities);
  return backend;
}

ServiceView::Endpoint endpoint(const std::string& address, const std::string& identity = kApi) {
  ServiceView::Endpoint made;
  made.address = *IpAddress::parse(address);
  made.identity = identity;
  return made;
}
ServiceView::Endpoint ending(const std::string& address) {
  auto made = endpoint(address);
  made.ready = false;
  made.terminating = true;
  return made;
}

std::shared_ptr<ServiceView> view_of(std::vector<ServiceView::Endpoint> endpoints) {
  auto view = std::make_shared<ServiceView>();
  view->service = kName;
  view->groups.emplace_back();
  view->groups.back().ports = {{80, 8080}};
  view->groups.back().endpoints = std::move(endpoints);
  return view;
}

class EndpointsInTest : public testing::Test {
 protected:
  std::string in(const ServiceView& view, const BackendSettings& backend = directory_backend()) {
    std::string text;
    for (const auto& each : endpoints_in(view, backend, looks))
      text += (text.empty() ? "" : " ") + each.address.to_string() +
              (each.identity ? "=" + each.identity->ids.front().substr(26) : "");
    return text;
  }
  DnsLooks looks;
};

TEST_F(EndpointsInTest, the_services_port_leads_to_the_endpoints_port) {
  auto view = view_of({endpoint("10.0.0.2"), endpoint("10.0.0.1")});
  EXPECT_EQ(in(*view), "10.0.0.1:8080=api2 10.0.0.2:8080=api2");
  view->groups[0].ports = {{81, 8080}};
  EXPECT_EQ(in(*view), "");
  // A headless Service without ports: the app's own.
  view->is_headless = true;
  view->groups[0].ports.clear();
  EXPECT_EQ(in(*view), "10.0.0.1:80=api2 10.0.0.2:80=api2");
}

TEST_F(EndpointsInTest, those_that_end_are_used_only_if_no_other_is_ready) {
  auto gone = endpoint("10.0.0.3");
  gone.ready = gone.serving = false;
  auto starting = endpoint("10.0.0.4");
  starting.ready = false;
  EXPECT_EQ(in(*view_of({ending("10.0.0.1"), endpoint("10.0.0.2"), gone, starting})),
            "10.0.0.2:8080=api2");
  EXPECT_EQ(in(*view_of({ending("10.0.0.1"), gone, starting})), "10.0.0.1:8080=api2");
  EXPECT_EQ(in(*view_of({gone, starting})), "");
}

TEST_F(EndpointsInTest, an_address_is_used_once_however_many_slices_have_it) {
  auto view = view_of({endpoint("10.0.0.1"), endpoint("10.0.0.1")});
  view->groups.push_back(view->groups.front());
  EXPECT_EQ(in(*view), "10.0.0.1:8080=api2");
}

TEST_F(EndpointsInTest, the_files_word_about_identities_goes_before_the_directorys) {
  const auto view =
      view_of({endpoint("10.0.0.1"), endpoint("10.0.0.2", kOther), endpoint("10.0.0.3", "")});
  // Who is in no mesh is left out.
  EXPECT_EQ(in(*view), "10.0.0.1:8080=api2 10.0.0.2:8080=other");
  EXPECT_EQ(in(*view, directory_backend({kApi})), "10.0.0.1:8080=api2");
  auto plain = directory_backend();
  plain.tls.mode = UpstreamTls::none;
  EXPECT_EQ(in(*view, plain), "10.0.0.1:8080 10.0.0.2:8080 10.0.0.3:8080");
}

TEST_F(EndpointsInTest, addresses_that_can_be_no_endpoint_are_refused_and_counted) {
  EXPECT_EQ(in(*view_of({endpoint("127.0.0.1"), endpoint("::1"), endpoint("10.0.0.1")})),
            "10.0.0.1:8080=api2");
  EXPECT_EQ(looks.addresses_refused, 2u);
}

TEST_F(EndpointsInTest, zones_are_kept_and_another_zone_is_another_endpoint) {
  auto there = endpoint("10.0.0.1");
  there.zone = "eu-1a";
  const auto in_a = endpoints_in(*view_of({there}), directory_backend(), looks);
  ASSERT_EQ(in_a.size(), 1u);
  EXPECT_EQ(in_a[0].zone, "eu-1a");
  there.zone = "eu-1b";
  EXPECT_NE(endpoints_in(*view_of({there}), directory_backend(), looks), in_a);
}

TEST_F(EndpointsInTest, topology_hints_are_kept_and_other_ones_are_news) {
  auto there = endpoint("10.0.0.1");
  there.for_zones = {"eu-1a", "eu-1b"};
  const auto before = endpoints_in(*view_of({there}), directory_backend(), looks);
  ASSERT_EQ(before.size(), 1u);
  EXPECT_EQ(before[0].for_zones, there.for_zones);
  there.for_zones.pop_back();
  EXPECT_NE(endpoints_in(*view_of({there}), directory_backend(), looks), before);
}

TEST(EndpointIdentity, another_identity_at_an_address_is_another_endpoint) {
  const auto with = [](const char* id) {
    return Endpoint(*SocketAddress::parse("10.0.0.1:80"), 1,
                    std::make_shared<const EndpointIdentity>(id));
  };
  EXPECT_EQ(with(kApi), with(kApi));
  EXPECT_FALSE(with(kApi) == with(kOther));
  EXPECT_FALSE(with(kApi) == Endpoint(*SocketAddress::parse("10.0.0.1:80")));
}

class DirectorySourceTest : public testing::Test {
 protected:
  std::unique_ptr<DirectorySource> make(const BackendSettings& backend = directory_backend(),
                                        EndpointSetPtr remembered = nullptr) {
    Beginning beginning{first_set(std::move(remembered), backend.name, loop.wall_now())};
    auto source = std::make_unique<DirectorySource>(
        loop, feed, backend, std::move(beginning), looks, [this](const BackendSettings& other) {
          Beginning nothing{first_set(nullptr, other.name, loop.wall_now())};
          return std::make_unique<DnsSource>(loop, resolver, other, std::move(nothing), looks);
        });
    source->start([this](EndpointSetPtr set) { published.push_back(std::move(set)); });
    return source;
  }
  static Task<void> look_in_scope(DirectorySource& source, Scope& scope, int& ended) {
    auto look = source.look(scope);
    co_await look;
    ++ended;
  }

  SimLoop loop;
  FakeResolver resolver;
  DirectoryFeed feed;
  std::shared_ptr<DnsLooks> looks = std::make_shared<DnsLooks>();
  Scope scope{loop};
  int ended = 0;
  std::vector<EndpointSetPtr> published;
};

TEST_F(DirectorySourceTest, publishes_each_change_at_once_and_what_is_the_same_not_again) {
  const auto source = make();
  EXPECT_EQ(feed.wanted(), (std::vector<std::string>{kName}));
  feed.take(view_of({endpoint("10.0.0.1")}));
  feed.take(view_of({endpoint("10.0.0.1")}));
  feed.take(view_of({endpoint("10.0.0.1", kOther)}));
  ASSERT_EQ(published.size(), 2u);
  EXPECT_EQ(published[1]->version, 2u);
  EXPECT_TRUE(published[1]->ever_had_endpoint);
  // The last one has gone: an explained 503, no "not deployed".
  feed.take(view_of({}));
  EXPECT_EQ(addresses_of(*source->current()), "");
  EXPECT_TRUE(source->current()->ever_had_endpoint);
}

TEST_F(DirectorySourceTest, the_services_own_addresses_are_told_with_its_endpoints) {
  const auto source = make();
  auto view = std::make_shared<ServiceView>(*view_of({endpoint("10.0.0.1")}));
  view->cluster_ips = {*IpAddress::parse("10.96.0.7"), *IpAddress::parse("127.0.0.1")};
  feed.take(view);
  ASSERT_EQ(published.size(), 1u);
  EXPECT_EQ(published[0]->service_addresses, std::vector{*IpAddress::parse("10.96.0.7")});
  view = std::make_shared<ServiceView>(*view);
  view->cluster_ips = {*IpAddress::parse("10.96.0.8")};
  feed.take(view);
  ASSERT_EQ(published.size(), 2u) << "the address alone has changed";
  EXPECT_EQ(published[1]->service_addresses, view->cluster_ips);
  // The Service is gone, and its address may be another one's soon.
  auto absent = std::make_shared<ServiceView>();
  absent->service = kName;
  absent->is_absent = true;
  feed.take(absent);
  EXPECT_TRUE(source->current()->service_addresses.empty());
}

TEST_F(DirectorySourceTest, a_service_that_is_not_there_never_had_an_endpoint) {
  const auto source = make();
  auto absent = std::make_shared<ServiceView>();
  absent->service = kName;
  absent->is_absent = true;
  feed.take(absent);
  EXPECT_FALSE(source->current()->ever_had_endpoint);
  EXPECT_EQ(source->current()->last_error->code, ErrorCode::dns_name_unknown);
}

TEST_F(DirectorySourceTest, a_directory_that_never_answered_leaves_the_word_to_dns_until_it_does) {
  resolver.answer(kDns, {"10.96.0.7"});
  const auto source = make(directory_backend({kApi}, kDns));
  loop.advance(DirectorySource::kPatience - 1ms);
  EXPECT_EQ(resolver.asked, 0u);
  loop.advance(2ms);
  EXPECT_EQ(addresses_of(*source->current()), "10.96.0.7:80");
  feed.take(view_of({endpoint("10.0.0.1")}));
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.1:8080");
  const auto asked = resolver.asked;
  loop.advance(10min);
  EXPECT_EQ(resolver.asked, asked);
}

TEST_F(DirectorySourceTest, what_an_earlier_process_left_stays_while_nobody_answers) {
  auto left = std::make_shared<EndpointSet>();
  left->backend = kName;
  left->endpoints.emplace_back(*SocketAddress::parse("10.0.0.9:8080"));
  left->ever_had_endpoint = true;
  resolver.answer(kDns, {"10.96.0.7"});
  const auto source = make(directory_backend({kApi}, kDns), left);
  loop.advance(10min);
  EXPECT_EQ(addresses_of(*source->current()), "10.0.0.9:8080");
  EXPECT_EQ(resolver.asked, 0u) << "pods are better than what DNS knows";
  // Of those that are gone nothing is left to stay with.
  auto none = std::make_shared<EndpointSet>(*left);
  none->endpoints.clear();
  const auto other = make(directory_backend({kApi}, kDns), none);
  loop.advance(1min);
  EXPECT_EQ(addresses_of(*other->current()), "10.96.0.7:80");
}

TEST_F(DirectorySourceTest, an_external_name_is_asked_of_dns) {
  resolver.answer("db.example.org", {"192.0.2.1"});
  resolver.answer("next.example.org", {"192.0.2.2"});
  const auto source = make();
  auto view = std::make_shared<ServiceView>();
  view->service = kName;
  view->external_name = "db.example.org";
  feed.take(view);
  loop.advance(1ms);
  EXPECT_EQ(addresses_of(*source->current()), "192.0.2.1:80");
  auto next = std::make_shared<ServiceView>(*view);
  next->external_name = "next.example.org";
  feed.take(next);
  loop.advance(1ms);
  EXPECT_EQ(addresses_of(*source->current()), "192.0.2.2:80");
}

TEST_F(DirectorySourceTest, a_look_waits_for_the_first_word_and_no_longer_than_patience) {
  const auto source = make();
  loop.spawn(look_in_scope(*source, scope, ended));
  loop.advance(1s);
  EXPECT_EQ(ended, 0);
  feed.take(view_of({endpoint("10.0.0.1")}));
  loop.advance(1ms);
  EXPECT_EQ(ended, 1);
  loop.spawn(look_in_scope(*source, scope, ended));
  loop.advance(1ms);
  EXPECT_EQ(ended, 2);
}

TEST_F(DirectorySourceTest, without_any_word_a_look_ends_with_patience) {
  const auto source = make();
  loop.spawn(look_in_scope(*source, scope, ended));
  loop.advance(DirectorySource::kPatience + 1ms);
  EXPECT_EQ(ended, 1);
}

TEST_F(DirectorySourceTest,
       whoever_comes_later_is_told_what_is_known_and_the_last_to_go_is_noticed) {
  int changes = 0;
  feed.set_on_wanted([&changes] { ++changes; });
  auto first = make();
  feed.take(view_of({endpoint("10.0.0.1")}));
  auto second = make();
  EXPECT_EQ(addresses_of(*second->current()), "10.0.0.1:8080");
  EXPECT_EQ(changes, 1);
  first.reset();
  loop.run_until_quiet();
  EXPECT_EQ(changes, 1);
  second.reset();
  loop.run_until_quiet();
  EXPECT_EQ(changes, 2);
  EXPECT_TRUE(feed.wanted().empty());
  feed.take(view_of({endpoint("10.0.0.2")}));
}

TEST(DirectoryMemory, identities_survive_a_restart_and_dns_is_another_question) {
  EndpointMemory memory("");
  EndpointSet set;
  set.backend = kName;
  set.ever_had_endpoint = true;
  set.endpoints.emplace_back(*SocketAddress::parse("10.0.0.1:8080"), 1,
                             std::make_shared<const EndpointIdentity>(kApi));
  memory.remember(directory_backend(), set);
  const auto recalled = memory.recall(directory_backend(), WallTime{});
  ASSERT_NE(recalled, nullptr);
  EXPECT_EQ(recalled->endpoints, set.endpoints);
  EXPECT_EQ(memory.recall(dns_backend(kName, kName, 80), WallTime{}), nullptr);
  const auto entries =
      EndpointMemory::from_json(R"({"version":1,"backends":{"a":{"dns":"directory:a.b",
    "port":80,"endpoints":["10.0.0.1:8080"],"gone_since":0,"identities":{"10.0.0.1:8080":"spiffe://x"}}}})");
  ASSERT_TRUE(entries.has_value());
  EXPECT_EQ(EndpointMemory::from_json(EndpointMemory::to_json(*entries)).value(), *entries);
  EXPECT_FALSE(EndpointMemory::from_json(R"({"version":1,"backends":{"a":{"dns":"d","port":80,
    "endpoints":[],"gone_since":0,"identities":{"x":"y"}}}})"));
}

TEST(DirectoryMemory, the_files_word_about_identities_goes_before_what_was_remembered) {
  EndpointMemory memory("");
  EndpointSet set;
  set.backend = kName;
  set.ever_had_endpoint = true;
  set.endpoints.emplace_back(*SocketAddress::parse("10.0.0.1:8080"), 1,
                             std::make_shared<const EndpointIdentity>(kApi));
  set.endpoints.emplace_back(*SocketAddress::parse("10.0.0.2:8080"));  // Of DNS.
  memory.remember(directory_backend(), set);
  const auto recalled = [&memory](const BackendSettings& backend) {
    const auto left = memory.recall(backend, WallTime{});
    EXPECT_TRUE(left->ever_had_endpoint);
    std::string text;
    for (const auto& each : left->endpoints)
      text +=
          each.address.to_string() + (each.identity ? "=" + each.identity->ids.front() : "") + " ";
    return text;
  };
  EXPECT_EQ(recalled(directory_backend()), "10.0.0.1:8080=" + std::string(kApi) + " ");
  EXPECT_EQ(recalled(directory_backend({kApi})),
            "10.0.0.1:8080=" + std::string(kApi) + " 10.0.0.2:8080 ");
  EXPECT_EQ(recalled(directory_backend({kOther})), "10.0.0.2:8080 ");
  auto plain = directory_backend();
  plain.tls.mode = UpstreamTls::none;
  EXPECT_EQ(recalled(plain), "10.0.0.1:8080 10.0.0.2:8080 ");
}

}  // namespace
}  // namespace epaulet::test
