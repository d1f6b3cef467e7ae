#include "unit/kube_directory/stream_fixture.h"

namespace epaulet::kube {
namespace {

using namespace std::chrono_literals;

TEST_F(StreamTest, a_sidecar_is_told_what_it_wants_and_each_change) {
  Wish api(feed_, "api.shop");
  start_client();
  ASSERT_NE(api.view(), nullptr) << (failures_.empty() ? "" : failures_.front());
  put("api", "10.1.0.9");
  loop_.advance(1s);
  EXPECT_EQ(api.told, 2);
  EXPECT_EQ(api.view()->groups[0].endpoints[0].address.to_string(), "10.1.0.9");
}

/// As a reload does that changes a backend: the source is made anew, and knows nothing.
TEST_F(StreamTest, one_that_left_and_came_back_is_told_anew) {
  auto api = std::make_unique<Wish>(feed_, "api.shop");
  const Wish web(feed_, "web.shop");
  start_client();
  ASSERT_NE(api->view(), nullptr);
  api.reset();
  api = std::make_unique<Wish>(feed_, "api.shop");
  EXPECT_EQ(api->view(), nullptr);
  loop_.advance(1s);
  EXPECT_NE(api->view(), nullptr);
  // Also where it was the only one, and came back later.
  api.reset();
  loop_.advance(1min);
  api = std::make_unique<Wish>(feed_, "api.shop");
  loop_.advance(1s);
  EXPECT_NE(api->view(), nullptr);
}

TEST_F(StreamTest, the_only_one_that_left_and_came_back_is_told_anew) {
  auto api = std::make_unique<Wish>(feed_, "api.shop");
  start_client();
  api.reset();
  loop_.advance(1min);
  api = std::make_unique<Wish>(feed_, "api.shop");
  loop_.advance(1s);
  EXPECT_NE(api->view(), nullptr);
}

TEST_F(StreamTest, who_comes_back_with_its_version_is_told_what_has_changed_alone) {
  Wish api(feed_, "api.shop");
  Wish web(feed_, "web.shop");
  start_client();
  EXPECT_EQ(api.told + web.told, 2);
  server_.reset();
  listener_.reset();
  loop_.run_until_quiet();
  put("web", "10.1.0.8");
  start_server();
  loop_.advance(1min);
  EXPECT_EQ(api.told, 1);
  EXPECT_EQ(web.told, 2);
}

std::string question(const std::string& services) {
  const std::string body = R"({"services":[)" + services + "]}";
  return "POST /v1/watch HTTP/1.1\r\nHost: d\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

TEST_F(StreamTest, nobody_without_a_certificate_sends_a_body) {
  const auto nobody = say(nullptr, "POST /v1/watch HTTP/1.1\r\nContent-Length: 500000\r\n\r\n");
  EXPECT_TRUE(nobody->ended);
  EXPECT_EQ(nobody->got, "");
  EXPECT_EQ(server_->counts().handshakes_failed, 1u);
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(StreamTest, one_peer_has_so_many_connections_and_the_oldest_gives_way) {
  const auto own = identity(kApi);
  std::vector<std::unique_ptr<Raw>> all;
  // Also while they still send: a body that never ends holds memory.
  all.push_back(say(own, "POST /v1/watch HTTP/1.1\r\nHost: d\r\nContent-Length: 9\r\n\r\n"));
  for (std::size_t i = 1; i < DirectoryServer::kConnectionsPerPeer; ++i)
    all.push_back(say(own, question(R"("api.shop")")));
  for (const auto& each : all) EXPECT_FALSE(each->ended);
  all.push_back(say(own, question(R"("api.shop")")));
  EXPECT_TRUE(all.front()->ended);
  all.push_back(say(own, question(R"("api.shop")")));
  EXPECT_TRUE(all[1]->ended);
  EXPECT_FALSE(all[2]->ended);
  EXPECT_NE(all.back()->got.find("10.1.0.1"), std::string::npos) << all.back()->got;
  EXPECT_EQ(server_->connections(), DirectoryServer::kConnectionsPerPeer);
  EXPECT_EQ(server_->counts().replaced, 2u);
  // Another one is not concerned.
  const auto other = say(identity(kApi2), question(R"("api.shop")"));
  EXPECT_FALSE(other->ended);
  EXPECT_FALSE(all[2]->ended);
  for (auto& each : all) each->scope.cancel({ErrorCode::cancelled, Side::self, Stage::none});
  other->scope.cancel({ErrorCode::cancelled, Side::self, Stage::none});
  loop_.run_until_quiet();
}

TEST_F(StreamTest, changes_that_follow_closely_become_one) {
  Wish api(feed_, "api.shop");
  start_client();
  put("api", "10.1.0.9");
  loop_.advance(5ms);
  EXPECT_EQ(api.told, 2) << "the first one at once";
  for (int i = 10; i < 30; ++i) {
    put("api", "10.1.0." + std::to_string(i));
    loop_.advance(5ms);
  }
  loop_.advance(DirectoryServer::kPause);
  EXPECT_LE(api.told, 4);
  EXPECT_EQ(api.view()->groups[0].endpoints[0].address.to_string(), "10.1.0.29");
}

TEST_F(StreamTest, large_views_and_small_ones_all_arrive) {
  SliceFacts slice;
  slice.name_space = "shop";
  slice.name = "large-x";
  slice.service = "large";
  slice.ports.emplace_back().port = 8080;
  for (int i = 0; i < 1000; ++i)
    slice.endpoints.emplace_back().address =
        *IpAddress::parse("10.2." + std::to_string(i / 250) + "." + std::to_string(i % 250));
  put("large", "10.1.0.3");
  hub_->model().put(std::move(slice));
  hub_->publish();
  const Wish api(feed_, "api.shop");
  const Wish large(feed_, "large.shop");
  const Wish web(feed_, "web.shop");
  start_client();
  for (const auto* each : {&api, &large, &web}) EXPECT_EQ(each->told, 1) << each->service();
  EXPECT_EQ(large.view()->groups[0].endpoints.size(), 1000u);
  EXPECT_NE(client_->status().heard_at, std::nullopt);
}

TEST_F(StreamTest, a_refusal_reaches_the_log_with_its_remedy) {
  std::vector<std::unique_ptr<Wish>> many;
  for (int i = 0; i < 4097; ++i)
    many.push_back(std::make_unique<Wish>(feed_, "s" + std::to_string(i) + ".shop"));
  start_client();
  ASSERT_FALSE(failures_.empty());
  EXPECT_EQ(
      failures_.front(),
      "the directory answered 400: more services are asked for than anybody dials; ask for at "
      "most 4096");
  many.pop_back();
  loop_.advance(1min);
  EXPECT_TRUE(client_->status().connected);
}

TEST_F(StreamTest, a_sidecar_is_told_its_zone_once_that_is_known) {
  Wish api(feed_, "api.shop");
  start_client();
  EXPECT_EQ(api.told, 1);
  EXPECT_EQ(feed_.zone(), "");
  PodFacts pod;
  pod.name_space = "default";
  pod.name = "api-1";
  pod.service_account = "api";
  pod.node = "n1";
  pod.zone = "eu-1a";
  pod.addresses = {*IpAddress::parse("10.0.0.2")};
  hub_->model().put(PodFacts(pod));
  loop_.advance(DirectoryServer::kHeartbeat + 1s);
  EXPECT_EQ(feed_.zone(), "eu-1a");
  // Another identity at that address is not that pod.
  pod.service_account = "other";
  pod.zone = "eu-1b";
  hub_->model().put(std::move(pod));
  loop_.advance(DirectoryServer::kHeartbeat + 1s);
  EXPECT_EQ(feed_.zone(), "eu-1a");
  EXPECT_EQ(api.told, 1) << "the services are as they were";
}

TEST(ConnectionsThatFit, leave_descriptors_for_the_rest) {
  for (const std::uint64_t descriptors : {64U, 256U, 1024U, 4096U}) {
    const auto fit = connections_that_fit(descriptors);
    EXPECT_LE(fit + std::min<std::uint64_t>(112, descriptors / 2), descriptors) << descriptors;
    EXPECT_GE(fit, descriptors / 2);
  }
  EXPECT_EQ(connections_that_fit(0), 1u);
  EXPECT_EQ(connections_that_fit(UINT64_MAX), DirectoryServer::kConnectionsMax);
}

TEST_F(StreamTest, names_that_are_asked_for_have_a_bound) {
  std::vector<std::string> many;
  for (int i = 0; i < 4096; ++i)
    many.push_back(std::to_string(i) + std::string(230, 'x') + ".shop");
  std::vector<std::unique_ptr<Subscription>> all;
  while (all.size() < 1000 && hub_->has_room_for(many))
    all.push_back(std::make_unique<Subscription>(loop_, hub_, many, 0));
  EXPECT_GT(all.size(), 10u);
  EXPECT_LT(all.size(), 100u);
  all.pop_back();
  EXPECT_TRUE(hub_->has_room_for(many)) << "who leaves makes room";
  while (hub_->has_room_for({"api.shop"}))
    all.push_back(std::make_unique<Subscription>(
        loop_, hub_, std::vector<std::string>(many.begin(), many.begin() + 64), 0));
  const auto refused = say(identity(kApi), question("\"" + many.front() + "\""));
  EXPECT_NE(refused->got.find(" 503 "), std::string::npos) << refused->got;
}

}  // namespace
}  // namespace epaulet::kube
