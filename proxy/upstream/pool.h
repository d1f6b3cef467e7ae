#pragma once

#include <map>
#include <memory>
#include <unordered_map>

#include "http/http1/client_connection.h"
#include "resilience/connection_limit.h"
#include "runtime/timers.h"
#include "telemetry/counted.h"
#include "upstream/trust_watch.h"

namespace epaulet::upstream {

/// What a pooled connection is good for: this backend at this address, under this trust.
struct PoolKey {
  telemetry::StringId backend = 0;  ///< 0: the app of an inbound sidecar.
  SocketAddress address;
  std::uint64_t trust = 0;  ///< MeshTls::trust_generation() at the handshake; 0: plaintext.
  std::uint64_t shape = 0;  ///< Of what the backend expects: mode, identities, tunnel, sharing.
  bool carries = false;     ///< HTTP/2, whose streams are connections of HTTP/1.1.

  friend bool operator==(const PoolKey&, const PoolKey&) = default;
};

struct PoolKeyHash {
  std::size_t operator()(const PoolKey& key) const {
    return SocketAddressHash()(key.address) ^ (std::size_t{key.backend} * 0x9e3779b97f4a7c15ULL) ^
           ((key.trust ^ key.shape ^ std::uint64_t{key.carries}) * 0xff51afd7ed558ccdULL);
  }
};

class Pool;

class Connection;

/// What one exchange was given to reach an endpoint: a connection of its own, or one stream of a
/// connection that others share.
class Lease {
 public:
  explicit Lease(const PoolKey& key) : key_(key) {}
  virtual ~Lease() = default;

  [[nodiscard]] virtual http::ClientStream& stream() = 0;
  /// Nothing if it is a stream of a shared connection.
  [[nodiscard]] virtual Connection* connection() { return nullptr; }
  /// Whether a request for an upgrade can be asked on it; an HTTP/2 peer says so (RFC 8441).
  virtual Task<Result<bool>> takes_upgrades(Scope&) { co_return true; }
  /// It is a connection of its own kind, which a stream of a shared one carries.
  [[nodiscard]] virtual bool is_carried() const { return false; }
  [[nodiscard]] const PoolKey& key() const { return key_; }

  telemetry::StringId peer = 0;  ///< Proven identity, 0 for plaintext.
  Trust rests_on;
  bool reused = false;  ///< At least one exchange went before.

 private:
  PoolKey key_;
};
using LeasePtr = std::unique_ptr<Lease>;

class SharedConnection;

/// An HTTP/1.1 connection to an endpoint, busy or idle.
class Connection final : public Lease, public ListNode, private StreamReader::Observer {
 public:
  Connection(const PoolKey& key, StreamPtr stream, http::http1::HeadLimits limits,
             resilience::ConnectionLimit::Permit permit, telemetry::Telemetry& telemetry)
      : Lease(key),
        http(std::move(stream), limits),
        permit_(std::move(permit)),
        counted_(telemetry, telemetry::Gauge::upstream_active) {
    http.reader().observe(this);
  }
  /// One that `stream`, of `carrier`, carries: the permit is that one's.
  Connection(const PoolKey& key, StreamPtr stream, http::http1::HeadLimits limits,
             const SharedConnection& carrier, telemetry::Telemetry& telemetry)
      : Lease(key),
        http(std::move(stream), limits),
        counted_(telemetry, telemetry::Gauge::multiplexed_outbound),
        carrier_(&carrier) {
    http.reader().observe(this);
  }

  http::http1::ClientConnection http;

  [[nodiscard]] http::ClientStream& stream() override { return http; }
  [[nodiscard]] Connection* connection() override { return this; }
  [[nodiscard]] bool is_carried() const override { return carrier_ != nullptr; }
  [[nodiscard]] bool is_carried_by(const SharedConnection& one) const { return carrier_ == &one; }
  [[nodiscard]] TimePoint idle_since() const { return idle_since_; }

 private:
  friend class Pool;
  void on_input() override;
  /// Somebody waits for the permit.
  [[nodiscard]] bool is_contended() const;

  resilience::ConnectionLimit::Permit permit_;
  telemetry::Counted counted_;
  const SharedConnection* const carrier_ = nullptr;
  Pool* pool_ = nullptr;  ///< While idle.
  TimePoint idle_since_{};
};
using ConnectionPtr = std::unique_ptr<Connection>;

/// A worker's idle connections. Keep-alive races do not reach the app: each idle connection has a
/// read pending and leaves the pool when the peer closes; how long peers keep theirs is learnt,
/// from Keep-Alive fields and from observed closes, and connections leave before; after a longer
/// idle the socket is looked at before use.
class Pool final : private Timer {
 public:
  Pool(Loop& loop, telemetry::Telemetry& telemetry) : loop_(loop), telemetry_(telemetry) {}
  ~Pool();

  /// The one idle for the shortest time, or nullptr. `cautious`: the request could not be sent
  /// again, so only connections that are far from the peer's idle limit.
  [[nodiscard]] ConnectionPtr take(const PoolKey& key, bool cautious);
  /// Keeps it if there is room. Where a permit is waited for, its own goes to whoever waits, unless
  /// the connection is `awaited` by somebody who has a permit and gives that back.
  void put(ConnectionPtr connection, bool awaited = false);
  /// After an exchange: what can serve another is put back, if it is not a stream. False: nothing
  /// was.
  bool give_back(LeasePtr lease, bool awaited = false);
  /// The peer said `Keep-Alive: timeout=N`.
  void learn(const PoolKey& key, std::chrono::nanoseconds peer_timeout);

  /// One from here was lost while it was used: those that rest beside it are as doubtful, and
  /// close. Of a peer that breaks connections time and again none is kept for a while: every
  /// exchange has a new one, on which nothing is a race.
  void lost_in_use(const Connection& connection);

  /// Closes the longest idle connection of this backend; false if it has none here whose permit
  /// would come free.
  bool close_one(telemetry::StringId backend);
  /// How many rest here of those that this one carries.
  [[nodiscard]] std::size_t carried_by(const SharedConnection& carrier);
  /// Closes them.
  void close_carried(const SharedConnection& carrier);
  /// Closes idle connections that `unwanted` names: an endpoint left, the trust changed. What was
  /// learnt of it is forgotten.
  template <class Unwanted>
  void close_if(Unwanted&& unwanted) {
    for (auto it = buckets_.begin(); it != buckets_.end();) {
      Bucket& bucket = it->second;
      const bool gone = unwanted(it->first);
      while (gone && !bucket.idle.empty()) discard(bucket.idle.front());
      it = gone ? buckets_.erase(it) : std::next(it);
    }
  }
  [[nodiscard]] std::size_t idle() const { return idle_count_; }
  /// Keys of which something is known.
  [[nodiscard]] std::size_t known() const { return buckets_.size(); }
  /// Keeps no more than this, at most limits::kIdleConnectionsMax.
  void set_idle_max(std::size_t most) { idle_max_ = most; }

  static constexpr std::chrono::seconds kIdleMax{55};

 private:
  friend class Connection;
  struct Bucket {
    IntrusiveList<Connection> idle;  ///< Longest idle first.
    std::size_t count = 0;
    std::chrono::nanoseconds keep{kIdleMax};  ///< We close first.
    unsigned losses = 0;                      ///< Of connections in use, each soon after another.
    TimePoint lost{};                         ///< The last one, or the end of the time without any.
    std::uint32_t kept = 0;                   ///< How often one came back since the last loss.
  };
  [[nodiscard]] bool keeps_none(const PoolKey& key) const;
  void closed_by_peer(Connection& connection);
  void discard(Connection& connection);
  ConnectionPtr remove(Bucket& bucket, Connection& connection);
  void on_timer() override;

  Loop& loop_;
  telemetry::Telemetry& telemetry_;
  std::unordered_map<PoolKey, Bucket, PoolKeyHash> buckets_;
  std::size_t idle_count_ = 0;
  std::size_t idle_max_ = limits::kIdleConnectionsMax;
};

}  // namespace epaulet::upstream
