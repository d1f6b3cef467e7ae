// sim_run [--seeds N] [--from M]: simulates seeds M, M+1, ... and says which failed and why.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "random_exchanges.h"

namespace {

int usage() {
  std::fprintf(stderr, "usage: sim_run [--seeds N] [--from M]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seeds = 1000;
  std::uint64_t from = 1;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view option = argv[i];
    if (i + 1 == argc || (option != "--seeds" && option != "--from")) return usage();
    (option == "--seeds" ? seeds : from) = std::strtoull(argv[i + 1], nullptr, 10);
  }
  std::uint64_t failed = 0;
  for (std::uint64_t seed = from; seed < from + seeds; ++seed) {
    const auto problems = epaulet::sim::simulate(seed);
    if (problems.empty()) continue;
    ++failed;
    std::printf("seed %llu failed; again: %s\n", static_cast<unsigned long long>(seed),
                epaulet::sim::replay_command(seed).c_str());
    for (const auto& problem : problems) std::printf("  %s\n", problem.c_str());
    std::fflush(stdout);
  }
  std::printf("%llu seeds from %llu: %llu failed\n", static_cast<unsigned long long>(seeds),
              static_cast<unsigned long long>(from), static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}
