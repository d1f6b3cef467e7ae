#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace epaulet::sim {

/// Everything about one simulation drawn from `seed`: the network, the configuration, the scripts
/// of both ends, the faults. Runs it and compares with what must hold for every seed
/// (random_exchanges.cc lists it). Returns what did not, with the stories of the exchanges
/// concerned, or of all; empty: all is well.
[[nodiscard]] std::vector<std::string> simulate(std::uint64_t seed, bool tells_all = false);

/// The command that runs this seed alone.
[[nodiscard]] std::string replay_command(std::uint64_t seed);

}  // namespace epaulet::sim
