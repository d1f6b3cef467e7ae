#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Services of which a model, or a bound, says what must come of every request. What is wrong is
/// told in one sentence each.
namespace epaulet::sim {

/// A service with a breaker, asked again and again: who is let through is what
/// test::BreakerModel lets through.
[[nodiscard]] std::vector<std::string> breaker_problems(std::uint64_t seed);
/// A service that fails for a while: retries keep to their budget, a breaker lets next to nothing
/// through, and when it is well again, so are its callers within a bound.
[[nodiscard]] std::vector<std::string> outage_problems(std::uint64_t seed);
/// Endpoints that are slower than others, by the default balancer: each is asked again and again.
[[nodiscard]] std::vector<std::string> starving_problems(std::uint64_t seed);
/// An endpoint that hangs for a while, and callers who give up before we do: next to nobody asks it
/// meanwhile, nobody else is left out, and when it is well again it is asked again.
[[nodiscard]] std::vector<std::string> giving_up_problems(std::uint64_t seed);
/// One of them, or none: a share of the seeds that random exchanges have.
[[nodiscard]] std::vector<std::string> model_problems(std::uint64_t seed);

}  // namespace epaulet::sim
