#include "k8s/directory/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "k8s/directory/hub.h"
#include "support/sim_loop.h"

namespace epaulet::kube {
namespace {

ServiceFacts service(const std::string& name, std::uint16_t port = 80) {
  ServiceFacts facts;
  facts.name_space = "shop";
  facts.name = name;
  facts.ports.emplace_back();
  facts.ports.back().name = "http";
  facts.ports.back().port = port;
  return facts;
}

SliceFacts slice(const std::string& name, const std::string& of) {
  SliceFacts facts;
  facts.name_space = "shop";
  facts.name = name;
  facts.service = of;
  facts.ports.emplace_back();
  facts.ports.back().name = "http";
  facts.ports.back().port = 8080;
  return facts;
}

SliceFacts& with(SliceFacts& facts, const std::string& address, const std::string& pod,
                 std::uint64_t uid = 1) {
  auto& endpoint = facts.endpoints.emplace_back();
  endpoint.address = *IpAddress::parse(address);
  endpoint.pod = pod;
  endpoint.pod_uid = uid;
  return facts;
}

PodFacts pod(const std::string& name, std::uint64_t uid = 1, const std::string& account = "api") {
  PodFacts facts;
  facts.name_space = "shop";
  facts.name = name;
  facts.uid = uid;
  facts.service_account = account;
  return facts;
}

SliceFacts api_slice() {
  auto facts = slice("api-x", "api");
  with(facts, "10.0.0.1", "api-1");
  return facts;
}

constexpr const char* kWhole =
    R"({"service":"api.shop","ports":[{"port":80,"name":"http"}],"groups":[{"ports":{"80":8080},)"
    R"("endpoints":[{"address":"10.0.0.1","identity":"spiffe://td/ns/shop/sa/api"}]}]})"
    "\n";
constexpr const char* kAbsent = R"({"service":"api.shop","absent":true})"
                                "\n";

TEST(Model, a_view_has_a_bound_and_those_of_use_come_first) {
  Model model("cluster.local", "i");
  model.put(service("api"));
  // Twenty slices of a hundred: nearly all of them start.
  for (int i = 0; i < 20; ++i) {
    auto facts = slice("api-" + std::to_string(100 + i), "api");
    for (int k = 0; k < 100; ++k) {
      with(facts, "10.1." + std::to_string(i) + "." + std::to_string(k), "");
      facts.endpoints.back().ready = facts.endpoints.back().serving = i == 19;
    }
    model.put(std::move(facts));
  }
  const auto line = *model.line("api.shop");
  const auto count = [&line](std::string_view what) {
    std::size_t found = 0;
    for (auto at = line.find(what); at != line.npos; at = line.find(what, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count(R"("address")"), Model::kViewEndpointsMax);
  EXPECT_EQ(count(R"("address":"10.1.19.)"), 100u);
  // With as many ports as may be, and a slice for each endpoint.
  ServiceFacts wide;
  wide.name_space = "shop";
  wide.name = "wide";
  for (std::uint16_t port = 1; port <= 250; ++port) {
    wide.ports.emplace_back();
    wide.ports.back().name = "p" + std::to_string(port);
    wide.ports.back().port = port + 60000;
  }
  for (int i = 0; i < 1500; ++i) {
    auto facts = slice("wide-" + std::to_string(i), "wide");
    facts.ports.clear();
    for (const auto& each : wide.ports) {
      facts.ports.emplace_back();
      facts.ports.back().name = each.name;
      facts.ports.back().port = each.port;
    }
    with(facts, "10.2." + std::to_string(i / 250) + "." + std::to_string(i % 250), "");
    model.put(std::move(facts));
  }
  model.put(std::move(wide));
  const auto size = model.line("wide.shop")->size();
  EXPECT_GT(size, 1u << 20);
  EXPECT_LT(size, 3u << 20) << "a sidecar takes 4 MiB";
}

TEST(Model, a_view_is_whole_in_whatever_order_its_objects_come) {
  std::vector<int> order{0, 1, 2};
  do {
    Model model("td", "i");
    for (const int which : order) {
      if (which == 0) model.put(service("api"));
      if (which == 1) model.put(api_slice());
      if (which == 2) model.put(pod("api-1"));
    }
    EXPECT_EQ(*model.line("api.shop"), kWhole);
  } while (std::next_permutation(order.begin(), order.end()));
}

constexpr const char* kApiIdentity = "spiffe://td/ns/shop/sa/api";

PodFacts pod_at(const std::string& name, const std::string& node, const std::string& address) {
  auto facts = pod(name);
  facts.node = node;
  facts.addresses = {*IpAddress::parse(address)};
  return facts;
}

SliceFacts slice_in(const std::string& node, const std::string& zone) {
  auto facts = slice("other-x", "other");
  with(facts, "10.0.0.9", "");
  facts.endpoints.back().node = node;
  facts.endpoints.back().zone = zone;
  return facts;
}

TEST(Model, a_pods_zone_is_what_any_endpoint_of_its_node_says) {
  Model model("td", "i");
  const auto address = *IpAddress::parse("10.0.0.1");
  EXPECT_EQ(model.zone_of(address, kApiIdentity), "");
  model.put(pod_at("api-1", "n1", "10.0.0.1"));
  EXPECT_EQ(model.zone_of(address, kApiIdentity), "") << "nobody has said";
  model.put(slice_in("n1", "eu-1a"));
  EXPECT_EQ(model.zone_of(address, kApiIdentity), "eu-1a");
  EXPECT_EQ(model.zone_of(address, "spiffe://td/ns/shop/sa/other"), "") << "it is not that pod";
  EXPECT_EQ(model.zone_of(*IpAddress::parse("10.0.0.2"), kApiIdentity), "");
  // The endpoint leaves, and nobody is left who knows.
  model.remove(slice_in("n1", "eu-1a"));
  EXPECT_EQ(model.zone_of(address, kApiIdentity), "eu-1a") << "a node does not move";
  model.remove(pod_at("api-1", "n1", "10.0.0.1"));
  EXPECT_EQ(model.zone_of(address, kApiIdentity), "");
  model.put(pod_at("api-1", "n1", "10.0.0.1"));
  EXPECT_EQ(model.zone_of(address, kApiIdentity), "") << "the node was forgotten with its last use";
}

TEST(Model, a_pods_label_is_its_own_zone_and_nobody_elses) {
  Model model("td", "i");
  const auto address = *IpAddress::parse("10.0.0.1");
  const auto other_address = *IpAddress::parse("10.0.0.2");
  auto labelled = pod_at("api-2", "n1", "10.0.0.2");
  labelled.zone = "eu-1c";
  model.put(pod_at("api-1", "n1", "10.0.0.1"));
  model.put(PodFacts(labelled));
  EXPECT_EQ(model.zone_of(other_address, kApiIdentity), "eu-1c") << "newer clusters write it";
  EXPECT_EQ(model.zone_of(address, kApiIdentity), "") << "in older ones anybody may";
  // The control plane knows better, whoever speaks last.
  model.put(slice_in("n1", "eu-1a"));
  model.put(PodFacts(labelled));
  for (const auto& each : {address, other_address})
    EXPECT_EQ(model.zone_of(each, kApiIdentity), "eu-1a");
  model.put(pod_at("api-2", "n2", "10.0.0.2"));
  EXPECT_EQ(model.zone_of(other_address, kApiIdentity), "") << "it has lost its label";
}

TEST(Model, an_address_is_that_of_the_pod_that_said_so_last) {
  Model model("td", "i");
  const auto address = *IpAddress::parse("10.0.0.1");
  model.put(slice_in("n1", "a"));
  auto other_node = slice_in("n2", "b");
  other_node.name = "other-y";
  model.put(std::move(other_node));
  model.put(pod_at("api-1", "n1", "10.0.0.1"));
  model.put(pod_at("api-2", "n2", "10.0.0.1"));
  EXPECT_EQ(model.zone_of(address, kApiIdentity), "b");
  model.remove(pod_at("api-1", "", "10.0.0.1"));
  EXPECT_EQ(model.zone_of(address, kApiIdentity), "b") << "its end came late";
  // A list that does not name it any more.
  model.begin_list(ObjectKind::pod);
  model.end_list(ObjectKind::pod);
  EXPECT_EQ(model.zone_of(address, kApiIdentity), "");
}

TEST(Model, topology_hints_are_told_and_other_ones_are_news) {
  Model model("td", "i");
  model.put(service("api"));
  auto hinted = api_slice();
  hinted.endpoints.back().for_zones = {"eu-1a", "eu-1b"};
  model.put(SliceFacts(hinted));
  EXPECT_NE(model.line("api.shop")->find(R"("for_zones":["eu-1a","eu-1b"])"), std::string::npos);
  (void)model.take_changes();
  model.put(SliceFacts(hinted));
  EXPECT_TRUE(model.take_changes().empty());
  model.put(api_slice());
  EXPECT_EQ(model.take_changes(), std::vector<std::string>{"api.shop"});
  EXPECT_EQ(model.line("api.shop")->find("for_zones"), std::string::npos);
}

TEST(Model, routes_that_are_not_known_are_said_to_be_until_they_are_listed) {
  Model model("td", "i");
  model.put(service("api"));
  model.put(api_slice());
  model.put(pod("api-1"));
  EXPECT_EQ(*model.line("api.shop"), kWhole);
  (void)model.take_changes();
  model.go_on_without(ObjectKind::http_route);
  EXPECT_EQ(model.take_changes(), std::vector<std::string>{"api.shop"});
  const auto unknown = [&model] {
    const auto line = *model.line("api.shop");
    const auto at = line.find(R"("routes_unknown":)");
    return at == line.npos ? "" : line.substr(at + 17);
  };
  EXPECT_EQ(unknown(), "[\"HTTPRoute\"]}\n");
  model.go_on_without(ObjectKind::grpc_route);
  EXPECT_EQ(unknown(), "[\"HTTPRoute\",\"GRPCRoute\"]}\n");
  (void)model.take_changes();
  model.go_on_without(ObjectKind::grpc_route);
  EXPECT_TRUE(model.take_changes().empty()) << "it is no news";
  for (const auto kind : {ObjectKind::http_route, ObjectKind::grpc_route}) {
    model.begin_list(kind);
    model.end_list(kind);
    EXPECT_EQ(model.take_changes(), std::vector<std::string>{"api.shop"});
  }
  EXPECT_EQ(*model.line("api.shop"), kWhole);
}

TEST(Model, an_endpoint_has_no_identity_of_another_pod_of_its_name) {
  Model model("td", "i");
  model.put(service("api"));
  model.put(api_slice());
  model.put(pod("api-1", 2));
  EXPECT_EQ(model.line("api.shop")->find("identity"), std::string::npos);
}

TEST(Model, changes_are_told_once_and_only_where_something_changed) {
  Model model("td", "i");
  model.put(service("api"));
  model.put(service("other"));
  model.put(api_slice());
  model.put(pod("api-1"));
  EXPECT_EQ(model.take_changes(), (std::vector<std::string>{"api.shop", "other.shop"}));
  EXPECT_TRUE(model.take_changes().empty());
  const auto version = model.version();
  // A list that says the same is no news.
  model.put(service("api"));
  model.put(api_slice());
  model.put(pod("api-1"));
  EXPECT_TRUE(model.take_changes().empty());
  EXPECT_EQ(model.version(), version);
  model.put(pod("api-1", 1, "orders"));
  EXPECT_EQ(model.take_changes(), (std::vector<std::string>{"api.shop"}));
  EXPECT_TRUE(model.has_changed_since("api.shop", version));
  EXPECT_FALSE(model.has_changed_since("other.shop", version));
  EXPECT_TRUE(model.has_changed_since("unknown.shop", version));
}

TEST(Model, a_list_removes_what_it_does_not_name) {
  Model model("td", "i");
  model.put(service("api"));
  model.put(api_slice());
  model.put(pod("api-1"));
  (void)model.take_changes();
  // Broken off before its end: nothing is lost.
  model.begin_list(ObjectKind::slice);
  EXPECT_EQ(*model.line("api.shop"), kWhole);
  model.begin_list(ObjectKind::pod);
  model.end_list(ObjectKind::pod);
  EXPECT_EQ(model.count(ObjectKind::pod), 0u);
  EXPECT_EQ(model.take_changes().size(), 1u);
  model.begin_list(ObjectKind::slice);
  model.end_list(ObjectKind::slice);
  EXPECT_EQ(model.endpoints(), 0u);
  EXPECT_EQ(model.take_changes().size(), 1u);
  model.begin_list(ObjectKind::service);
  model.end_list(ObjectKind::service);
  EXPECT_EQ(*model.line("api.shop"), kAbsent);
  EXPECT_EQ(model.take_changes().size(), 1u);
}

TEST(Model, a_slice_may_go_over_to_another_service) {
  Model model("td", "i");
  model.put(service("api"));
  model.put(service("new"));
  model.put(api_slice());
  (void)model.take_changes();
  auto moved = api_slice();
  moved.service = "new";
  model.put(std::move(moved));
  EXPECT_EQ(model.take_changes(), (std::vector<std::string>{"api.shop", "new.shop"}));
  EXPECT_EQ(model.line("api.shop")->find("10.0.0.1"), std::string::npos);
  EXPECT_NE(model.line("new.shop")->find("10.0.0.1"), std::string::npos);
}

TEST(Model, versions_of_another_process_are_not_ours) {
  Model model("td", "i");
  model.put(service("api"));
  EXPECT_EQ(model.number_in(model.version_text(1)), 1u);
  for (const auto* foreign : {"", "j.1", "i.", "i.2", "i.1x", "i", "i.-1"})
    EXPECT_EQ(model.number_in(foreign), 0u) << foreign;
}

/// Whatever happened before, the views are those of a model that was told the end alone.
TEST(Model, a_random_history_leads_where_its_end_leads) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](unsigned most) { return static_cast<unsigned>(random() % most); };
    Model model("td", "i");
    std::map<std::string, ServiceFacts> services;
    std::map<std::string, SliceFacts> slices;
    std::map<std::string, PodFacts> pods;
    for (int step = 0; step < 120; ++step) {
      const auto number = std::to_string(below(4));
      switch (below(8)) {
        case 0:
          services[number] = service("s" + number, static_cast<std::uint16_t>(80 + below(2)));
          model.put(ServiceFacts(services[number]));
          break;
        case 1:
          model.remove(service("s" + number));
          services.erase(number);
          break;
        case 2:
        case 3: {
          auto facts = slice("x" + number, "s" + std::to_string(below(4)));
          for (unsigned i = below(3); i > 0; --i)
            with(facts, "10.0.0." + std::to_string(below(5)), "p" + std::to_string(below(4)),
                 1 + below(2));
          slices[number] = facts;
          model.put(std::move(facts));
          break;
        }
        case 4:
          model.remove(slice("x" + number, ""));
          slices.erase(number);
          break;
        case 5:
          pods[number] = pod("p" + number, 1 + below(2), "a" + std::to_string(below(2)));
          model.put(PodFacts(pods[number]));
          break;
        case 6:
          model.remove(pod("p" + number));
          pods.erase(number);
          break;
        default: {
          // 410: a list that lacks one of each.
          services.erase(number);
          slices.erase(number);
          pods.erase(number);
          model.begin_list(ObjectKind::service);
          for (const auto& [key, each] : services) model.put(ServiceFacts(each));
          model.end_list(ObjectKind::service);
          model.begin_list(ObjectKind::slice);
          for (const auto& [key, each] : slices) model.put(SliceFacts(each));
          model.end_list(ObjectKind::slice);
          model.begin_list(ObjectKind::pod);
          for (const auto& [key, each] : pods) model.put(PodFacts(each));
          model.end_list(ObjectKind::pod);
        }
      }
    }
    Model fresh("td", "i");
    std::size_t endpoints = 0;
    for (const auto& [key, each] : services) fresh.put(ServiceFacts(each));
    for (const auto& [key, each] : slices) {
      endpoints += each.endpoints.size();
      fresh.put(SliceFacts(each));
    }
    for (const auto& [key, each] : pods) fresh.put(PodFacts(each));
    for (unsigned i = 0; i < 4; ++i) {
      const auto name = "s" + std::to_string(i) + ".shop";
      ASSERT_EQ(*model.line(name), *fresh.line(name)) << "seed " << seed;
    }
    ASSERT_EQ(model.endpoints(), endpoints);
    ASSERT_EQ(model.count(ObjectKind::pod), pods.size());
    ASSERT_EQ(model.count(ObjectKind::service), services.size());
    ASSERT_EQ(model.count(ObjectKind::slice), slices.size());
  }
}

class HubTest : public testing::Test {
 protected:
  test::SimLoop loop_;
  std::shared_ptr<Hub> hub_ = std::make_shared<Hub>(std::make_unique<Model>("td", "i"));
  std::vector<std::string> taken(Subscription& from) {
    std::vector<std::string> all;
    while (const auto* name = from.take()) all.push_back(*name);
    return all;
  }
};

TEST_F(HubTest, everything_asked_for_is_sent_first_and_then_what_changes) {
  Subscription one(loop_, hub_, {"api.shop", "new.shop"}, 0);
  EXPECT_EQ(taken(one), (std::vector<std::string>{"api.shop", "new.shop"}));
  one.news().reset();
  hub_->model().put(service("other"));
  hub_->publish();
  EXPECT_FALSE(one.news().is_set());
  hub_->model().put(service("new"));
  hub_->publish();
  EXPECT_TRUE(one.news().is_set());
  EXPECT_EQ(taken(one), (std::vector<std::string>{"new.shop"}));
}

TEST_F(HubTest, whoever_knows_a_version_gets_what_changed_since) {
  hub_->model().put(service("api"));
  const auto version = hub_->model().version();
  hub_->model().put(service("new"));
  Subscription one(loop_, hub_, {"api.shop", "new.shop"}, version);
  EXPECT_EQ(taken(one), (std::vector<std::string>{"new.shop"}));
}

TEST_F(HubTest, a_slow_reader_costs_no_memory_however_much_changes) {
  Subscription one(loop_, hub_, {"api.shop", "new.shop"}, 0);
  for (std::uint16_t port = 1; port < 10'000; ++port) {
    hub_->model().put(service("api", port));
    hub_->publish();
    if (port % 3 == 0) (void)one.take();
    ASSERT_LE(one.waiting(), 2u);
  }
}

TEST_F(HubTest, a_stream_that_is_over_leaves_nothing_behind) {
  {
    Subscription one(loop_, hub_, {"api.shop"}, 0);
    Subscription two(loop_, hub_, {"api.shop"}, 0);
    EXPECT_EQ(hub_->subscriptions(), 2u);
    EXPECT_EQ(hub_->services_asked_for(), 1u);
  }
  EXPECT_EQ(hub_->subscriptions(), 0u);
  EXPECT_EQ(hub_->services_asked_for(), 0u);
  hub_->model().put(service("api"));
  hub_->publish();
}

TEST_F(HubTest, the_end_wakes_everybody) {
  Subscription one(loop_, hub_, {"api.shop"}, 0);
  (void)taken(one);
  one.news().reset();
  hub_->end_all();
  EXPECT_TRUE(one.news().is_set());
}

}  // namespace
}  // namespace epaulet::kube
