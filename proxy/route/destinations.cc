#include "route/destinations.h"

namespace epaulet {

Destinations::Destinations(const Settings& settings,
                           const std::map<IpAddress, std::string>& virtual_addresses)
    : virtual_v4_(settings.dns.virtual_v4), virtual_v6_(settings.dns.virtual_v6) {
  std::map<std::string_view, std::uint32_t> indexes;
  for (const auto& [name, service] : settings.services) {
    indexes.emplace(name, static_cast<std::uint32_t>(indexes.size()));
  }
  for (const auto& [address, name] : virtual_addresses) {
    const auto index = indexes.find(name);
    virtual_.emplace(address, index == indexes.end() ? Destination::kNone : index->second);
    if (index != indexes.end()) add_service(address, index->second, settings.services.at(name));
  }
  add_endpoints(settings);
}

void Destinations::add_service(const IpAddress& address, std::uint32_t index,
                               const ServiceSettings& service) {
  for (const auto& [port, protocol] : service.ports) {
    Destination destination;
    destination.kind = Destination::Kind::service;
    destination.protocol = protocol;
    destination.service = index;
    destination.service_port = port;
    exact_.emplace(SocketAddress{address, port}, destination);
  }
}

void Destinations::add_endpoints(const Settings& settings) {
  struct Served {
    std::uint32_t index;
    PortProtocol protocol;
  };
  std::map<std::string_view, Served>
      by_backend;  // The first service in order of name has the backend.
  std::uint32_t service_index = 0;
  for (const auto& [name, service] : settings.services) {
    // With several ports nobody knows which of them the endpoint's port serves.
    const auto protocol =
        service.ports.size() == 1 ? service.ports.begin()->second : PortProtocol::automatic;
    by_backend.try_emplace(service.default_backend, Served{service_index++, protocol});
  }
  std::uint32_t backend_index = 0;
  for (const auto& [name, backend] : settings.backends) {
    Destination destination;
    destination.kind = Destination::Kind::endpoint;
    destination.backend = backend_index++;
    if (const auto served = by_backend.find(name); served != by_backend.end()) {
      destination.service = served->second.index;
      destination.protocol = served->second.protocol;
    }
    // The first backend in order of name keeps an address that several have.
    for (const SocketAddress& address : backend.endpoints.addresses)
      exact_.emplace(address, destination);
    for (const auto& [zone_name, zone] : backend.endpoints.zones) {
      for (const SocketAddress& address : zone.addresses) exact_.emplace(address, destination);
    }
  }
}

Destination Destinations::find(const SocketAddress& original) const {
  if (const auto found = exact_.find(original); found != exact_.end()) return found->second;
  Destination destination;
  if (const auto found = virtual_.find(original.ip); found != virtual_.end()) {
    destination.kind = Destination::Kind::unknown;
    destination.service = found->second;
  } else if (virtual_v4_.contains(original.ip) ||
             (virtual_v6_ && virtual_v6_->contains(original.ip))) {
    destination.kind = Destination::Kind::unknown;
  }
  return destination;
}

}  // namespace epaulet
