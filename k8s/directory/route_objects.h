#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "k8s/directory/objects.h"

/// HTTPRoute and GRPCRoute (gateway.networking.k8s.io/v1) as the directory keeps them: whole, since
/// sidecars read them, beside the few fields that say whom they concern.
namespace epaulet::kube {

enum class RouteKind : std::uint8_t { http_route, grpc_route };

struct RouteFacts {
  std::string name_space;
  std::string name;
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  std::string created;  ///< When; an object that was made anew is another.
  /// What a sidecar is told: apiVersion, kind, the names, the time and the spec. "": too large.
  std::string document;
  struct Parent {
    std::string reference;  ///< The parentRef, as JSON.
    std::string name;
    std::string name_space;
    std::uint16_t port = 0;  ///< 0: not said.
    std::string section_name;
    [[nodiscard]] std::string service() const { return name + "." + name_space; }
  };
  std::vector<Parent> parents;  ///< Services alone: others are nobody's business here.
  struct Backend {
    std::string kind;     ///< "Service" or what else it is.
    std::string service;  ///< NAME.NAMESPACE
  };
  std::vector<Backend> backends;  ///< Those that get copies included.
  std::string status_parents;     ///< status.parents, as JSON; "[]" if there are none.
};

/// Told apart by their type, since items of a list need not say their kind.
struct HttpRouteFacts : RouteFacts {
  static constexpr RouteKind kKind = RouteKind::http_route;
};
struct GrpcRouteFacts : RouteFacts {
  static constexpr RouteKind kKind = RouteKind::grpc_route;
};

/// Whose conditions in status.parents are ours.
inline constexpr std::string_view kControllerName = "epaulet.io/directory";
inline constexpr std::string_view kRouteGroup = "gateway.networking.k8s.io";
inline constexpr std::string_view kRouteApi = "gateway.networking.k8s.io/v1";
inline constexpr std::size_t kRouteBytesMax = 32 * 1024;

/// "HTTPRoute"; "httproutes".
[[nodiscard]] std::string_view kind_word(RouteKind kind);
[[nodiscard]] std::string_view plural_of(RouteKind kind);

/// False: the object is not what it should be, or names nothing.
[[nodiscard]] bool read_facts(const boost::json::object& from, HttpRouteFacts& to);
[[nodiscard]] bool read_facts(const boost::json::object& from, GrpcRouteFacts& to);

}  // namespace epaulet::kube
