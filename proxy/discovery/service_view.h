#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/address.h"

namespace epaulet {

/// A service of a Kubernetes cluster as epaulet-directory tells it. Immutable once read.
struct ServiceView {
  struct Port {
    std::uint16_t port = 0;
    std::string name;
    std::string app_protocol;
  };
  struct Endpoint {
    IpAddress address;
    bool ready = true;
    bool serving = true;
    bool terminating = false;
    std::string zone;
    std::vector<std::string> for_zones;  ///< Topology hints.
    std::string identity;                ///< "": it is in no mesh.
  };
  struct Group {
    std::map<std::uint16_t, std::uint16_t> ports;  ///< The service's to the endpoints'.
    std::vector<Endpoint> endpoints;
  };

  /// An HTTPRoute or GRPCRoute of Gateway API whose parent this service is.
  struct Route {
    std::string name;      ///< "HTTPRoute orders.shop"
    std::string document;  ///< JSON, as config/ reads it.
    std::string created;   ///< When; one of the same name that was made anew is another.
    friend bool operator==(const Route&, const Route&) = default;
  };

  /// Whose present version is refused, by a directory that knows no earlier one.
  struct RefusedRoute {
    std::string name;
    std::string created;
  };

  std::string service;  ///< NAME.NAMESPACE.
  bool is_absent = false;
  bool is_headless = false;
  /// False: `routes` has none of this kind because the directory does not know them.
  bool knows_http_routes = true;
  bool knows_grpc_routes = true;
  std::string external_name;
  std::vector<IpAddress> cluster_ips;
  std::vector<Port> ports;
  std::vector<Group> groups;
  std::vector<Route> routes;
  std::vector<RefusedRoute> refused_routes;
};
using ServiceViewPtr = std::shared_ptr<const ServiceView>;

/// All views before it are as of this version.
struct DirectoryVersion {
  std::string text;
};
/// In which zone we run. Older directories do not tell it.
struct DirectoryZone {
  std::string text;
};
/// Nothing we know: an older sidecar skips what a newer directory says beside.
struct UnknownLine {};
using DirectoryLine = std::variant<UnknownLine, DirectoryVersion, DirectoryZone, ServiceViewPtr>;

/// One line of the directory's answer, without its end.
[[nodiscard]] DirectoryLine read_directory_line(std::string_view line);

}  // namespace epaulet
