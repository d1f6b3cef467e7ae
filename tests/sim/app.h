#pragma once

#include "peer.h"
#include "script.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

namespace epaulet::sim {

/// The application behind an inbound sidecar: an HTTP/1.1 server that does with each request what
/// its script says.
class App {
 public:
  App(test::SimLoop& loop, test::MemoryNetwork& network, SocketAddress address, Ledger& ledger);

  /// Deliveries whose request names no exchange that we know.
  [[nodiscard]] std::size_t strangers() const { return strangers_; }
  [[nodiscard]] std::size_t connections_open() const { return open_; }
  /// Idle connections are closed after so long; zero: never.
  std::chrono::nanoseconds keep_alive{0};
  /// Before it closes a connection that has never asked for anything, it answers 408, as node does.
  bool answers_silence = false;
  /// Ends everything.
  void stop() { scope_.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown}); }

 private:
  enum class After { keep, close, reset };

  Task<void> serve(StreamPtr stream);
  Task<bool> await_request(Peer& peer, bool fresh);
  Task<After> handle(Peer& peer, int id);
  Task<After> suffer(Peer& peer, AnswerScript::Fault fault);
  Task<bool> answer(Peer& peer, int id, std::size_t index);
  void keep_request(Peer& peer, int id, std::size_t index);

  test::SimLoop& loop_;
  Ledger& ledger_;
  Scope scope_;
  std::size_t strangers_ = 0;
  std::size_t open_ = 0;
  Acceptor acceptor_;
};

}  // namespace epaulet::sim
