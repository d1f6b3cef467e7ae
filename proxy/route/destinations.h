#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/address.h"
#include "config/settings.h"

namespace epaulet {

/// What an outbound connection's original destination stands for (design section 6).
struct Destination {
  enum class Kind : std::uint8_t {
    service,   ///< A virtual address: routes of the service decide.
    endpoint,  ///< An endpoint's own address: that endpoint, no balancing.
    egress,    ///< Outside the mesh: `egress` decides.
    unknown,   ///< A virtual address without service, or a port that the service does not have:
               ///< no_service.
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;

  Kind kind = Kind::egress;
  PortProtocol protocol = PortProtocol::automatic;
  /// Position in Settings::services. With Kind::endpoint the service whose default backend it is,
  /// kNone if none is; with Kind::unknown the service that lacks the port, or kNone.
  std::uint32_t service = kNone;
  std::uint32_t backend = kNone;   ///< Position in Settings::backends; with Kind::endpoint only.
  std::uint16_t service_port = 0;  ///< As dialled; with Kind::service only.
};

/// The table of destinations of one snapshot. Immutable; a lookup is one or two hash lookups.
///
/// Only addresses that stand in the settings are endpoints here. Those that DNS finds change under
/// a snapshot: ask discovery before taking Kind::egress for an answer.
class Destinations {
 public:
  /// `virtual_addresses`: each address with the name of its service; names that `settings` does not
  /// have any more are kept as unknown, so that a client with an old DNS answer gets an explained
  /// refusal.
  Destinations(const Settings& settings, const std::map<IpAddress, std::string>& virtual_addresses);

  [[nodiscard]] Destination find(const SocketAddress& original) const;

 private:
  void add_service(const IpAddress& address, std::uint32_t index, const ServiceSettings& service);
  void add_endpoints(const Settings& settings);

  std::unordered_map<SocketAddress, Destination, SocketAddressHash> exact_;
  std::unordered_map<IpAddress, std::uint32_t, IpAddressHash> virtual_;  ///< Service, or kNone.
  IpNetwork virtual_v4_;
  std::optional<IpNetwork> virtual_v6_;
};

}  // namespace epaulet
