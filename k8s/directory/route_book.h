#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "k8s/directory/route_objects.h"

namespace epaulet::kube {

/// All routes that name a Service as their parent, with what was found of each. An object that is
/// refused is refused alone: the last version that was not stays in force until another comes, or
/// the object goes. No socket, no clock; one thread.
class RouteBook {
 public:
  /// Of one service and of one namespace that routes are written in, so that nobody pushes out the
  /// routes of others; those by name behind them are told to nobody, and say so.
  static constexpr std::size_t kPerServiceMax = 32;
  using Key = std::pair<RouteKind, std::string>;  ///< NAMESPACE/NAME.

  struct Route {
    RouteFacts facts;     ///< As the API server has it.
    std::string refused;  ///< Why it is not in force as it is; "": it is.
    /// What is in force, of this or an earlier generation; "": nothing.
    std::string document;
    std::int64_t generation = 0;        ///< Of `document`.
    std::set<std::string> services;     ///< Parents of `document`.
    std::set<std::string> refused_for;  ///< Without a `document`: parents of what is refused.
    std::uint32_t seen = 0;             ///< By which list.
  };

  /// judge_route(), or a test's own.
  using Judge = std::function<std::string(const RouteFacts&, RouteKind)>;
  explicit RouteBook(Judge judge) : judge_(std::move(judge)) {}

  /// Services whose routes may have changed by it.
  std::set<std::string> put(RouteKind kind, RouteFacts&& facts, std::uint32_t list);
  std::set<std::string> remove(RouteKind kind, const RouteFacts& names);
  /// Those of the kind that the list did not name are gone.
  std::set<std::string> end_list(RouteKind kind, std::uint32_t list);

  /// Whether some are written in this namespace, which is not the service's own: for callers there.
  [[nodiscard]] bool has_of_consumer(const std::string& service,
                                     const std::string& name_space) const;
  /// Documents in force for a service, as a JSON array of texts: those of its own namespace, and
  /// behind them those of the caller's, in the order of their names each. "": there are none.
  [[nodiscard]] std::string documents_for(const std::string& service,
                                          const std::string& caller = "") const;
  /// Those of which no version is known that may be told, as a JSON array: whoever has an earlier
  /// one keeps it. In the same order, and no more. "": there are none.
  [[nodiscard]] std::string refused_for(const std::string& service,
                                        const std::string& caller = "") const;
  /// Whether the route is among those that are told.
  [[nodiscard]] bool is_told(const Key& key, const std::string& service) const;
  [[nodiscard]] std::size_t count(RouteKind kind) const;
  [[nodiscard]] const std::map<Key, Route>& all() const { return routes_; }
  [[nodiscard]] const Route* find(const Key& key) const;

 private:
  /// Of each service, by the namespace that routes are written in.
  using Places = std::map<std::string, std::map<std::string, std::set<Key>>>;

  std::set<std::string> place(const Key& key, Route& route, std::set<std::string> services,
                              std::set<std::string> refused_for);
  static std::vector<Key> keys_for(const Places& places, const std::string& service,
                                   const std::string& caller);

  Judge judge_;
  std::map<Key, Route> routes_;
  Places in_force_;
  Places refused_;  ///< Without any version in force.
};

}  // namespace epaulet::kube
