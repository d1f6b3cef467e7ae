// What yaml-cpp alone needs to read a file: its events, that nobody takes. A loader of
// configuration that is built on it cannot be faster.
//
//   bench_yaml_events FILE        prints seconds of CPU

#include <yaml-cpp/parser.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>

#include "tests/support/deaf_events.h"

namespace {

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_yaml_events FILE\n");
    return 1;
  }
  std::ifstream file(argv[1]);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) {
    std::fprintf(stderr, "%s cannot be read\n", argv[1]);
    return 1;
  }
  const double begin = cpu_seconds();
  YAML::Parser parser(text);
  epaulet::DeafEvents deaf;
  while (parser.HandleNextDocument(deaf)) {
  }
  std::printf("%.6f\n", cpu_seconds() - begin);
  return 0;
}
