#include "server/descriptor_quota.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/limits.h"

namespace epaulet::server {
namespace {

TEST(DescriptorQuota, never_promises_more_than_there_are) {
  for (const std::uint64_t descriptors : {64U, 200U, 256U, 1024U, 4096U, 20000U, 65536U}) {
    for (const std::size_t workers : {1U, 2U, 8U, 64U}) {
      const auto quota = share_descriptors(descriptors, workers);
      EXPECT_LE(2 * quota.connections + quota.idle_per_worker * workers, descriptors)
          << descriptors << " for " << workers;
      EXPECT_GE(quota.connections, 1U);
    }
  }
}

TEST(DescriptorQuota, keeps_the_control_threads_ports_their_connections) {
  const auto quota = share_descriptors(4096, 2);
  const auto taken = 2 * quota.connections + 2 * quota.idle_per_worker;
  EXPECT_GE(4096 - taken, 3 * limits::kAdminConnectionsMax + limits::kDnsTcpConnectionsMax);
  EXPECT_GE(quota.connections, 1300U) << "and yet gives the data path nearly all";
}

TEST(DescriptorQuota, is_no_bound_where_descriptors_are_plenty) {
  const auto quota = share_descriptors(1 << 20, 4);
  EXPECT_GE(quota.connections, 200'000U);
  EXPECT_EQ(quota.idle_per_worker, limits::kIdleConnectionsMax);
  EXPECT_EQ(share_descriptors(RLIM_INFINITY, 1).connections, 1'000'000U);
}

TEST(DescriptorQuota, gives_a_process_without_any_room_one_connection) {
  EXPECT_EQ(share_descriptors(0, 1).connections, 1U);
}

}  // namespace
}  // namespace epaulet::server
