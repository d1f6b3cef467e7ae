#pragma once

#include <fmt/format.h>

#include <cstdio>

#include "base/error_table.h"
#include "tests/fuzz/support/connection_world.h"

namespace epaulet::fuzz {

inline std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 2'000)) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 32 && octet < 127) {
      out += c;
    } else {
      out += c == '\n' ? "\\n\n    " : fmt::format("\\x{:02x}", octet);
    }
  }
  return out;
}

/// What both ends said and heard, for a person; then the end.
[[noreturn]] inline void fail(const World& world, const char* what) {
  std::fprintf(stderr, "broken: %s\n", what);
  const auto tell = [](const char* who, const Party& side) {
    std::fprintf(stderr, "  %s said:\n    %s%s%s\n  and heard:\n    %s%s%s\n", who,
                 printable(side.said).c_str(), side.finished ? "[FIN]" : "",
                 side.reset ? "[reset]" : "", printable(side.heard).c_str(),
                 side.ended ? "[FIN]" : "", side.failed ? "[reset]" : "");
  };
  tell("the caller", world.caller);
  for (const Party& side : world.app) tell("the app", side);
  for (const auto& record : world.exchanges()) {
    std::fprintf(stderr, "  exchange '%s' '%s': status %d%s, %s, %d attempts, %.3f s\n",
                 record.method.data(), std::string(record.request_id.view()).c_str(), record.status,
                 record.status_is_ours ? " (ours)" : "",
                 std::string(describe(record.error.code).name).c_str(), record.attempts,
                 std::chrono::duration<double>(record.end - record.start).count());
  }
  for (const auto& record : world.connections()) {
    std::fprintf(stderr, "  connection: kind %d, %s\n", static_cast<int>(record.kind),
                 std::string(describe(record.error.code).name).c_str());
  }
  std::abort();
}

}  // namespace epaulet::fuzz
