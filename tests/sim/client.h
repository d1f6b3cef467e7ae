#pragma once

#include "io/dialer.h"
#include "peer.h"
#include "script.h"
#include "support/sim_loop.h"
#include "talk.h"

namespace epaulet::sim {

/// How a connection goes about its exchanges.
struct Manner {
  bool pipelined = false;               ///< All are written without waiting for answers.
  std::chrono::nanoseconds start{0};    ///< It is dialled after so long,
  std::chrono::nanoseconds silence{0};  ///< and says nothing for so long.
};

/// The application that dials: each connection makes its exchanges as their scripts say.
class Client {
 public:
  Client(test::SimLoop& loop, std::unique_ptr<Dialer> dialer, Ledger& ledger)
      : loop_(loop), dialer_(std::move(dialer)), ledger_(ledger) {}

  /// Starts a connection that makes these exchanges, one after the other.
  void connect(SocketAddress to, std::vector<int> ids, Manner manner = {});
  /// Starts a connection that talks; the talk outlives it.
  void talk(SocketAddress to, Talk& talk);
  [[nodiscard]] std::size_t connections_open() const { return open_; }

  /// Between the exchanges of a connection.
  std::chrono::nanoseconds think{0};

 private:
  Task<void> converse(SocketAddress to, std::vector<int> ids, Manner manner);
  Task<void> dial_and_talk(SocketAddress to, Talk& talk);
  Task<bool> exchange(Peer& peer, int id);
  Task<void> pipeline(Peer& peer, const std::vector<int>& ids);
  /// Writes one request. False: the connection is of no more use.
  Task<bool> send(Peer& peer, int id);
  Task<bool> send_all(Peer& peer, const std::vector<int>& ids);
  /// Reads one response, informational ones before it.
  Task<bool> receive(Peer& peer, int id);
  void abort(Peer& peer, int id);

  test::SimLoop& loop_;
  std::unique_ptr<Dialer> dialer_;
  Ledger& ledger_;
  std::size_t open_ = 0;
};

}  // namespace epaulet::sim
