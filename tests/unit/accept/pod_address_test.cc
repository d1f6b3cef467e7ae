#include "accept/pod_address.h"

#include <gtest/gtest.h>

#include "accept/loop_guard.h"

namespace epaulet {
namespace {

TEST(PodAddress, is_one_of_this_host_that_others_can_reach_and_stays) {
  const auto address = pod_address();
  if (!address) GTEST_SKIP() << "this machine has loopback and link-local addresses alone";
  EXPECT_TRUE(is_local_address(*address));
  EXPECT_FALSE(address->is_loopback());
  EXPECT_FALSE(address->to_string().starts_with("fe80:"));
  EXPECT_EQ(pod_address(), address);
}

}  // namespace
}  // namespace epaulet
