#include "telemetry/process_stats.h"

#include <gtest/gtest.h>

#include <string>

namespace epaulet::telemetry {
namespace {

// A line of a real /proc/PID/stat, its file name made as nasty as one can be.
constexpr std::string_view kStat =
    "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 1000 0 5 0 150 50 0 0 20 0 3 0 8600 123456789 2048 "
    "18446744073709551615 1 1 0 0 0 0 0 4096 1024 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

TEST(ProcessStats, reads_proc_stat) {
  ProcessStats stats;
  parse_process_stat(kStat, 4096, 100, stats);
  EXPECT_EQ(stats.cpu_seconds, 2.0);
  EXPECT_EQ(stats.threads, 3u);
  EXPECT_EQ(stats.virtual_bytes, 123456789u);
  EXPECT_EQ(stats.resident_bytes, 2048u * 4096);
}

TEST(ProcessStats, takes_nothing_from_other_text) {
  for (const std::string text : {"", "4242", "4242 (a)", "4242 (a) ", "1 (a) S x y z"}) {
    ProcessStats stats;
    parse_process_stat(text, 4096, 100, stats);
    EXPECT_FALSE(stats.cpu_seconds || stats.resident_bytes || stats.threads) << text;
  }
}

TEST(ProcessStats, reads_what_listeners_have_dropped) {
  EXPECT_EQ(parse_listen_drops("IpExt: ListenDrops\nIpExt: 9\n"
                               "TcpExt: TW ListenOverflows ListenDrops Last\n"
                               "TcpExt: 1 22 333 4\n"),
            333u);
  EXPECT_EQ(parse_listen_drops("TcpExt: ListenDrops\nTcpExt: 7"), 7u);
  for (const std::string text :
       {"", "TcpExt:", "TcpExt: ListenDrops", "TcpExt: ListenDrops\n", "TcpExt: ListenDrops\n7",
        "TcpExt: ListenDrops\nIpExt: 7\n", "TcpExt: A ListenDrops\nTcpExt: 7\nB: 8\n",
        "TcpExt: ListenDrops\nTcpExt: x\n", "TcpExt: ListenDropsToo\nTcpExt: 7\n"}) {
    EXPECT_FALSE(parse_listen_drops(text)) << text;
  }
}

TEST(ProcessStats, knows_this_process) {
  const auto stats = read_process_stats();
  EXPECT_GT(stats.resident_bytes.value_or(0), 0u);
  EXPECT_GE(stats.open_descriptors.value_or(0), 3u);
  EXPECT_GE(stats.threads.value_or(0), 1u);
  EXPECT_TRUE(stats.listen_drops);
}

}  // namespace
}  // namespace epaulet::telemetry
