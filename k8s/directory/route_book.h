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
  /// Of one service; those by name behind them are told to nobody, and say so.
  static constexpr std::size_t kPerServiceMax = 32;
  using Key = std::pair<RouteKind, std::string>;  ///< NAMESPACE/NAME.

  struct Route {
    RouteFacts facts;     ///< As the API server has it.
    std::string refused;  ///< Why it is not in force as it is; "": it is.
    /// What is in force, of this or an earlier generation; "": nothing.
    std::string document;
    std::int64_t generation = 0;     ///< Of `document`.
    std::set<std::string> services;  ///< Parents of `document`.
    std::uint32_t seen = 0;          ///< By which list.
  };

  /// judge_route(), or a test's own.
  using Judge = std::function<std::string(const RouteFacts&, RouteKind)>;
  explicit RouteBook(Judge judge) : judge_(std::move(judge)) {}

  /// Services whose routes may have changed by it.
  std::set<std::string> put(RouteKind kind, RouteFacts&& facts, std::uint32_t list);
  std::set<std::string> remove(RouteKind kind, const RouteFacts& names);
  /// Those of the kind that the list did not name are gone.
  std::set<std::string> end_list(RouteKind kind, std::uint32_t list);

  /// Documents in force for a service, in the order of their names, as a JSON array of texts; "" if
  /// there are none.
  [[nodiscard]] std::string documents_for(const std::string& service) const;
  /// Whether the route is among them.
  [[nodiscard]] bool is_told(const Key& key, const std::string& service) const;
  [[nodiscard]] std::size_t count(RouteKind kind) const;
  [[nodiscard]] const std::map<Key, Route>& all() const { return routes_; }
  [[nodiscard]] const Route* find(const Key& key) const;

 private:
  Judge judge_;
  std::map<Key, Route> routes_;
  std::map<std::string, std::set<Key>> by_service_;  ///< Of documents in force.
};

}  // namespace epaulet::kube
