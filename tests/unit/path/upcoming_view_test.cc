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
  ViewPtr made() {
    while (!make_some()) {
    }
    return upcoming_.take();
  }
  static EndpointSetPtr set_of(const std::string& backend, std::uint16_t port) {
    auto set = std::make_shared<EndpointSet>();
    set->backend = backend;
    set->endpoints.push_back({{*IpAddress::parse("10.0.0.1"), port}, 1});
    return set;
  }
  void tell(const std::string& backend, std::uint16_t port) {
    const auto set = set_of(backend, port);
    before_->set_endpoints(backend, set, {}, *before_);
    upcoming_.set_endpoints(backend, set);
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
  const auto view = upcoming_.take();
  EXPECT_FALSE(upcoming_.is_being_made());
  EXPECT_EQ(view->snapshot().version, 2U);
  for (std::size_t i = 0; i < kBackends; ++i) {
    EXPECT_EQ(view->endpoints(static_cast<std::uint32_t>(i)),
              before_->endpoints(static_cast<std::uint32_t>(i)));
    EXPECT_EQ(view->loads(static_cast<std::uint32_t>(i))[0],
              before_->loads(static_cast<std::uint32_t>(i))[0])
        << "loads stay known";
  }
}

TEST_F(UpcomingViewTest, what_is_told_of_endpoints_meanwhile_is_in_it) {
  add("new");
  begin(2);
  EXPECT_FALSE(make_some());
  tell("b000", 7);  // It was looked at.
  tell("b299", 8);  // It will be.
  tell("new", 9);   // The view in force does not know it.
  const auto view = made();
  EXPECT_EQ(port_of(view, "b000"), 7);
  EXPECT_EQ(port_of(view, "b001"), 1);
  EXPECT_EQ(port_of(view, "b299"), 8);
  EXPECT_EQ(port_of(view, "new"), 9);
  EXPECT_EQ(view->backend_of({*IpAddress::parse("10.0.0.1"), 9}), *view->index_of("new"));
}

TEST_F(UpcomingViewTest, a_newer_one_takes_its_place_and_knows_what_was_told) {
  add("new");
  begin(2);
  EXPECT_FALSE(make_some());
  tell("b000", 7);
  tell("new", 9);
  begin(3);
  tell("new", 10);
  const auto view = made();
  EXPECT_EQ(view->snapshot().version, 3U);
  EXPECT_EQ(port_of(view, "b000"), 7);
  EXPECT_EQ(port_of(view, "new"), 10);
}

TEST_F(UpcomingViewTest, what_was_told_for_one_is_no_part_of_the_next) {
  begin(2);
  tell("b000", 7);
  (void)made();
  tell("b001", 8);  // While none is being made: the view in force alone.
  before_->set_endpoints("b000", set_of("b000", 5), {}, *before_);
  begin(3);
  const auto view = made();
  EXPECT_EQ(port_of(view, "b000"), 5);
  EXPECT_EQ(port_of(view, "b001"), 8);
}

}  // namespace
}  // namespace epaulet::path
