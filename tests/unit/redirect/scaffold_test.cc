#include "redirect/scaffold.h"

#include <gtest/gtest.h>

namespace epaulet::redirect {
namespace {

TEST(ChooseAddresses, gives_two_neighbours_of_the_family_asked_for) {
  for (const bool v4 : {true, false}) {
    const auto chosen = choose_addresses({}, {}, v4);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->own.is_v4(), v4);
    EXPECT_NE(chosen->own, chosen->neighbour);
    EXPECT_FALSE(chosen->own.is_loopback());
  }
}

TEST(ChooseAddresses, keeps_clear_of_exclusions_virtual_networks_and_the_pods_own) {
  RedirectOptions options;
  const auto first = *choose_addresses(options, {}, true);
  options.exclude_outbound_networks = {*IpNetwork::parse("169.254.0.0/16")};
  const auto second = *choose_addresses(options, {}, true);
  EXPECT_NE(first.own, second.own);
  EXPECT_FALSE(options.exclude_outbound_networks[0].contains(second.own));

  options.virtual_v4 = {second.own, 24};
  const auto third = *choose_addresses(options, {}, true);
  EXPECT_FALSE(options.virtual_v4.contains(third.own));

  Pod pod;
  pod.addresses = {{"eth0", third.neighbour}};
  const auto fourth = *choose_addresses(options, pod, true);
  EXPECT_NE(fourth.own, third.own);
}

TEST(ChooseAddresses, is_not_content_with_an_exclusion_inside_its_network) {
  RedirectOptions options;
  const auto first = *choose_addresses(options, {}, true);
  options.exclude_outbound_networks = {{first.own, 32}};
  EXPECT_NE(choose_addresses(options, {}, true)->own, first.own);
}

TEST(ChooseAddresses, gives_up_when_everything_is_excluded) {
  RedirectOptions options;
  options.exclude_outbound_networks = {*IpNetwork::parse("128.0.0.0/1"),
                                       *IpNetwork::parse("fc00::/7"),
                                       *IpNetwork::parse("2000::/3")};
  EXPECT_FALSE(choose_addresses(options, {}, true));
  EXPECT_FALSE(choose_addresses(options, {}, false));
}

}  // namespace
}  // namespace epaulet::redirect
