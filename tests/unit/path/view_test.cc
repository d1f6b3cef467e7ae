#include <gtest/gtest.h>

#include <map>

#include "path/worker.h"

namespace epaulet::path {
namespace {

class ViewTest : public testing::Test {
 protected:
  ViewTest() {
    settings_.backends["shop"].name = "shop";
    view_ = std::make_unique<View>(Snapshot::build(settings_, 1, {}, {}, states_), random_);
  }
  void set_weights(std::initializer_list<std::uint32_t> weights) {
    auto set = std::make_shared<EndpointSet>();
    set->backend = "shop";
    std::uint16_t port = 8080;
    for (const auto weight : weights)
      set->endpoints.push_back({{*IpAddress::parse("10.0.0.1"), port++}, weight});
    view_->set_endpoints("shop", set);
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

}  // namespace
}  // namespace epaulet::path
