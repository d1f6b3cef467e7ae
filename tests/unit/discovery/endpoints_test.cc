#include "discovery/endpoints.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

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

TEST_F(EndpointsTest, a_reload_that_changes_the_port_starts_afresh) {
  resolver.answer("d.example", {"10.0.0.1"});
  const auto endpoints = make();
  endpoints->apply(settings_with({dns_backend("d", "d.example")}));
  loop.advance(1ms);
  endpoints->apply(settings_with({dns_backend("d", "d.example", 9090)}));
  EXPECT_FALSE(endpoints->ever_had_endpoint("d"));
  loop.advance(1ms);
  EXPECT_EQ(addresses_of(*endpoints->find("d")), "10.0.0.1:9090");
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
      [&script](const BackendSettings&, EndpointSetPtr) {
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
