#include "server/rules_watch.h"

#include <gtest/gtest.h>

namespace epaulet::server {
namespace {

TEST(StandingRules, that_were_never_seen_cannot_be_gone) {
  StandingRules rules;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(rules.look(false));
  EXPECT_EQ(rules.stand(), std::nullopt);
  EXPECT_FALSE(rules.look(true)) << "the first answer is no change";
  EXPECT_EQ(rules.stand(), true);
}

TEST(StandingRules, are_gone_after_two_looks_in_vain_and_back_after_one) {
  StandingRules rules;
  EXPECT_FALSE(rules.look(true));
  EXPECT_FALSE(rules.is_in_doubt());
  EXPECT_FALSE(rules.look(false));
  EXPECT_TRUE(rules.is_in_doubt());
  EXPECT_EQ(rules.stand(), true);
  EXPECT_FALSE(rules.look(true)) << "it was nothing";
  EXPECT_FALSE(rules.look(false));
  EXPECT_TRUE(rules.look(false));
  EXPECT_EQ(rules.stand(), false);
  EXPECT_FALSE(rules.is_in_doubt());
  EXPECT_FALSE(rules.look(false)) << "it is told once";
  EXPECT_TRUE(rules.look(true));
  EXPECT_EQ(rules.stand(), true);
}

TEST(StandingRules, are_judged_by_refusals_and_not_by_what_we_lack) {
  EXPECT_EQ(stand_by(ErrorCode::connect_refused), true);
  EXPECT_EQ(stand_by(ErrorCode::none), false) << "somebody has answered";
  EXPECT_EQ(stand_by(ErrorCode::connect_timeout), false);
  EXPECT_EQ(stand_by(ErrorCode::connect_unreachable), false);
  EXPECT_EQ(stand_by(ErrorCode::descriptors_exhausted), std::nullopt);
  EXPECT_EQ(stand_by(ErrorCode::memory_exhausted), std::nullopt);
  EXPECT_EQ(stand_by(ErrorCode::connect_failed), std::nullopt);
}

}  // namespace
}  // namespace epaulet::server
