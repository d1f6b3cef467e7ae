#include "redirect/backend.h"

#include <gtest/gtest.h>

#include "redirect/nft_ruleset.h"

namespace epaulet::redirect {
namespace {

TEST(Joined, keeps_every_reason_and_each_remedy_once) {
  const auto both = joined({{"nft: no", "be root"}, {"iptables: no", "be root"}, {"x", "load y"}});
  EXPECT_EQ(both.what, "nft: no; iptables: no; x");
  EXPECT_EQ(both.remedy, "be root; or load y");
}

TEST(RulesText, is_that_of_the_chosen_backend) {
  RedirectOptions options;
  EXPECT_EQ(rules_text(options), nft_ruleset(options));
  for (const auto choice :
       {BackendChoice::iptables, BackendChoice::iptables_nft, BackendChoice::iptables_legacy}) {
    options.backend = choice;
    const auto text = rules_text(options);
    EXPECT_TRUE(text.starts_with("# iptables-restore --noflush\n*filter\n")) << text;
    EXPECT_NE(text.find("\n# ip6tables-restore --noflush\n*filter\n"), std::string::npos);
    EXPECT_EQ(text.find("table inet"), std::string::npos);
  }
}

}  // namespace
}  // namespace epaulet::redirect
