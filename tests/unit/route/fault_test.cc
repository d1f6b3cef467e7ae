#include "route/fault.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

FaultSettings both() {
  FaultSettings settings;
  settings.delay = FaultDelaySettings{.origin = {}, .time = 100ms, .share = 0.5};
  settings.abort = FaultAbortSettings{.origin = {}, .status = 429, .grpc_status = {}, .share = 0.1};
  return settings;
}

TEST(FaultTest, a_share_is_drawn_for_each_by_itself) {
  const Fault fault(both());
  const TestRequest request;
  const auto drawn = [&](double delay, double abort) {
    return fault.draw(request.head, false, delay, abort);
  };
  EXPECT_FALSE(drawn(0.5, 0.1).any());
  EXPECT_EQ(drawn(0.499, 0.5).delay, 100ms);
  EXPECT_EQ(drawn(0.499, 0.5).status, 0);
  EXPECT_EQ(drawn(0.9, 0.099).status, 429);
  EXPECT_EQ(drawn(0.9, 0.099).delay, 0ms);
  EXPECT_EQ(drawn(0, 0).delay, 100ms);
  EXPECT_EQ(drawn(0, 0).status, 429);
  EXPECT_EQ(drawn(0, 0).grpc_status, 14) << "what clients make of 429";
}

TEST(FaultTest, all_and_none_are_exact) {
  auto settings = both();
  settings.delay->share = 1;
  settings.abort->share = 0;
  const auto drawn = Fault(settings).draw(TestRequest().head, false, 0.9999999, 0);
  EXPECT_EQ(drawn.delay, 100ms);
  EXPECT_EQ(drawn.status, 0);
}

TEST(FaultTest, only_requests_with_the_header) {
  auto settings = both();
  settings.headers = {{.name = "x-chaos", .exact = "yes"}};
  const Fault fault(settings);
  EXPECT_FALSE(fault.draw(TestRequest().head, false, 0, 0).any());
  EXPECT_FALSE(
      fault.draw(TestRequest("/", "GET", "h", {{"X-Chaos", "no"}}).head, false, 0, 0).any());
  EXPECT_TRUE(
      fault.draw(TestRequest("/", "GET", "h", {{"X-Chaos", "yes"}}).head, false, 0, 0).any());
}

TEST(FaultTest, a_grpc_status_is_for_calls_of_grpc) {
  auto settings = both();
  settings.abort = FaultAbortSettings{
      .origin = {}, .status = {}, .grpc_status = GrpcStatus::resource_exhausted, .share = 1};
  const Fault fault(settings);
  EXPECT_EQ(fault.draw(TestRequest().head, false, 1, 0).status, 0);
  EXPECT_EQ(fault.draw(TestRequest().head, true, 1, 0).grpc_status, 8);
  EXPECT_EQ(fault.draw(TestRequest().head, true, 1, 0).status, 200);
}

}  // namespace
}  // namespace epaulet
