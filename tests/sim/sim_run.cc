// sim_run [--seeds N] [--from M] [--stories]: simulates seeds M, M+1, ... and says which failed and
// why; with --stories what became of every exchange of theirs.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "random_exchanges.h"

// Where a sanitizer is compiled in: what runs before it ends the process.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

std::uint64_t running = 0;  // The seed, for whoever reads why the process died.

void name_seed() {
  std::fprintf(stderr, "seed %llu died; again: %s\n", static_cast<unsigned long long>(running),
               epaulet::sim::replay_command(running).c_str());
}

void on_abort(int) {
  name_seed();
}

int usage() {
  std::fprintf(stderr, "usage: sim_run [--seeds N] [--from M] [--stories]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seeds = 1000;
  std::uint64_t from = 1;
  bool stories = false;
  if (argc > 1 && std::string_view(argv[argc - 1]) == "--stories") {
    stories = true;
    --argc;
  }
  for (int i = 1; i < argc; i += 2) {
    const std::string_view option = argv[i];
    if (i + 1 == argc || (option != "--seeds" && option != "--from")) return usage();
    (option == "--seeds" ? seeds : from) = std::strtoull(argv[i + 1], nullptr, 10);
  }
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(name_seed);
  std::signal(SIGABRT, on_abort);
  std::uint64_t failed = 0;
  for (std::uint64_t seed = from; seed < from + seeds; ++seed) {
    running = seed;
    const auto problems = epaulet::sim::simulate(seed, stories);
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
