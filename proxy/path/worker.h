#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "accept/loop_guard.h"
#include "balance/picker.h"
#include "discovery/endpoint_set.h"
#include "io/dialer.h"
#include "path/cluster_addresses.h"
#include "path/endpoint_owners.h"
#include "path/snapshot.h"
#include "policy/token_cache.h"
#include "runtime/scope.h"
#include "telemetry/in_flight.h"
#include "telemetry/telemetry.h"
#include "upstream/dial_gate.h"
#include "upstream/mesh_tls.h"
#include "upstream/pool.h"
#include "upstream/shared_connection.h"

namespace epaulet::path {

/// The zones of a backend's endpoints, in their order.
struct Zones {
  std::vector<bool> is_own;
  std::vector<telemetry::StringId> names;
};

/// A snapshot as one worker sees it: with the endpoints of each backend and this worker's pickers.
/// Counted by the worker's own thread, without atomics: a request pins it for nothing.
class View {
 public:
  /// `told_zone`: where we are, unless the settings say it; "": nobody knows.
  View(SnapshotPtr snapshot, Random& random, std::string told_zone = {});

  [[nodiscard]] const Snapshot& snapshot() const { return *snapshot_; }
  [[nodiscard]] const EndpointSet* endpoints(std::uint32_t backend) const {
    return endpoints_[backend].get();
  }
  [[nodiscard]] balance::Picker& picker(std::uint32_t backend) { return *pickers_[backend].picker; }
  /// What is known of the health of endpoints(backend), in its order.
  [[nodiscard]] std::span<const resilience::Outliers::Handle> health(std::uint32_t backend) const {
    return pickers_[backend].health;
  }
  /// The load of each of endpoints(backend), in its order.
  [[nodiscard]] std::span<const balance::LoadPtr> loads(std::uint32_t backend) const {
    return pickers_[backend].loads;
  }
  /// In which zones endpoints(backend) are, and which of them are ours: by their zones with
  /// `balance.locality`, and by topology hints wherever these hold. Nothing: it does not matter,
  /// since all are ours, or none of them.
  [[nodiscard]] const Zones* zones(std::uint32_t backend) const {
    const Zones& zones = pickers_[backend].zones;
    return zones.is_own.empty() ? nullptr : &zones;
  }
  /// Requests that ask the same at the same time, under this configuration.
  [[nodiscard]] resilience::SingleFlight& flights() { return flights_; }
  /// For whoever picks: kept, so that it allocates rarely.
  [[nodiscard]] std::vector<std::size_t>& scratch() { return scratch_; }
  /// The backend that has this endpoint by discovery, or Destination::kNone.
  [[nodiscard]] std::uint32_t backend_of(const SocketAddress& endpoint) const;
  /// The service that has this address in its cluster, with that port; null: none that we know.
  [[nodiscard]] const Destination* service_at(const SocketAddress& address) const {
    return cluster_addresses_.is_empty() ? nullptr : cluster_addresses_.find(address);
  }
  /// The endpoint's address for traces, interned when it is first asked for; 0 for other addresses.
  [[nodiscard]] telemetry::StringId id_of(const SocketAddress& endpoint);

  /// The token at hand for a service with credentials.
  [[nodiscard]] MintedToken& minted(std::uint32_t service) {
    minted_.resize(snapshot_->services.size());
    return minted_[service];
  }

  /// A new set for a backend; unknown names are ignored. What `before` knows of the loads of its
  /// endpoints stays known; this view itself, or the one that it follows.
  void set_endpoints(const std::string& backend, EndpointSetPtr set, TimePoint now,
                     const View& before);
  /// Somebody has told in which zone we are.
  void set_zone(const std::string& told);
  [[nodiscard]] EndpointSetPtr find(const std::string& backend) const;
  /// Where it is among the snapshot's; nothing: it is unknown.
  [[nodiscard]] std::optional<std::uint32_t> index_of(const std::string& backend) const;
  /// BackendState::shape; 0: it is unknown.
  [[nodiscard]] std::uint64_t shape_of(const std::string& backend) const;

 private:
  friend class ViewPtr;
  SnapshotPtr snapshot_;
  std::vector<EndpointSetPtr> endpoints_;  // By position of the backend.
  /// The picker of a backend whose endpoints have these weights.
  void make_picker(std::uint32_t backend, const EndpointSet& set);
  void take_turns(std::uint32_t backend, std::vector<std::uint32_t> weights);
  void learn_cluster_addresses(std::uint32_t backend, const EndpointSet* before);
  [[nodiscard]] Zones zones_of(std::uint32_t backend, const EndpointSet& set) const;
  [[nodiscard]] std::unique_ptr<balance::Picker> part_picker(const BalanceSettings& settings,
                                                             balance::Members members);

  struct Picking {
    std::unique_ptr<balance::Picker> picker;
    std::uint64_t start = 0;
    std::vector<std::uint32_t> weights;  ///< Empty: all the same.
    std::vector<resilience::Outliers::Handle> health;
    std::vector<balance::LoadPtr> loads;
    Zones zones;  ///< Empty: they do not matter.
  };
  std::vector<Picking> pickers_;
  std::string own_zone_;
  Random& random_;
  EndpointOwners owners_;
  ClusterAddresses cluster_addresses_;
  std::vector<std::size_t> scratch_;
  resilience::SingleFlight flights_;
  std::vector<MintedToken> minted_;  ///< By position of the service, once one was asked for.
  std::size_t references_ = 0;
};

/// Shares a View on its worker's thread.
class ViewPtr {
 public:
  ViewPtr() = default;
  explicit ViewPtr(View* view) : view_(view) { retain(); }
  ViewPtr(const ViewPtr& other) : view_(other.view_) { retain(); }
  ViewPtr(ViewPtr&& other) noexcept : view_(std::exchange(other.view_, nullptr)) {}
  ViewPtr& operator=(ViewPtr other) noexcept {
    std::swap(view_, other.view_);
    return *this;
  }
  ~ViewPtr() {
    if (view_ != nullptr && --view_->references_ == 0) delete view_;
  }
  [[nodiscard]] View& operator*() const { return *view_; }
  [[nodiscard]] View* operator->() const { return view_; }
  [[nodiscard]] explicit operator bool() const { return view_ != nullptr; }

 private:
  void retain() {
    if (view_ != nullptr) ++view_->references_;
  }
  View* view_ = nullptr;
};

/// What all workers share beside snapshots.
struct Shared {
  LoopGuard guard;
  std::atomic<std::uint32_t> connections{0};  ///< Served now, for limits.downstream.
  telemetry::InFlight in_flight;              ///< With `tracing.otlp` and `join`.
  std::uint64_t pod_key = 0;                ///< For `balance.by.source`: session_hash() of the pod.
  resilience::ResendAllowance app_resends;  ///< Of the inbound hop.
  resilience::ResendAllowance copy_resends;  ///< Of copies to mirrors.
  /// Asks the other workers to close an idle connection of this backend.
  std::function<void(const struct Worker* asker, telemetry::StringId backend)> release_idle;
};

class HealthChecks;

/// One thread's share of the data path: everything a connection needs, nothing that another worker
/// touches.
struct Worker {
  Worker(Loop& loop_, Dialer& dialer_, upstream::MeshTls& tls_, telemetry::Telemetry& telemetry_,
         Shared& shared_, SnapshotPtr snapshot);
  ~Worker();

  /// From now on this worker checks the health of endpoints, for all of them.
  void check_health();
  /// New configuration: connections and requests that run keep the old one.
  void set_snapshot(SnapshotPtr snapshot);
  void set_endpoints(const std::string& backend, const EndpointSetPtr& set);
  /// We run in this zone, unless the settings say another.
  void set_zone(std::string zone);
  /// The trust has changed: idle connections to upstreams made under the old one are closed, those
  /// that came in serve one more exchange; under a root that has left, until `drain.timeout` at
  /// most.
  void trust_changed();

  /// Closes an idle connection of this backend, of either version; false if there is none here.
  bool make_room(telemetry::StringId backend) {
    return pool.close_one(backend) || shared_pool.retire_idle(backend);
  }

  /// Of an HTTP/2 connection, whichever side it is.
  [[nodiscard]] http::http2::SessionLimits session_limits(const Snapshot& snapshot) {
    auto limits = snapshot.session_limits();
    limits.unread_total = &unread;
    return limits;
  }

  /// Inbound responses say close from now on. Outbound goes on for as long as the app.
  void begin_drain();
  /// Inbound connections between requests end.
  void end_idle_inbound();
  /// Cuts what is left.
  void cut(const Error& why) { root.cancel(why); }

  Loop& loop;
  Dialer& dialer;
  upstream::MeshTls& tls;
  telemetry::Telemetry& telemetry;
  Shared& shared;
  http::http2::UnreadTotal unread;  ///< Outlives all connections.
  Scope root;                       ///< Of all connections.
  Scope inbound_idle;               ///< Of inbound connections between requests.
  bool draining = false;
  std::string told_zone;         ///< "": nobody has told.
  TimePoint next_mirror_line{};  ///< When the log may tell of another one that differs.
  std::size_t inbound_connections = 0;
  std::size_t outbound_connections = 0;
  IntrusiveList<class Connection> connections;  ///< All that are served.
  upstream::TrustWatch trust_watch;             ///< Over all that use a connection upstream.
  ViewPtr view;
  TokenCache tokens;
  upstream::DialGate dial_gate;
  upstream::DialGate shared_dial_gate;  ///< One at a time: who waits will find its connection.
  upstream::SharedPool shared_pool;     ///< HTTP/2.
  upstream::Pool pool;                  ///< Goes first: some of its connections are streams.
  std::unique_ptr<HealthChecks> health_checks;  ///< Of one worker.
};

}  // namespace epaulet::path
