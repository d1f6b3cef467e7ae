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

}  // namespace
}  // namespace epaulet::kube
