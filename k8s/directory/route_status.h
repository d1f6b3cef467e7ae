#pragma once

#include <optional>
#include <string>
#include <vector>

#include "k8s/directory/model.h"

/// What is written back of a route: status.parents of Gateway API, and what an Event says.
namespace epaulet::kube {

struct RouteCondition {
  bool is_true = true;
  std::string reason;
  std::string message;
  /// Behind the message: what this process knows of its own past. Another replica's past may be
  /// another, so that it is no reason to write what is said already.
  std::string remark;
};

/// Of one parent.
struct ParentConditions {
  std::string reference;  ///< The parentRef, as JSON.
  RouteCondition accepted;
  RouteCondition resolved_refs;
};

/// What is so now, in the order of the route's parents.
[[nodiscard]] std::vector<ParentConditions> conditions_of(const RouteBook::Key& key,
                                                          const RouteBook::Route& route,
                                                          const Model& model);

/// status.parents with ours in it, as JSON: what other controllers say stays as it is, and so does
/// the time of a condition that is not another. Nothing: it says so already.
/// `now`: RFC 3339.
[[nodiscard]] std::optional<std::string> new_parents(const RouteFacts& route,
                                                     const std::vector<ParentConditions>& wanted,
                                                     std::string_view now);

/// A merge patch (RFC 7386) of the object's status; the server refuses it (409) if the object has
/// changed meanwhile.
[[nodiscard]] std::string status_patch(const RouteFacts& route, std::string_view parents);

/// A warning at a refused route. Its name follows from what it says, so that two replicas write
/// one.
[[nodiscard]] std::string event_of(const RouteFacts& route, RouteKind kind,
                                   std::string_view refused, std::string_view now);

}  // namespace epaulet::kube
