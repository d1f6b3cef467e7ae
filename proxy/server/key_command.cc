#include "server/key_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <string>

#include "base/ascii.h"
#include "crypto/api_key.h"
#include "crypto/jose_hash.h"

namespace epaulet::server {
namespace {

int hash_keys() {
  if (::isatty(STDIN_FILENO) == 1)
    std::fputs("keys, one a line, then Ctrl-D; they are shown as you type\n", stderr);
  std::string line;
  std::size_t keys = 0;
  for (std::size_t number = 1; std::getline(std::cin, line); ++number) {
    const auto key = trim(line.ends_with('\r') ? std::string_view(line).substr(0, line.size() - 1)
                                               : std::string_view(line));
    if (key.empty()) continue;
    if (const auto flaw = flaw_of_api_key(key); !flaw.empty()) {
      std::fprintf(stderr, "line %zu is no API key: %s\n", number, flaw.c_str());
      return 1;
    }
    const std::string hash = write_api_key_hash(hash_token(key));
    std::printf("%s\n", hash.c_str());
    ++keys;
  }
  if (keys > 0) return 0;
  std::fputs("no key on standard input: for example epaulet key new | tee key | epaulet key hash\n",
             stderr);
  return 1;
}

}  // namespace

void add_key_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("key", "draw API keys, and hash them for a file of api_keys");
  command->require_subcommand(1);
  command->add_subcommand("new", "print a new API key, 256 random bits")->callback([] {
    std::printf("%s\n", draw_api_key().c_str());
  });
  command
      ->add_subcommand("hash", "read keys from standard input, one a line, and print their hashes")
      ->callback([&exit_code] { exit_code = hash_keys(); });
}

}  // namespace epaulet::server
