#include "discovery/endpoint_memory.h"

#include <gtest/gtest.h>

#include "tests/unit/discovery/fake_resolver.h"
#include "tests/unit/discovery/temporary_folder.h"

namespace epaulet::test {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{std::chrono::seconds(1'760'000'000)};

EndpointSet set_of(std::initializer_list<std::string_view> addresses, bool ever = true) {
  EndpointSet set;
  set.backend = "b";
  for (const auto address : addresses) set.endpoints.push_back({*SocketAddress::parse(address)});
  set.ever_had_endpoint = ever;
  return set;
}

TEST(EndpointMemory, another_process_recalls_the_last_good_endpoints) {
  const TemporaryFolder folder;
  const auto backend = dns_backend("b", "b.example");
  EndpointMemory first(folder.path());
  ASSERT_TRUE(first.load());
  first.remember(backend, set_of({"10.0.0.1:8080", "[fd00::1]:8080"}));
  EXPECT_TRUE(first.is_changed());
  ASSERT_TRUE(first.save());
  EXPECT_FALSE(first.is_changed());

  EndpointMemory second(folder.path());
  ASSERT_TRUE(second.load());
  const auto recalled = second.recall(backend, kNow);
  ASSERT_NE(recalled, nullptr);
  EXPECT_EQ(addresses_of(*recalled), "[fd00::1]:8080 10.0.0.1:8080");
  EXPECT_TRUE(recalled->ever_had_endpoint);
}

TEST(EndpointMemory, zones_are_recalled_with_their_endpoints) {
  const TemporaryFolder folder;
  const auto backend = dns_backend("b", "b.example");
  auto set = set_of({"10.0.0.1:8080", "10.0.0.2:8080"});
  set.endpoints[1].zone = "eu-1a";
  set.endpoints[0].for_zones = {"eu-1a", "eu-1b"};
  set.service_addresses = {*IpAddress::parse("10.96.0.7"), *IpAddress::parse("fd00::7")};
  EndpointMemory first(folder.path());
  first.remember(backend, set);
  ASSERT_TRUE(first.save());
  EndpointMemory second(folder.path());
  ASSERT_TRUE(second.load());
  const auto recalled = second.recall(backend, kNow);
  ASSERT_NE(recalled, nullptr);
  EXPECT_EQ(recalled->endpoints, set.endpoints);
  EXPECT_EQ(recalled->service_addresses, set.service_addresses);
  for (const char* bad : {R"("zones":{"10.0.0.1:1":7}}}})", R"("for_zones":7}}})",
                          R"("service_addresses":["x"]}}})", R"("service_addresses":7}}})"}) {
    EXPECT_FALSE(EndpointMemory::from_json(
        std::string(R"({"version":1,"backends":{"b":{"dns":"b.example","port":8080,"endpoints":)") +
        R"(["10.0.0.1:1"],"gone_since":0,)" + bad))
        << bad;
  }
}

TEST(EndpointMemory, remembers_that_there_were_endpoints_when_there_are_none) {
  EndpointMemory memory("");
  memory.remember(dns_backend("b", "b.example"), set_of({}));
  const auto recalled = memory.recall(dns_backend("b", "b.example"), kNow);
  ASSERT_NE(recalled, nullptr);
  EXPECT_TRUE(recalled->ever_had_endpoint);
  EXPECT_EQ(addresses_of(*recalled), "");
}

TEST(EndpointMemory, takes_no_note_of_what_never_had_an_endpoint) {
  EndpointMemory memory("");
  memory.remember(dns_backend("b", "b.example"), set_of({}, false));
  EXPECT_EQ(memory.recall(dns_backend("b", "b.example"), kNow), nullptr);
  EXPECT_FALSE(memory.is_changed());
}

TEST(EndpointMemory, another_name_or_port_is_another_backend) {
  EndpointMemory memory("");
  memory.remember(dns_backend("b", "b.example"), set_of({"10.0.0.1:8080"}));
  EXPECT_EQ(memory.recall(dns_backend("b", "other.example"), kNow), nullptr);
  EXPECT_EQ(memory.recall(dns_backend("b", "b.example", 9090), kNow), nullptr);
}

TEST(EndpointMemory, the_same_set_again_is_no_change) {
  EndpointMemory memory("");
  memory.remember(dns_backend("b", "b.example"), set_of({"10.0.0.1:8080"}));
  ASSERT_TRUE(memory.save());
  memory.remember(dns_backend("b", "b.example"), set_of({"10.0.0.1:8080"}));
  EXPECT_FALSE(memory.is_changed());
}

TEST(EndpointMemory, forgets_a_backend_a_day_after_it_left_the_configuration) {
  EndpointMemory memory("");
  const auto backend = dns_backend("b", "b.example");
  memory.remember(backend, set_of({"10.0.0.1:8080"}));
  memory.retain({}, kNow);
  memory.retain({}, kNow + 24h);
  EXPECT_NE(memory.recall(backend, kNow), nullptr);
  memory.retain({}, kNow + 24h + 1s);
  EXPECT_EQ(memory.recall(backend, kNow), nullptr);
}

TEST(EndpointMemory, a_backend_that_came_back_starts_its_day_anew) {
  EndpointMemory memory("");
  const auto backend = dns_backend("b", "b.example");
  memory.remember(backend, set_of({"10.0.0.1:8080"}));
  memory.retain({}, kNow);
  memory.retain({{"b", backend}}, kNow + 20h);
  memory.retain({}, kNow + 30h);
  memory.retain({}, kNow + 50h);
  EXPECT_NE(memory.recall(backend, kNow), nullptr);
}

TEST(EndpointMemory, a_clock_set_back_makes_no_entry_immortal) {
  EndpointMemory memory("");
  const auto backend = dns_backend("b", "b.example");
  memory.remember(backend, set_of({"10.0.0.1:8080"}));
  memory.retain({}, kNow + 8760h);
  memory.retain({}, kNow);
  memory.retain({}, kNow + 25h);
  EXPECT_EQ(memory.recall(backend, kNow), nullptr);
}

TEST(EndpointMemory, starts_empty_from_a_file_that_is_not_ours) {
  const TemporaryFolder folder;
  for (const std::string text :
       {"{", "[]", "{}", R"({"version":2,"backends":{}})", R"({"version":1,"backends":[]})",
        R"({"version":1,"backends":{"b":1}})",
        R"({"version":1,"backends":{"b":{"dns":"d","port":70000,"endpoints":[],"gone_since":0}}})",
        R"({"version":1,"backends":{"b":{"dns":"d","port":1,"endpoints":["x"],"gone_since":0}}})",
        R"({"version":1,"backends":{"b":{"dns":"d","port":1,"endpoints":[7],"gone_since":0}}})"}) {
    folder.write("endpoints.json", text);
    EndpointMemory memory(folder.path());
    const auto loaded = memory.load();
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().code, ErrorCode::config_invalid) << text;
    EXPECT_EQ(memory.recall(dns_backend("b", "d", 1), kNow), nullptr) << text;
  }
}

TEST(EndpointMemory, json_goes_there_and_back) {
  EndpointMemory::Entries entries;
  entries["a \"quoted\" name"] = {"x.example", 80, {*SocketAddress::parse("10.0.0.1:80")}, 17};
  entries["b"] = {"y.example", 65535, {}, 0};
  const auto again = EndpointMemory::from_json(EndpointMemory::to_json(entries));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, entries);
}

}  // namespace
}  // namespace epaulet::test
