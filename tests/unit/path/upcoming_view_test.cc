#include "path/upcoming_view.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace epaulet::path {
namespace {

/// A view of 300 backends is in force, and one of a newer configuration is made.
class UpcomingViewTest : public testing::Test {
 protected:
  static constexpr std::size_t kBackends = 2 * UpcomingView::kBackendsATurn + 44;

  UpcomingViewTest() {
    for (std::size_t i = 0; i < kBackends; ++i) add(fmt::format("b{:03}", i));
    before_ = ViewPtr(new View(snapshot(1), random_));
    for (std::size_t i = 0; i < kBackends; ++i) {
      const auto name = fmt::format("b{:03}", i);
      before_->set_endpoints(name, set_of(name, 1), {}, *before_);
    }
  }

  void add(const std::string& backend) { settings_.backends[backend].name = backend; }
  SnapshotPtr snapshot(std::uint64_t version) {
    return Snapshot::build(settings_, version, {}, {}, states_);
  }
  void begin(std::uint64_t version) { upcoming_.begin(snapshot(version), random_, ""); }
  bool make_some() { return upcoming_.make_some(*before_, {}); }
  UpcomingView::Made made() {
    while (!make_some()) {
    }
    return upcoming_.take(random_, "");
  }
  static EndpointSetPtr set_of(const std::string& backend, std::uint16_t port) {
    auto set = std::make_shared<EndpointSet>();
    set->backend = backend;
    set->endpoints.push_back({{*IpAddress::parse("10.0.0.1"), port}, 1});
    return set;
  }
  bool tell(const std::string& backend, std::uint16_t port) {
    return upcoming_.keep(backend, set_of(backend, port));
  }
  /// 0: it has none.
  static std::uint16_t port_of(const ViewPtr& view, const std::string& backend) {
    const auto set = view->find(backend);
    return set ? set->endpoints.front().address.port : 0;
  }

  Settings settings_;
  resilience::StateTable states_;
  Random random_{1};
  ViewPtr before_;
  UpcomingView upcoming_;
};

TEST_F(UpcomingViewTest, it_is_made_in_as_many_turns_as_it_has_backends_for) {
  begin(2);
  EXPECT_FALSE(make_some());
  EXPECT_FALSE(make_some());
  EXPECT_TRUE(upcoming_.is_being_made());
  EXPECT_TRUE(make_some());
  const auto [view, told] = upcoming_.take(random_, "");
  EXPECT_FALSE(upcoming_.is_being_made());
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(view->snapshot().version, 2U);
  for (std::uint32_t i = 0; i < kBackends; ++i) {
    EXPECT_EQ(view->endpoints(i), before_->endpoints(i));
    EXPECT_EQ(view->loads(i)[0], before_->loads(i)[0]) << "loads stay known";
  }
}

TEST_F(UpcomingViewTest, what_is_told_of_endpoints_meanwhile_is_for_it_alone) {
  add("new");
  begin(2);
  EXPECT_FALSE(make_some());
  EXPECT_TRUE(tell("b000", 7));  // It was looked at.
  EXPECT_TRUE(tell("b299", 8));  // It will be.
  EXPECT_TRUE(tell("new", 9));   // The view in force does not know it.
  const auto [view, told] = made();
  EXPECT_EQ(told.size(), 3U);
  EXPECT_EQ(port_of(view, "b000"), 7);
  EXPECT_EQ(port_of(view, "b001"), 1);
  EXPECT_EQ(port_of(view, "b299"), 8);
  EXPECT_EQ(port_of(view, "new"), 9);
  EXPECT_EQ(view->backend_of({*IpAddress::parse("10.0.0.1"), 9}), *view->index_of("new"));
  EXPECT_EQ(port_of(before_, "b000"), 1);
}

TEST_F(UpcomingViewTest, a_newer_one_waits_and_what_is_told_is_for_the_newest) {
  begin(2);
  EXPECT_FALSE(make_some());
  EXPECT_TRUE(tell("b000", 7));
  add("new");
  begin(3);
  begin(4);
  EXPECT_TRUE(tell("b001", 8));
  EXPECT_TRUE(tell("new", 9));
  const auto first = made();
  EXPECT_EQ(first.view->snapshot().version, 2U) << "each that was begun comes into force";
  EXPECT_EQ(first.told.size(), 1U);
  EXPECT_EQ(port_of(first.view, "b000"), 7);
  EXPECT_EQ(port_of(first.view, "b001"), 1);
  before_ = first.view;
  EXPECT_TRUE(upcoming_.is_being_made());
  const auto second = made();
  EXPECT_EQ(second.view->snapshot().version, 4U);
  EXPECT_EQ(port_of(second.view, "b000"), 7);
  EXPECT_EQ(port_of(second.view, "b001"), 8);
  EXPECT_EQ(port_of(second.view, "new"), 9);
  EXPECT_FALSE(upcoming_.is_being_made());
}

TEST_F(UpcomingViewTest, keeps_nothing_while_none_is_being_made) {
  EXPECT_FALSE(tell("b000", 7));
  begin(2);
  EXPECT_TRUE(tell("b000", 7));
  (void)made();
  EXPECT_FALSE(tell("b001", 8));
  begin(3);
  const auto [view, told] = made();
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(port_of(view, "b000"), 1);
}

}  // namespace
}  // namespace epaulet::path
