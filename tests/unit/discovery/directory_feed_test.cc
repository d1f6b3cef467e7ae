#include "discovery/directory_feed.h"

#include <gtest/gtest.h>

namespace epaulet {
namespace {

struct Wants final : DirectoryFeed::Listener {
  explicit Wants(DirectoryFeed& feed) : Listener(feed, "api.default") {}
  void on_view(const ServiceViewPtr&) override {}
};

ServiceViewPtr told(std::vector<ServiceView::Route> routes, bool knows_all) {
  auto view = std::make_shared<ServiceView>();
  view->service = "api.default";
  view->routes = std::move(routes);
  view->knows_http_routes = knows_all;
  return view;
}

TEST(DirectoryFeed, routes_that_a_directory_does_not_know_yet_are_kept_and_told_ones_once) {
  DirectoryFeed feed;
  const Wants wants(feed);
  int changes = 0;
  feed.set_on_routes([&] { ++changes; });
  const ServiceView::Route a{"HTTPRoute a.default", "{}", ""};
  const ServiceView::Route b{"HTTPRoute b.default", "{}", ""};
  const ServiceView::Route changed{"HTTPRoute a.default", "{ }", ""};
  feed.take(told({a, b}, true));
  EXPECT_EQ(changes, 1);
  for (int i = 0; i < 3; ++i) feed.take(told({}, false));
  EXPECT_EQ(feed.routes(), (std::vector{a, b}));
  EXPECT_EQ(changes, 1);
  for (int i = 0; i < 3; ++i) feed.take(told({changed}, false));
  EXPECT_EQ(feed.routes(), (std::vector{changed, b}));
  EXPECT_EQ(changes, 2) << "each of them once";
  feed.take(told({changed}, true));
  EXPECT_EQ(feed.routes(), std::vector{changed});
}

TEST(DirectoryFeed, a_route_that_is_refused_now_is_kept_unless_it_was_made_anew) {
  DirectoryFeed feed;
  const Wants wants(feed);
  const ServiceView::Route a{"HTTPRoute a.default", "{}", "T1"};
  const auto refused = [](const std::string& created) {
    auto view = std::make_shared<ServiceView>(*told({}, true));
    view->refused_routes.push_back({"HTTPRoute a.default", created});
    return view;
  };
  feed.take(refused("T1"));
  EXPECT_TRUE(feed.routes().empty()) << "it was never known";
  feed.take(told({a}, true));
  feed.take(refused("T1"));
  feed.take(refused("T1"));
  EXPECT_EQ(feed.routes(), std::vector{a});
  feed.take(refused("T2"));
  EXPECT_TRUE(feed.routes().empty());
  feed.take(told({a}, true));
  feed.take(told({}, true));
  EXPECT_TRUE(feed.routes().empty()) << "it is gone";
}

}  // namespace
}  // namespace epaulet
