#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "k8s/directory/judge_route.h"
#include "k8s/directory/node_zones.h"
#include "k8s/directory/objects.h"
#include "k8s/directory/route_book.h"

namespace epaulet::kube {

enum class ObjectKind : std::uint8_t { service, slice, pod, http_route, grpc_route, count_ };

/// What the cluster says about services: objects in, in any order; one view of each service out,
/// with the version of its last change. No socket, no clock; one thread.
///
/// Memory: what objects.h keeps, each name once, and the text of the views that were asked for.
class Model {
 public:
  /// Of one view, those of use first: no sidecar uses more. A line has a bound at its reader, too.
  static constexpr std::size_t kViewEndpointsMax = 1024;
  static constexpr std::size_t kViewBytesMax = 2 * 1024 * 1024;

  /// `instance`: of this process, so that versions of another one are not taken for ours. `judge`:
  /// of routes.
  Model(std::string trust_domain, std::string instance, RouteBook::Judge judge = judge_route);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  ~Model();

  /// What comes from now on is a list of all objects of this kind. Until end_list() nothing is
  /// removed, and a list that is broken off costs nothing.
  void begin_list(ObjectKind kind);
  /// What the list did not name is gone.
  void end_list(ObjectKind kind);

  /// Of routes: views are told though this kind is not known. Until end_list() they say so, and
  /// whoever hears them keeps the routes of this kind that he has.
  void go_on_without(ObjectKind kind);

  void put(ServiceFacts&& facts);
  void put(SliceFacts&& facts);
  void put(PodFacts&& facts);
  void put(HttpRouteFacts&& facts);
  void put(GrpcRouteFacts&& facts);
  void remove(const ServiceFacts& names);
  void remove(const SliceFacts& names);
  void remove(const PodFacts& names);
  void remove(const HttpRouteFacts& names);
  void remove(const GrpcRouteFacts& names);

  /// The services (NAME.NAMESPACE) whose views may have changed since the last call.
  [[nodiscard]] std::vector<std::string> take_changes();

  /// The version of everything that was put so far.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  /// INSTANCE.NUMBER, for clients.
  [[nodiscard]] std::string version_text(std::uint64_t version) const;
  /// The number in a version of ours; 0: it is not ours, or lies in the future.
  [[nodiscard]] std::uint64_t number_in(std::string_view version_text) const;
  /// False: the view is as it was then. Services that do not exist have always changed.
  [[nodiscard]] bool has_changed_since(const std::string& service, std::uint64_t version) const;

  /// The service's view as one line of JSON, its end included, as a caller in this namespace is
  /// told. Made once for each change, and once more for each namespace that has routes of its own
  /// for the service.
  [[nodiscard]] std::shared_ptr<const std::string> line(const std::string& service,
                                                        const std::string& caller = "");

  /// In which zone the meshed pod runs that has this address and this identity. "": nobody knows;
  /// it is what the endpoints of its node say, or else its own label.
  [[nodiscard]] const std::string& zone_of(const IpAddress& address,
                                           std::string_view identity) const;

  [[nodiscard]] const RouteBook& routes() const { return routes_; }
  /// Another number whenever what is to be said of routes may be another: a route has changed, or a
  /// Service. Endpoints come and go without it.
  [[nodiscard]] std::uint64_t routes_version() const { return routes_version_; }
  /// By NAME.NAMESPACE; null: there is none.
  [[nodiscard]] const ServiceFacts* service(const std::string& name) const;

  /// Objects that are kept.
  [[nodiscard]] std::size_t count(ObjectKind kind) const;
  [[nodiscard]] std::size_t endpoints() const { return endpoints_; }
  /// That endpoints and pods are on.
  [[nodiscard]] std::size_t nodes() const { return nodes_.size(); }

 private:
  struct Pod;
  struct Slice;
  struct Service;
  class ViewRoom;

  Service& service_at(const std::string& name);
  void mark(Service& service);
  void mark_users(const Pod& pod);
  void mark_all(const std::set<std::string>& services);
  void set_lacks(ObjectKind kind, bool lacks);
  void drop_if_empty(const std::string& name);
  [[nodiscard]] static bool is_same(const Slice& slice, const SliceFacts& facts);
  void take_out(Slice& slice);
  void put_in(Slice& slice, SliceFacts&& facts);
  Pod& pod_at(const std::string& key);
  void drop_if_unused(Pod& pod);
  void place(Pod& pod, PodFacts& facts);
  void leave_addresses(Pod& pod);
  void leave_mesh(Pod& pod);
  [[nodiscard]] std::string identity_of(const Pod& pod) const;
  [[nodiscard]] std::string write(const std::string& name, const Service& service,
                                  const std::string& caller) const;

  const std::string trust_domain_;
  const std::string instance_;
  std::uint64_t version_ = 0;
  std::uint32_t lists_[static_cast<std::size_t>(ObjectKind::count_)] = {};
  bool lacks_[static_cast<std::size_t>(ObjectKind::count_)] = {};
  std::size_t endpoints_ = 0;
  std::size_t services_known_ = 0;
  std::size_t pods_known_ = 0;
  std::unordered_map<std::string, std::unique_ptr<Service>> services_;  ///< By NAME.NAMESPACE.
  std::unordered_map<std::string, std::unique_ptr<Slice>> slices_;      ///< By NAMESPACE/NAME.
  std::unordered_map<std::string, std::unique_ptr<Pod>> pods_;
  /// Of those in the mesh: who was the last to say that it has it.
  std::unordered_map<IpAddress, const Pod*, IpAddressHash> pods_by_address_;
  NodeZones nodes_;
  RouteBook routes_;
  std::uint64_t routes_version_ = 0;
  std::vector<std::string> changed_;
};

}  // namespace epaulet::kube
