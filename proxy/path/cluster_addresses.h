#pragma once

#include <algorithm>
#include <unordered_map>

#include "discovery/endpoint_set.h"
#include "path/snapshot.h"

namespace epaulet::path {

/// Which services are dialled by the addresses that their cluster gave them, as `clusterIP` of a
/// Kubernetes Service: whoever dials such an address means the service, as if by its name.
class ClusterAddresses {
 public:
  [[nodiscard]] bool is_empty() const { return exact_.empty(); }
  void clear() { exact_.clear(); }

  /// What the directory tells of the Service behind a backend: its addresses are those of the
  /// mesh's service of that name, on all ports that this one has. An address that two have, for a
  /// moment, stands for whoever was added first.
  void add(const Snapshot& snapshot, std::uint32_t backend, const EndpointSet& set) {
    if (set.service_addresses.empty()) return;
    const auto& name = snapshot.backends[backend].settings->endpoints.directory;
    const auto& services = snapshot.services;
    const auto found = std::lower_bound(
        services.begin(), services.end(), name,
        [](const ServiceState& one, const std::string& of) { return one.settings->name < of; });
    if (found == services.end() || found->settings->name != name) return;
    Destination destination;
    destination.kind = Destination::Kind::service;
    destination.service = static_cast<std::uint32_t>(found - services.begin());
    for (const auto& [port, protocol] : found->settings->ports) {
      destination.protocol = protocol;
      destination.service_port = port;
      for (const auto& address : set.service_addresses)
        exact_.emplace(SocketAddress{address, port}, destination);
    }
  }

  /// Null: nobody's, as far as we know.
  [[nodiscard]] const Destination* find(const SocketAddress& address) const {
    const auto found = exact_.find(address);
    return found == exact_.end() ? nullptr : &found->second;
  }

 private:
  std::unordered_map<SocketAddress, Destination, SocketAddressHash> exact_;
};

}  // namespace epaulet::path
