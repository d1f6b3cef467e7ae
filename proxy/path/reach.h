#pragma once

#include <array>
#include <span>

#include "base/limits.h"
#include "path/connection.h"
#include "path/detecting.h"
#include "upstream/dial.h"

namespace epaulet::path {

/// One endpoint to try: of a backend, or the app beside an inbound sidecar.
struct Hop {
  std::uint32_t backend = Destination::kNone;  ///< kNone: no backend; plaintext to `endpoint`.
  SocketAddress endpoint;
  telemetry::StringId endpoint_id = 0;  ///< 0: not an endpoint (the app's own address).
  bool unwrapped = false;               ///< TLS of the app goes as it is: `wrap_tls: false`.
  resilience::Outliers::Handle health;  ///< Of a backend's endpoint that was picked.
  bool is_try = false;                  ///< It was left out, and this call finds out how it is.
  balance::LoadPtr load;                ///< Of a backend's endpoint that was picked.
  telemetry::StringId balancer = 0;     ///< Who picked it; 0: nobody, it was dialled.
  EndpointIdentityPtr identity;         ///< Null: the backend's identities.
  /// With `balance.locality`, where zones are known; not of sessions, which are not divided.
  enum class Zone : std::uint8_t { none, own, other } zone = Zone::none;
  telemetry::StringId zone_name = 0;  ///< Of another zone than our own.
  std::uint32_t own_zone = 0;         ///< Then: telemetry::in_zone().
};

/// The endpoints of a backend that one exchange has tried, by address: the set may change while it
/// waits, and then an index means another endpoint, or none. On the exchange's frame: the first
/// attempt must not cost an allocation.
class TriedEndpoints {
 public:
  /// Beyond the most attempts there can be without hedges, nothing is remembered: such an endpoint
  /// may be picked again as if it had not been tried.
  void add(const SocketAddress& endpoint) {
    if (count_ < endpoints_.size()) endpoints_[count_++] = endpoint;
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool contains(const SocketAddress& endpoint) const;

  /// Positions in one set. Valid as long as that set is.
  class Indices {
   public:
    [[nodiscard]] std::span<const std::size_t> all() const {
      return std::span(indices_).first(count_);
    }

   private:
    friend class TriedEndpoints;
    std::array<std::size_t, limits::kRetriesMax + 1> indices_;
    std::size_t count_ = 0;
  };
  /// Where those that have not left are in this set. Not to be kept across a co_await.
  [[nodiscard]] Indices in(const EndpointSet& set) const;

 private:
  std::array<SocketAddress, limits::kRetriesMax + 1> endpoints_{};
  std::size_t count_ = 0;
};

/// The endpoint that is `pinned`, or one of the backend's: if possible one that is neither tried
/// yet nor left out nor to be spared. One that was left out for long enough may be picked, by one
/// caller, which is told by `is_try`. Who has left the set since it was tried says nothing about
/// those that are there. Errors: never_had_endpoint, no_endpoint.
[[nodiscard]] Result<Hop> next_hop(View& view, std::uint32_t backend,
                                   const std::optional<SocketAddress>& pinned,
                                   TriedEndpoints& tried, balance::SessionKey key, TimePoint now);

/// Whether the backend has an endpoint that next_hop() would take and that was not tried.
[[nodiscard]] bool has_untried(const View& view, std::uint32_t backend, const TriedEndpoints& tried,
                               TimePoint now);

/// Counts in which zone the endpoint is, and notes why it is not ours, where that matters.
void note_zone(Worker& worker, const Hop& hop, telemetry::Trace& trace);

/// Whether the budget (if there is one) has another retry; spent, or counted as refused.
[[nodiscard]] bool spend_retry(Worker& worker, resilience::RetryBudget* budget);

/// The plan for a hop, speaking `protocol` if it is in the mesh.
[[nodiscard]] upstream::DialPlan plan_for(const Snapshot& snapshot, const Hop& hop,
                                          detect::MeshProtocol protocol);

[[nodiscard]] upstream::PoolKey pool_key(const Worker& worker, const Snapshot& snapshot,
                                         const Hop& hop);

/// A permit of the backend's `limits.connections`; an idle connection, here or on another worker,
/// makes room.
Task<Result<resilience::ConnectionLimit::Permit>> permit_for(Worker& worker,
                                                             const Snapshot& snapshot,
                                                             const Hop& hop, Scope& scope);

/// A new connection to the hop that nobody understands yet: for tunnels and early dials.
Task<Result<RawUpstream>> dial_raw(Connection& connection, View& view, Hop hop,
                                   detect::MeshProtocol protocol, Duration connect_timeout);

/// Which of the connections that there are will not do.
struct Wanted {
  bool cautious = false;   ///< See Pool::take.
  bool fresh = false;      ///< None from the pool.
  TimePoint not_before{};  ///< No stream of one that is older.
};

/// A connection for one HTTP/1.1 exchange: pooled, or new; with `multiplex` one that a stream of a
/// shared connection carries, if the next sidecar knows how. It never becomes less than mesh TLS.
Task<Result<upstream::LeasePtr>> obtain(Worker& worker, View& view, Hop hop, Wanted wanted,
                                        Duration connect_timeout, telemetry::Trace& trace,
                                        Scope& scope);

/// The same for one HTTP/2 exchange: a stream of a connection that others share. `not_before`: of
/// one that was made then or later, since those before may all have ended like the last one.
Task<Result<upstream::LeasePtr>> obtain_stream(Worker& worker, View& view, Hop hop,
                                               TimePoint not_before, Duration connect_timeout,
                                               telemetry::Trace& trace, Scope& scope);

}  // namespace epaulet::path
