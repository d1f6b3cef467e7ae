#pragma once

#include <memory>

#include "http/http2/carried_stream.h"
#include "http/http2/connection.h"
#include "http/http2/opened_stream.h"
#include "resilience/connection_limit.h"
#include "upstream/dial_gate.h"
#include "upstream/pool.h"

namespace epaulet::upstream {

class SharedPool;

/// An HTTP/2 connection to an endpoint, which many exchanges share. Closes by itself some time
/// after the last of them.
class SharedConnection final : private http::http2::SessionEvents,
                               private Timer,
                               public std::enable_shared_from_this<SharedConnection> {
 public:
  /// `root`: cancelling it ends the connection.
  SharedConnection(const PoolKey& key, StreamPtr stream, const http::http2::SessionLimits& limits,
                   resilience::ConnectionLimit::Permit permit, Scope& root,
                   telemetry::Telemetry& telemetry);

  /// Serves it from now on; the loop keeps it until it has ended. Then `pool` forgets it.
  void start(SharedPool& pool);

  [[nodiscard]] const PoolKey& key() const { return key_; }
  /// Of the connections that it carries.
  [[nodiscard]] PoolKey carried_key() const;
  /// Another exchange may begin on it.
  [[nodiscard]] bool is_usable() const;
  /// Its peer has not said yet how many streams it takes: a moment more, and it may be many.
  [[nodiscard]] bool is_settling() const { return !settings_.is_set() && !is_retired(); }
  [[nodiscard]] bool is_retired() const { return retired_ || ended_; }
  /// Its permit is waited for by somebody whom no stream of it would serve.
  [[nodiscard]] bool is_contended() const;
  [[nodiscard]] TimePoint made_at() const { return made_at_; }
  /// Exchanges that run on it, those included whose stream is still to be opened; or connections
  /// that it carries.
  [[nodiscard]] std::size_t streams() const { return leases_; }
  [[nodiscard]] LeasePtr lease();
  /// A new connection of HTTP/1.1 that one of its streams carries; nullptr if the peer takes no
  /// more. `telemetry` outlives it.
  [[nodiscard]] ConnectionPtr carry(http::http1::HeadLimits limits,
                                    telemetry::Telemetry& telemetry);
  /// Takes no more exchanges; closes when the last has ended.
  void retire();

  telemetry::StringId peer = 0;  ///< Proven identity, 0 for plaintext.
  Trust rests_on;

  static constexpr std::chrono::seconds kIdleMax{55};

 private:
  class Place;
  class StreamLease;
  class CarriedBytes;
  static Task<void> run(std::shared_ptr<SharedConnection> self);
  void given_back();
  http::http2::StreamEvents* on_request(http::http2::StreamId) override { return nullptr; }
  void on_goaway() override { retired_ = true; }
  void on_settings() override;
  void on_narrowed() override { telemetry_.count(telemetry::Counter::http2_windows_narrowed); }
  void on_timer() override { retire(); }

  PoolKey key_;
  telemetry::Telemetry& telemetry_;
  SharedPool* pool_ = nullptr;
  StreamPtr stream_;
  StreamReader reader_;
  Scope scope_;
  const TimePoint made_at_;
  resilience::ConnectionLimit::Permit permit_;
  std::optional<telemetry::Counted> counted_;  ///< Until it has ended.
  http::http2::Connection mux_;
  Event settings_;  ///< The peer's have come, or never will.
  std::size_t leases_ = 0;
  std::size_t served_ = 0;
  bool retired_ = false;
  bool ended_ = false;
};
using SharedConnectionPtr = std::shared_ptr<SharedConnection>;

/// A worker's HTTP/2 connections to upstreams.
class SharedPool {
 public:
  /// `gate`: where callers queue for a connection; when a stream comes free one of them is let in.
  /// `pool`: where connections rest that these carry.
  SharedPool(DialGate& gate, Pool& pool) : gate_(gate), pool_(pool) {}

  /// A stream of the connection that has the fewest, or nullptr if all are full or there is none.
  /// `not_before`: of a connection that was made then or later.
  [[nodiscard]] LeasePtr take(const PoolKey& key, TimePoint now, TimePoint not_before);
  /// The same, where streams carry connections.
  [[nodiscard]] ConnectionPtr carry(const PoolKey& key, TimePoint now,
                                    http::http1::HeadLimits limits,
                                    telemetry::Telemetry& telemetry);
  /// Somebody has a turn at the gate or waits there: who comes later stands behind.
  [[nodiscard]] bool is_awaited(const PoolKey& key) const;
  /// One of them was just made, and its peer will say how many streams it takes.
  [[nodiscard]] bool is_settling(const PoolKey& key) const;
  /// Not a dial is waited for, but a stream of a connection that is full, or a permit.
  [[nodiscard]] bool is_full(const PoolKey& key, TimePoint not_before);

  /// The wait of who has a turn and may dial no more: its scope ends when a stream comes free.
  class Wait final : public ListNode {
   public:
    Wait(SharedPool& pool, const PoolKey& key_, Scope& parent) : scope(parent), key(key_) {
      pool.waits_.push_back(*this);
    }
    Scope scope;
    const PoolKey key;
    bool came_free = false;
  };
  /// A stream of one of these connections can be had now.
  void came_free(const PoolKey& key);

  /// Its sidecar shares no connections of HTTP/1.1, as a handshake has just shown. For some time
  /// nobody asks it again: who waits for its turn here dials one of its own.
  void note_unshared(const PoolKey& key, TimePoint now);
  [[nodiscard]] bool is_unshared(const PoolKey& key, TimePoint now) const;

  /// A new connection, started.
  void add(SharedConnectionPtr connection);
  /// It has ended: nothing of it is kept.
  void forget(const SharedConnection& connection);
  [[nodiscard]] std::size_t connections() const;
  /// Those that serve nobody.
  [[nodiscard]] std::size_t idle() const;

  /// Retires and forgets those that `unwanted` names: each lives until it has ended.
  template <class Unwanted>
  void retire_if(Unwanted&& unwanted) {
    for (auto it = by_key_.begin(); it != by_key_.end();) {
      const bool gone = unwanted(it->first);
      if (gone) {
        for (auto& connection : it->second) connection->retire();
      }
      it = gone ? by_key_.erase(it) : std::next(it);
    }
  }
  /// Retires one of this backend that serves nobody, but for connections that rest, which are
  /// closed; false if there is none.
  bool retire_idle(telemetry::StringId backend);
  /// If it serves nobody, but for connections that rest, which are closed.
  bool retire_if_idle(SharedConnection& connection);

 private:
  [[nodiscard]] SharedConnection* best(const PoolKey& key, TimePoint now, TimePoint not_before);
  DialGate& gate_;
  Pool& pool_;
  std::unordered_map<PoolKey, std::vector<SharedConnectionPtr>, PoolKeyHash> by_key_;
  IntrusiveList<Wait> waits_;
  std::unordered_map<PoolKey, TimePoint, PoolKeyHash> unshared_until_;
};

}  // namespace epaulet::upstream
