#include "redirect/iptables_complaint.h"

#include <gtest/gtest.h>

namespace epaulet::redirect {
namespace {

const Iptables kNft{Flavour::nft, ""};
const Iptables kLegacy{Flavour::legacy, "-legacy"};

Failure complaint(const Iptables& iptables, const char* output, const char* script = "") {
  return iptables_complaint(iptables, "iptables-restore", {4, output}, script);
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

TEST(FlavourOf, knows_both_and_takes_silence_for_the_older) {
  EXPECT_EQ(flavour_of("iptables-restore v1.8.9 (nf_tables)\n"), Flavour::nft);
  EXPECT_EQ(flavour_of("iptables-restore v1.8.9 (legacy)\n"), Flavour::legacy);
  EXPECT_EQ(flavour_of("iptables-restore v1.6.1\n"), Flavour::legacy);
}

TEST(IptablesComplaint, quotes_the_program_its_reason_and_the_line_it_names) {
  const auto failure = complaint(kNft,
                                 "iptables-restore v1.8.9 (nf_tables): \n"
                                 "line 3: RULE_APPEND failed (Invalid argument): rule in chain X\n",
                                 "*nat\n:X - [0:0]\n-A X -m owner\nCOMMIT\n");
  EXPECT_TRUE(contains(failure.what, "iptables-restore refused the rules (exit status 4)"));
  EXPECT_TRUE(contains(failure.what, "Invalid argument"));
  EXPECT_TRUE(contains(failure.what, "`-A X -m owner`"));
  EXPECT_TRUE(contains(complaint(kLegacy, "iptables-restore: line 1 failed", "*nat\nCOMMIT\n").what,
                       "`*nat`"));
}

TEST(IptablesComplaint, quotes_nothing_for_a_line_that_is_not_there) {
  EXPECT_FALSE(contains(complaint(kNft, "line 9 failed", "*nat\nCOMMIT\n").what, "`"));
  EXPECT_FALSE(contains(complaint(kNft, "line x failed", "*nat\nCOMMIT\n").what, "`"));
  EXPECT_FALSE(contains(complaint(kNft, "line 1 failed", "").what, "`"));
  EXPECT_FALSE(contains(complaint(kNft, "line 0 failed", "*nat").what, "`"));
}

TEST(IptablesComplaint, names_the_capabilities_that_each_flavour_needs) {
  const auto* const denied =
      "Could not fetch rule set generation id: Permission denied (you must "
      "be root)";
  EXPECT_TRUE(contains(complaint(kNft, denied).remedy, "CAP_NET_ADMIN"));
  EXPECT_FALSE(contains(complaint(kNft, denied).remedy, "CAP_NET_RAW"));
  EXPECT_TRUE(contains(complaint(kLegacy, denied).remedy, "CAP_NET_ADMIN and CAP_NET_RAW"));
}

TEST(IptablesComplaint, names_the_modules_that_each_flavour_needs) {
  const auto* const absent =
      "unable to initialize table 'nat'\nCannot initialize: Table does not exist (do you need to "
      "insmod?)\n";
  EXPECT_TRUE(contains(complaint(kLegacy, absent).remedy, "iptable_nat"));
  EXPECT_TRUE(contains(complaint(kLegacy, absent).remedy, "--backend"));
  EXPECT_TRUE(contains(complaint(kNft, "Failed to initialize nft: Protocol not supported").remedy,
                       "nft_compat"));
}

TEST(IptablesComplaint, tells_a_lock_that_is_held_from_one_that_cannot_be_made) {
  EXPECT_TRUE(contains(
      complaint(kLegacy, "Fatal: can't open lock file /run/xtables.lock: Permission denied").remedy,
      "XTABLES_LOCKFILE"));
  EXPECT_TRUE(contains(complaint(kLegacy,
                                 "Another app is currently holding the xtables lock. Stopped "
                                 "waiting after 5s.")
                           .remedy,
                       "try again"));
}

TEST(IptablesComplaint, names_the_package_of_a_missing_extension) {
  EXPECT_TRUE(
      contains(complaint(kNft, "Couldn't load match `owner':No such file or directory").remedy,
               "apt-get install iptables"));
}

}  // namespace
}  // namespace epaulet::redirect
