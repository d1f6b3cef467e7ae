#include "discovery/own_zone.h"

#include <gtest/gtest.h>

#include <vector>

namespace epaulet::test {
namespace {

std::shared_ptr<ServiceView> view_of(
    std::vector<std::pair<std::string, std::string>> addresses_and_zones) {
  auto view = std::make_shared<ServiceView>();
  view->service = "api.default";
  view->groups.emplace_back();
  for (const auto& [address, zone] : addresses_and_zones) {
    auto& endpoint = view->groups.back().endpoints.emplace_back();
    endpoint.address = *IpAddress::parse(address);
    endpoint.zone = zone;
  }
  return view;
}

class OwnZoneTest : public testing::Test {
 protected:
  std::unique_ptr<OwnZone> make() {
    return std::make_unique<OwnZone>(
        feed_, "api.default",
        [](const IpAddress& address) { return address.to_string() == "10.0.0.7"; },
        [this](const std::string& zone) { told_.push_back(zone); });
  }
  DirectoryFeed feed_;
  std::vector<std::string> told_;
};

TEST_F(OwnZoneTest, is_that_of_the_endpoint_at_our_address) {
  const auto own = make();
  EXPECT_EQ(feed_.wanted(), std::vector<std::string>{"api.default"});
  feed_.take(view_of({{"10.0.0.6", "a"}, {"10.0.0.7", "b"}, {"10.0.0.8", "c"}}));
  EXPECT_EQ(told_, std::vector<std::string>{"b"});
  EXPECT_EQ(own->zone(), "b");
}

TEST_F(OwnZoneTest, is_told_once_and_stays_while_we_are_not_listed) {
  const auto own = make();
  feed_.take(view_of({{"10.0.0.6", "a"}}));
  feed_.take(view_of({{"10.0.0.7", ""}}));
  EXPECT_TRUE(told_.empty());
  feed_.take(view_of({{"10.0.0.7", "b"}}));
  feed_.take(view_of({{"10.0.0.6", "a"}, {"10.0.0.7", "b"}}));
  feed_.take(view_of({}));
  EXPECT_EQ(told_, std::vector<std::string>{"b"});
  EXPECT_EQ(own->zone(), "b");
}

TEST_F(OwnZoneTest, is_known_at_once_where_the_service_is_dialled_anyway) {
  struct Other final : DirectoryFeed::Listener {
    explicit Other(DirectoryFeed& feed) : Listener(feed, "api.default") {}
    void on_view(const ServiceViewPtr&) override {}
  } const other(feed_);
  feed_.take(view_of({{"10.0.0.7", "b"}}));
  EXPECT_EQ(make()->zone(), "b");
}

TEST_F(OwnZoneTest, wants_nothing_any_more_once_it_has_gone) {
  make().reset();
  EXPECT_TRUE(feed_.wanted().empty());
}

}  // namespace
}  // namespace epaulet::test
