#pragma once

#include <memory>

#include "http/http2/connection.h"
#include "http/http2/opened_stream.h"
#include "resilience/connection_limit.h"
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
  /// Another exchange may begin on it.
  [[nodiscard]] bool is_usable() const;
  /// It serves nobody now.
  [[nodiscard]] bool is_idle() const { return leases_ == 0; }
  [[nodiscard]] std::size_t streams() const { return mux_.session().open_streams(); }
  [[nodiscard]] LeasePtr lease();
  /// Takes no more exchanges; closes when the last has ended.
  void retire();

  telemetry::StringId peer = 0;            ///< Proven identity, 0 for plaintext.
  TimePoint not_after = TimePoint::max();  ///< No exchange begins past the peer's leaf.

  static constexpr std::chrono::seconds kIdleMax{55};

 private:
  class StreamLease;
  static Task<void> run(std::shared_ptr<SharedConnection> self);
  void given_back();
  http::http2::StreamEvents* on_request(http::http2::StreamId) override { return nullptr; }
  void on_settings() override { settings_.set(); }
  void on_goaway() override { retired_ = true; }
  void on_timer() override { retire(); }

  PoolKey key_;
  SharedPool* pool_ = nullptr;
  StreamPtr stream_;
  StreamReader reader_;
  Scope scope_;
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
  /// A stream of the connection that has the fewest, or nullptr if all are full or there is none.
  [[nodiscard]] LeasePtr take(const PoolKey& key, TimePoint now);
  /// A new connection, started.
  void add(SharedConnectionPtr connection);
  /// It has ended: nothing of it is kept.
  void forget(const SharedConnection& connection);
  /// Connections that serve nobody.
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
  /// Retires one of this backend that serves nobody; false if there is none.
  bool retire_idle(telemetry::StringId backend);

 private:
  std::unordered_map<PoolKey, std::vector<SharedConnectionPtr>, PoolKeyHash> by_key_;
};

}  // namespace epaulet::upstream
