#pragma once

#include "http2_peer.h"
#include "io/dialer.h"
#include "script.h"
#include "support/sim_loop.h"

namespace epaulet::sim {

/// How a connection of the caller goes about its streams.
struct Http2Calling {
  std::chrono::nanoseconds start{0};    ///< It is dialled after so long,
  std::chrono::nanoseconds silence{0};  ///< and says nothing for so long.
  Http2Manners manners;
  std::optional<std::chrono::nanoseconds> goodbye_at{};  ///< GOAWAY, with requests under way.
};

/// The application that dials and speaks HTTP/2: the exchanges of a connection run beside each
/// other, each on its own stream, as their scripts say.
class Http2Client {
 public:
  Http2Client(test::SimLoop& loop, std::unique_ptr<Dialer> dialer, Ledger& ledger)
      : loop_(loop), dialer_(std::move(dialer)), ledger_(ledger) {}

  void connect(SocketAddress to, std::vector<int> ids, Http2Calling calling);
  [[nodiscard]] std::size_t connections_open() const { return open_; }
  /// Rules of HTTP/2 that were broken towards it.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  Task<void> converse(SocketAddress to, std::vector<int> ids, Http2Calling calling);
  Task<void> exchange(Http2Peer& peer, Scope& scope, int id);
  Task<void> upload(Http2Peer& peer, Http2Stream& stream, Scope& scope, int id);
  Task<void> receive(Http2Peer& peer, Http2Stream& stream, int id);
  void abort(Http2Peer& peer, Http2Stream& stream, int id);

  test::SimLoop& loop_;
  std::unique_ptr<Dialer> dialer_;
  Ledger& ledger_;
  std::size_t open_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace epaulet::sim
