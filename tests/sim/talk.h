#pragma once

#include "peer.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

/// Connections that are not HTTP: the server greets, then gives back what it hears.
namespace epaulet::sim {

struct Talk {
  std::chrono::nanoseconds start{0};
  bool waits_for_greeting = true;  ///< The server speaks first. Otherwise both do.
  std::size_t rounds = 1;          ///< A line is sent, and awaited back.
  std::size_t line_bytes = 20;

  std::string heard;
  bool ended = false;  ///< With the server's FIN behind ours.

  /// What is heard if nothing goes wrong.
  [[nodiscard]] std::string expected() const;
  [[nodiscard]] std::string line(std::size_t round) const;
};

class Greeter {
 public:
  Greeter(test::SimLoop& loop, test::MemoryNetwork& network, SocketAddress address);
  void stop() { scope_.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown}); }

  /// Before the greeting.
  std::chrono::nanoseconds think{0};
  static const std::string kGreeting;

 private:
  Task<void> serve(StreamPtr stream);

  test::SimLoop& loop_;
  Scope scope_;
  Acceptor acceptor_;
};

/// The caller's part of a talk.
[[nodiscard]] Task<void> hold(Talk& talk, Peer& peer);

}  // namespace epaulet::sim
