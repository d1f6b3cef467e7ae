#include "discovery/endpoints.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "discovery/directory_source.h"
#include "tests/support/sim_loop.h"
#include "tests/unit/discovery/fake_resolver.h"
#include "tests/unit/discovery/temporary_folder.h"

namespace epaulet::test {
namespace {

using namespace std::chrono_literals;

Settings settings_with(std::initializer_list<BackendSettings> backends,
                       const std::string& state_dir = "") {
  Settings settings;
  settings.state_dir = state_dir;
  for (const auto& backend : backends) settings.backends[backend.name] = backend;
  return settings;
}

class EndpointsTest : public testing::Test {
 protected:
  std::unique_ptr<Endpoints> make() {
    auto made = std::make_unique<Endpoints>(loop, resolver, feed,
                                            [this](const std::string& backend, EndpointSetPtr set) {
                                              ++changes;
                                              published[backend].push_back(set);
                                              latest[backend] = std::move(set);
                                            });
    made->set_on_storage([this](const std::optional<Error>& error) {
      storage.push_back(error ? error->code : ErrorCode::none);
    });
    return made;
  }
  SimLoop loop;
  FakeResolver resolver;
  DirectoryFeed feed;
  std::map<std::string, EndpointSetPtr> latest;
  std::map<std::string, std::vector<EndpointSetPtr>> published;  ///< All that there were.
  int changes = 0;
  std::vector<ErrorCode> storage;  ///< What was said of the state directory; none: it works again.
};

TEST_F(EndpointsTest, publishes_a_static_list_at_once) {
  const auto endpoints = make();
  endpoints->apply(
      settings_with({static_backend("s", {"10.0.0.2:80", "10.0.0.1:80", "10.0.0.1:80"})}));
  ASSERT_NE(latest["s"], nullptr);
  EXPECT_EQ(addresses_of(*latest["s"]), "10.0.0.1:80 10.0.0.2:80");
  EXPECT_TRUE(endpoints->ever_had_endpoint("s"));
  EXPECT_EQ(endpoints->find("s"), latest["s"]);
  EXPECT_EQ(endpoints->snapshot().at(0).kind, "static");
}

TEST_F(EndpointsTest, an_empty_static_list_never_had_an_endpoint) {
  const auto endpoints = make();
  endpoints->apply(settings_with({static_backend("s", {})}));
  EXPECT_FALSE(endpoints->ever_had_endpoint("s"));
}

TEST_F(EndpointsTest, publishes_a_dns_backend_first_empty_and_then_with_its_endpoints) {
  resolver.answer("d.example", {"10.0.0.1"});
  const auto endpoints = make();
  endpoints->apply(settings_with({dns_backend("d", "d.example")}));
  ASSERT_NE(latest["d"], nullptr);
  EXPECT_EQ(addresses_of(*latest["d"]), "");
  loop.advance(1ms);
  EXPECT_EQ(addresses_of(*latest["d"]), "10.0.0.1:8080");
  EXPECT_EQ(endpoints->snapshot().at(0).kind, "dns");
}

TEST_F(EndpointsTest, a_reload_keeps_what_is_known_of_an_unchanged_backend) {
  resolver.answer("d.example", {"10.0.0.1"});
  const auto endpoints = make();
  auto backend = dns_backend("d", "d.example");
  endpoints->apply(settings_with({backend}));
  loop.advance(1ms);
  const int changes_before = changes;
  backend.tls.identities = {"spiffe://cluster.local/ns/default/sa/d"};
  backend.endpoints.origin.line = 7;
  endpoints->apply(settings_with({backend, static_backend("s", {"10.0.0.9:80"})}));
  loop.advance(1ms);
  EXPECT_EQ(changes, changes_before + 1);
  EXPECT_EQ(resolver.asked, 1u);
  EXPECT_EQ(addresses_of(*endpoints->find("d")), "10.0.0.1:8080");
}

TEST_F(EndpointsTest, a_reload_that_changes_the_port_makes_before_it_breaks) {
  resolver.answer("d.example", {"10.0.0.1"});
  const auto endpoints = make();
  endpoints->apply(settings_with({dns_backend("d", "d.example")}));
  loop.advance(1ms);
  published.clear();
  resolver.holds = true;
  endpoints->apply(settings_with({dns_backend("d", "d.example", 9090)}));
  loop.advance(4s);
  EXPECT_EQ(addresses_of(*endpoints->find("d")), "10.0.0.1:8080");
  EXPECT_EQ(resolver.asked, 2u);
  endpoints->apply(settings_with({dns_backend("d", "e.example", 9090)}));  // Once more.
  resolver.answer("e.example", {"10.0.0.2"});
  resolver.release();
  loop.advance(1ms);
  EXPECT_EQ(addresses_of(*endpoints->find("d")), "10.0.0.2:9090");
  for (const auto& set : published["d"]) EXPECT_NE(addresses_of(*set), "");
}

TEST_F(EndpointsTest, others_endpoints_stay_no_longer_than_the_first_look_takes) {
  resolver.answer("d.example", {"10.0.0.1"});
  const auto endpoints = make();
  const auto lost = [&](bool is_unknown) {
    endpoints->apply(settings_with({dns_backend("d", "d.example")}));
    loop.advance(2s);
    EXPECT_EQ(addresses_of(*latest["d"]), "10.0.0.1:8080");
    if (!is_unknown) resolver.fail("other.example");
    endpoints->apply(settings_with({dns_backend("d", "other.example")}));
    EXPECT_EQ(addresses_of(*latest["d"]), "10.0.0.1:8080");
    loop.advance(1ms);
    EXPECT_EQ(addresses_of(*latest["d"]), "");
    EXPECT_FALSE(endpoints->ever_had_endpoint("d")) << "under this name";
    ASSERT_TRUE(latest["d"]->last_error);
    EXPECT_EQ(latest["d"]->last_error->code,
              is_unknown ? ErrorCode::dns_name_unknown : ErrorCode::dns_failed);
  };
  lost(true);
  lost(false);
}

TEST_F(EndpointsTest, others_endpoints_are_not_remembered_as_ones_own) {
  const TemporaryFolder folder;
  resolver.answer("d.example", {"10.0.0.1"});
  const auto endpoints = make();
  endpoints->apply(settings_with({dns_backend("d", "d.example")}));
  loop.advance(1ms);
  resolver.holds = true;
  endpoints->apply(settings_with({dns_backend("d", "other.example")}));
  endpoints->apply(settings_with({dns_backend("d", "other.example")}, folder.path()));
  loop.advance(1s);
  EXPECT_EQ(addresses_of(*latest["d"]), "10.0.0.1:8080");
  EXPECT_EQ(folder.read("endpoints.json").find("10.0.0.1"), std::string::npos);
}

TEST_F(EndpointsTest, versions_grow_through_all_sources_that_a_backend_ever_has) {
  const auto endpoints = make();
  int last = 0;
  const auto changes_of = [&](const BackendSettings& backend) {
    endpoints->apply(settings_with({backend}));
    for (int i = 0; i < 3; ++i) {
      resolver.answer(backend.endpoints.dns, {"10.0.0." + std::to_string(++last)}, 1s);
      loop.advance(1min);
    }
  };
  changes_of(dns_backend("d", "d.example"));
  changes_of(dns_backend("d", "d.example", 9090));
  changes_of(dns_backend("d", "e.example"));
  endpoints->apply(settings_with({static_backend("d", {"10.0.0.1:80"})}));
  endpoints->apply(settings_with({static_backend("d", {"10.0.0.2:80"})}));
  endpoints->apply(settings_with({}));
  endpoints->apply(settings_with({static_backend("d", {"10.0.0.1:80"})}));
  changes_of(dns_backend("d", "d.example"));
  std::uint64_t before = 0;
  ASSERT_GE(published["d"].size(), 15u);
  EXPECT_EQ(published["d"].front()->version, 0u);
  for (const auto& set : published["d"]) {
    EXPECT_TRUE(set == published["d"].front() || set->version > before) << set->version;
    before = set->version;
  }
}

class EndpointsOfDirectoryTest : public EndpointsTest {
 protected:
  static BackendSettings backend(std::vector<std::string> identities) {
    BackendSettings made;
    made.name = "d";
    made.endpoints.directory = "d.default";
    made.endpoints.port = 80;
    made.tls.mode = UpstreamTls::mesh;
    made.tls.identities = std::move(identities);
    return made;
  }
  /// As the directory tells them: an address and an identity each.
  void tell(std::initializer_list<std::pair<std::string_view, std::string>> told) {
    auto view = std::make_shared<ServiceView>();
    view->service = "d.default";
    view->groups.emplace_back();
    view->groups.back().ports = {{80, 8080}};
    for (const auto& [address, identity] : told) {
      view->groups.back().endpoints.emplace_back();
      view->groups.back().endpoints.back().address = *IpAddress::parse(address);
      view->groups.back().endpoints.back().identity = identity;
    }
    feed.take(view);
  }
};

TEST_F(EndpointsOfDirectoryTest, who_may_no_longer_be_dialled_does_not_stand_in) {
  const std::string a = "spiffe://td/ns/default/sa/a";
  const std::string b = "spiffe://td/ns/default/sa/b";
  const auto endpoints = make();
  endpoints->apply(settings_with({backend({})}));
  tell({{"10.0.0.1", a}, {"10.0.0.2", b}});
  loop.advance(1ms);
  EXPECT_EQ(addresses_of(*latest["d"]), "10.0.0.1:8080 10.0.0.2:8080");

  auto other = backend({a});
  other.endpoints.directory = "other.default";
  endpoints->apply(settings_with({other}));
  EXPECT_EQ(addresses_of(*latest["d"]), "10.0.0.1:8080");
  ASSERT_NE(latest["d"]->endpoints[0].identity, nullptr);
  loop.advance(DirectorySource::kPatience + 1ms);
  EXPECT_EQ(addresses_of(*latest["d"]), "") << "the directory does not answer";

  endpoints->apply(settings_with({backend({})}));
  loop.advance(1ms);
  EXPECT_EQ(addresses_of(*latest["d"]), "10.0.0.1:8080 10.0.0.2:8080");
  auto by_dns = dns_backend("d", "d.example");
  by_dns.tls.mode = UpstreamTls::mesh;
  by_dns.tls.identities = {b};
  endpoints->apply(settings_with({by_dns}));
  EXPECT_EQ(addresses_of(*latest["d"]), "10.0.0.1:8080 10.0.0.2:8080");
  EXPECT_EQ(latest["d"]->endpoints[0].identity, nullptr) << "it is to prove to be b";
}

TEST_F(EndpointsOfDirectoryTest,
       who_was_asked_with_tls_does_not_stand_in_for_who_is_asked_without) {
  const auto endpoints = make();
  endpoints->apply(settings_with({backend({})}));
  tell({{"10.0.0.1", "spiffe://cluster.local/x"}});
  ASSERT_EQ(addresses_of(*latest["d"]), "10.0.0.1:8080");
  auto partner = dns_backend("d", "partner.example");
  partner.tls.mode = UpstreamTls::none;
  endpoints->apply(settings_with({partner}));
  EXPECT_EQ(addresses_of(*latest["d"]), "");
}

TEST_F(EndpointsOfDirectoryTest, who_stands_in_has_not_the_addresses_of_its_own_service) {
  const auto endpoints = make();
  endpoints->apply(settings_with({backend({})}));
  auto view = std::make_shared<ServiceView>();
  view->service = "d.default";
  view->cluster_ips = {*IpAddress::parse("10.96.0.7")};
  view->groups.emplace_back();
  view->groups.back().ports = {{80, 8080}};
  view->groups.back().endpoints.emplace_back();
  view->groups.back().endpoints.back().address = *IpAddress::parse("10.0.0.1");
  view->groups.back().endpoints.back().identity = "spiffe://cluster.local/x";
  feed.take(view);
  ASSERT_EQ(latest["d"]->service_addresses.size(), 1u);
  auto green = backend({});
  green.endpoints.directory = "green.default";
  endpoints->apply(settings_with({green}));
  EXPECT_EQ(addresses_of(*latest["d"]), "10.0.0.1:8080");
  EXPECT_TRUE(latest["d"]->service_addresses.empty());
}

TEST_F(EndpointsOfDirectoryTest, a_service_without_endpoints_is_an_answer_too) {
  const auto endpoints = make();
  auto listed = static_backend("d", {"10.0.0.9:80"});
  auto plain = backend({});
  listed.tls.mode = plain.tls.mode = UpstreamTls::none;
  endpoints->apply(settings_with({listed}));
  endpoints->apply(settings_with({plain}));
  EXPECT_EQ(addresses_of(*latest["d"]), "10.0.0.9:80");
  tell({});
  EXPECT_EQ(addresses_of(*latest["d"]), "");
}

TEST_F(EndpointsTest, a_removed_backend_is_no_longer_asked_for) {
  resolver.answer("d.example", {"10.0.0.1"}, 1s);
  const auto endpoints = make();
  endpoints->apply(settings_with({dns_backend("d", "d.example")}));
  loop.advance(1ms);
  endpoints->apply(settings_with({}));
  loop.advance(1min);
  EXPECT_EQ(resolver.asked, 1u);
  EXPECT_EQ(endpoints->find("d"), nullptr);
  EXPECT_FALSE(endpoints->ever_had_endpoint("d"));
}

TEST_F(EndpointsTest, a_backend_that_is_removed_and_comes_back_still_had_an_endpoint) {
  resolver.answer("d.example", {"10.0.0.1"});
  const auto endpoints = make();
  endpoints->apply(settings_with({dns_backend("d", "d.example")}));
  loop.advance(1ms);
  endpoints->apply(settings_with({}));
  resolver.fail("d.example");
  endpoints->apply(settings_with({dns_backend("d", "d.example")}));
  EXPECT_EQ(addresses_of(*endpoints->find("d")), "10.0.0.1:8080");
}

TEST_F(EndpointsTest, survives_a_restart_without_dns) {
  const TemporaryFolder folder;
  const auto settings = settings_with({dns_backend("d", "d.example")}, folder.path());
  resolver.answer("d.example", {"10.0.0.1"});
  auto endpoints = make();
  endpoints->apply(settings);
  loop.advance(1ms);
  loop.advance(300ms);
  EXPECT_NE(folder.read("endpoints.json").find("10.0.0.1:8080"), std::string::npos);

  endpoints = make();
  resolver.fail("d.example");
  endpoints->apply(settings);
  EXPECT_EQ(addresses_of(*endpoints->find("d")), "10.0.0.1:8080");
  EXPECT_TRUE(endpoints->ever_had_endpoint("d"));
  loop.advance(1h);
  EXPECT_EQ(addresses_of(*endpoints->find("d")), "10.0.0.1:8080");
}

TEST_F(EndpointsTest, writes_what_is_not_yet_written_when_it_ends) {
  const TemporaryFolder folder;
  resolver.answer("d.example", {"10.0.0.1"});
  auto endpoints = make();
  endpoints->apply(settings_with({dns_backend("d", "d.example")}, folder.path()));
  loop.advance(1ms);
  EXPECT_EQ(folder.read("endpoints.json"), "");
  endpoints.reset();
  EXPECT_NE(folder.read("endpoints.json").find("10.0.0.1:8080"), std::string::npos);
}

TEST_F(EndpointsTest, says_that_the_state_cannot_be_written_and_tries_again) {
  const TemporaryFolder folder;
  folder.write("state", "a file where the folder should be");
  resolver.answer("d.example", {"10.0.0.1"});
  const auto endpoints = make();
  endpoints->apply(settings_with({dns_backend("d", "d.example")}, folder / "state"));
  loop.advance(1s);
  EXPECT_EQ(addresses_of(*endpoints->find("d")), "10.0.0.1:8080");
  loop.advance(21s);
  EXPECT_EQ(storage, (std::vector{ErrorCode::io_failed})) << "said once, not at each attempt";
  std::filesystem::remove(folder / "state");
  loop.advance(11s);
  EXPECT_EQ(storage, (std::vector{ErrorCode::io_failed, ErrorCode::none}));
  EXPECT_NE(folder.read("state/endpoints.json").find("10.0.0.1:8080"), std::string::npos);
}

TEST_F(EndpointsTest, says_that_the_state_was_not_readable_and_goes_on_without_it) {
  const TemporaryFolder folder;
  folder.write("endpoints.json", "not json");
  const auto endpoints = make();
  endpoints->apply(settings_with({dns_backend("d", "d.example")}, folder.path()));
  EXPECT_EQ(storage, (std::vector{ErrorCode::config_invalid}));
}

TEST_F(EndpointsTest, a_look_for_an_unknown_backend_ends_at_once) {
  const auto endpoints = make();
  Scope scope(loop);
  bool ended = false;
  auto look = [](Endpoints& all, Scope& within, bool& done) -> Task<void> {
    auto task = all.look("nobody", within);
    co_await task;
    done = true;
  };
  loop.spawn(look(*endpoints, scope, ended));
  EXPECT_TRUE(ended);
}

TEST_F(EndpointsTest, takes_endpoints_from_whatever_source_it_is_given) {
  class Scripted final : public EndpointSource {
   public:
    std::string_view kind() const override { return "script"; }
    EndpointSetPtr current() const override { return set; }
    void start(OnChange on_change) override { publish = std::move(on_change); }
    Task<void> look(Scope&) override { co_return; }
    EndpointSetPtr set = std::make_shared<EndpointSet>();
    OnChange publish;
  };
  Scripted* script = nullptr;
  Endpoints endpoints(
      loop,
      [&script](const BackendSettings&, Beginning) {
        auto source = std::make_unique<Scripted>();
        script = source.get();
        return source;
      },
      [this](const std::string& backend, EndpointSetPtr set) { latest[backend] = std::move(set); });
  endpoints.apply(settings_with({dns_backend("x", "x.example")}));
  ASSERT_NE(script, nullptr);
  auto next = std::make_shared<EndpointSet>();
  next->endpoints = {{*SocketAddress::parse("10.1.1.1:80")}};
  script->set = next;
  script->publish(next);
  EXPECT_EQ(latest["x"], next);
}

}  // namespace
}  // namespace epaulet::test
