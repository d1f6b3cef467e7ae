#pragma once

#include "http2_peer.h"
#include "script.h"

namespace epaulet::sim {

/// How an app that speaks HTTP/2 goes about its connections.
struct Http2Serving {
  Http2Manners manners;
  std::chrono::nanoseconds keep_alive{0};   ///< GOAWAY and the end after so long without a request.
  std::size_t goodbye_after = SIZE_MAX;     ///< GOAWAY behind so many requests; those are answered.
  std::chrono::nanoseconds squeezes_at{0};  ///< One stream and small windows from then on,
  std::chrono::nanoseconds squeezes_for{0};  ///< for so long.
};

/// Serves one connection of HTTP/2: does with each request what its script says, all beside each
/// other.
class Http2Server {
 public:
  /// `slowness`: what it thinks over what the script says, looked at with each request.
  Http2Server(Ledger& ledger, Scope& scope, const Http2Serving& serving,
              const std::chrono::nanoseconds& slowness)
      : ledger_(ledger), scope_(scope), serving_(serving), slowness_(slowness) {}

  Task<void> serve(StreamPtr stream, std::string heard);
  [[nodiscard]] std::size_t strangers() const { return strangers_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  Task<void> handle(Http2Peer& peer, Http2Stream& stream);
  Task<void> answer(Http2Peer& peer, Http2Stream& stream, int id, std::size_t index);
  Task<void> leave_when_idle(Http2Peer& peer);
  Task<void> squeeze(Http2Peer& peer);
  void keep_request(const Http2Stream& stream, int id, std::size_t index);
  /// The fault at this point, if this delivery suffers it. True: nothing more is to be done.
  bool suffer(Http2Peer& peer, Http2Stream& stream, const AnswerScript& script);

  Ledger& ledger_;
  Scope scope_;
  const Http2Serving serving_;
  const std::chrono::nanoseconds& slowness_;
  std::size_t requests_ = 0;
  std::size_t strangers_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace epaulet::sim
