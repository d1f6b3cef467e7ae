#include "server/memory_quota.h"

#include <gtest/gtest.h>

#include <map>

#include "base/limits.h"

namespace epaulet::server {
namespace {

using Files = std::map<std::string, std::string>;

std::optional<std::uint64_t> quota(std::string_view groups, const Files& files) {
  return memory_quota(groups, [&](const std::string& path) -> std::optional<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) return std::nullopt;
    return found->second;
  });
}

TEST(MemoryQuota, is_the_groups_own_limit) {
  EXPECT_EQ(quota("0::/\n", {{"/sys/fs/cgroup/memory.max", "33554432\n"}}), 33554432U);
}

TEST(MemoryQuota, is_the_lowest_on_the_way_up) {
  const Files files{{"/sys/fs/cgroup/pods/one/box/memory.max", "max\n"},
                    {"/sys/fs/cgroup/pods/one/memory.max", "5000\n"},
                    {"/sys/fs/cgroup/pods/memory.max", "9000\n"}};
  EXPECT_EQ(quota("0::/pods/one/box\n", files), 5000U);
}

TEST(MemoryQuota, is_found_where_the_path_is_the_hosts_and_only_the_root_is_mounted) {
  EXPECT_EQ(quota("0::/kubepods/pod7\n", {{"/sys/fs/cgroup/memory.max", "77\n"}}), 77U);
}

TEST(MemoryQuota, knows_version_1) {
  const Files files{{"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "4096\n"},
                    {"/sys/fs/cgroup/cpu/a/memory.limit_in_bytes", "1\n"}};
  EXPECT_EQ(quota("5:cpu,cpuacct:/a\n4:memory:/a\n0::/\n", files), 4096U);
}

TEST(MemoryQuota, is_none_without_a_limit) {
  EXPECT_EQ(quota("", {}), std::nullopt);
  EXPECT_EQ(quota("nonsense\n::\n", {}), std::nullopt);
  EXPECT_EQ(quota("0::/\n", {}), std::nullopt);
  EXPECT_EQ(quota("0::/\n", {{"/sys/fs/cgroup/memory.max", "max\n"}}), std::nullopt);
  EXPECT_EQ(quota("4:memory:/\n",
                  {{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}}),
            std::nullopt);
}

TEST(MemoryQuota, leaves_room_for_the_process_and_at_least_one_connection) {
  constexpr std::uint64_t kMost = limits::kProcessMemoryBytes + 10 * limits::kConnectionMemoryBytes;
  EXPECT_EQ(connections_by_quota(kMost), 10U);
  EXPECT_EQ(connections_by_quota(kMost - 1), 9U);
  EXPECT_EQ(connections_by_quota(0), 1U);
  EXPECT_EQ(connections_by_quota(std::uint64_t{1} << 59), 1'000'000U);
}

}  // namespace
}  // namespace epaulet::server
