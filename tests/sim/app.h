#pragma once

#include "http2_app.h"
#include "peer.h"
#include "script.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

namespace epaulet::sim {

/// The application behind an inbound sidecar: a server of HTTP/1.1, and of HTTP/2 by prior
/// knowledge, that does with each request what its script says.
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
  /// Answers every request of HTTP/1.1 with this status, whatever the script says; 0: no.
  int failing_status = 0;
  /// Of the requests on one connection of HTTP/1.1, each so-many-th meets a reset; 0: none.
  unsigned breaks = 0;
  /// Requests of HTTP/1.1 that it thinks about at once, the others wait; 0: any number.
  unsigned threads = 0;
  /// Over what the script says of how long it thinks.
  std::chrono::nanoseconds slowness{0};
  /// Before it falls silent it sends an informational head, in HTTP/1.1.
  bool hints = false;
  /// What it answers to checks of its health, which are counted; 0: nothing.
  int health_status = 200;
  [[nodiscard]] std::size_t checks() const { return checks_; }
  /// Where it is spoken to in HTTP/2.
  Http2Serving http2;
  /// Rules of HTTP/2 that were broken towards it.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  /// Ends everything.
  void stop() { scope_.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown}); }

 private:
  enum class After { keep, close, reset };

  Task<void> serve(StreamPtr stream);
  Task<void> serve_http2(StreamPtr stream, std::string heard);
  Task<bool> await_request(Peer& peer, bool fresh);
  Task<After> handle(Peer& peer, int id, bool breaks_it);
  Task<After> suffer(Peer& peer, AnswerScript::Fault fault);
  Task<bool> answer(Peer& peer, int id, std::size_t index);
  void keep_request(Peer& peer, int id, std::size_t index);
  [[nodiscard]] TimePoint thought_until(std::chrono::nanoseconds think);

  test::SimLoop& loop_;
  Ledger& ledger_;
  Scope scope_;
  std::size_t strangers_ = 0;
  std::size_t checks_ = 0;
  std::size_t open_ = 0;
  std::vector<TimePoint> busy_until_;  ///< Of each thread.
  std::vector<std::string> violations_;
  Acceptor acceptor_;
};

}  // namespace epaulet::sim
