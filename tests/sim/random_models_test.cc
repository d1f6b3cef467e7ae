// Random services: what a model or a bound says of them holds for every seed.

#include "random_models.h"

#include <gtest/gtest.h>

namespace epaulet::sim {
namespace {

void expect_none(const char* what, std::uint64_t seed, const std::vector<std::string>& problems) {
  for (const auto& problem : problems)
    ADD_FAILURE() << what << ", seed " << seed << ": " << problem;
}

TEST(RandomModels, breakers_let_through_what_a_model_lets_through) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    expect_none("breaker", seed, breaker_problems(seed));
    if (HasFailure()) return;
  }
}

TEST(RandomModels, an_outage_costs_little_and_is_over_within_a_bound) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    expect_none("outage", seed, outage_problems(seed));
    if (HasFailure()) return;
  }
}

TEST(RandomModels, no_endpoint_starves) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    expect_none("starving", seed, starving_problems(seed));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace epaulet::sim
