#include "redirect/nft.h"

#include <gtest/gtest.h>

namespace epaulet::redirect {
namespace {

constexpr const char* kListing =
    "table inet epaulet {\n"
    "\tchain guard {\n"
    "\t\ttype filter hook input priority filter; policy accept;\n"
    "\t\tiifname \"lo\" return\n"
    "\t\ttcp dport != { 15006, 15008 } ct state { invalid, new, untracked } counter packets 42 "
    "bytes 1680 drop comment \"inbound-guard\"\n"
    "\t\tmeta l4proto { udp } ct state { new } counter packets 7 bytes 9 drop comment "
    "\"inbound-udp\"\n"
    "\t}\n"
    "}\n";

TEST(DroppedByGuard, reads_the_counter_of_the_guard_and_of_no_other_rule) {
  EXPECT_EQ(dropped_by_guard(kListing), 42u);
}

TEST(DroppedByGuard, is_nothing_without_the_rule) {
  EXPECT_FALSE(dropped_by_guard(""));
  EXPECT_FALSE(dropped_by_guard("table inet epaulet {\n\tchain guard {\n\t}\n}\n"));
  EXPECT_FALSE(
      dropped_by_guard("\t\tudp counter packets 7 bytes 9 drop comment \"inbound-udp\"\n"));
}

TEST(DroppedByGuard, is_nothing_without_a_counter_or_a_number) {
  EXPECT_FALSE(dropped_by_guard("counter packets 1 x\ntcp drop comment \"inbound-guard\"\n"));
  EXPECT_FALSE(dropped_by_guard("tcp counter packets x drop comment \"inbound-guard\"\n"));
}

}  // namespace
}  // namespace epaulet::redirect
