#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "balance/picker.h"
#include "discovery/endpoint_set.h"
#include "path/cluster_addresses.h"
#include "path/endpoint_owners.h"
#include "path/snapshot.h"

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

}  // namespace epaulet::path
