#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/limits.h"
#include "base/result.h"
#include "dns/virtual_address_table.h"
#include "runtime/clock.h"

namespace epaulet {

/// Which virtual address belongs to which service. Pure: names and time in, addresses out.
///
/// The address is a hash of the name within the network, so that a pod that lost its state gives
/// the same answer as before; the next free address is taken on a collision. An address is not
/// given to another service until its own one has been absent for 24 h, because apps cache answers
/// (JVMs for as long as they live).
class VirtualAddressBook {
 public:
  static constexpr std::chrono::hours kKeepFor{24};

  struct Entry {
    std::string service;
    IpAddress v4;
    std::optional<IpAddress> v6;
    std::int64_t gone_since = 0;  ///< Seconds since 1970; 0: the service is configured.

    friend bool operator==(const Entry&, const Entry&) = default;
  };

  VirtualAddressBook(IpNetwork v4, std::optional<IpNetwork> v6,
                     std::size_t entries_max = limits::kVirtualAddressesMax);

  /// Takes over what another book held. An address outside the networks, or taken already, is
  /// dropped with its entry: assign() then makes a new one.
  void restore(std::span<const Entry> entries);

  /// Follows the configuration. `services`: each once. Returns those that got no address because
  /// the networks or the table are full: never at the price of another service's 24 hours.
  [[nodiscard]] std::vector<std::string> assign(std::span<const std::string> services,
                                                WallTime now);

  [[nodiscard]] std::vector<Entry> entries() const;
  [[nodiscard]] VirtualAddressTablePtr table() const;

  [[nodiscard]] static std::string to_json(std::span<const Entry> entries);
  /// Errors: config_invalid.
  [[nodiscard]] static Result<std::vector<Entry>> from_json(std::string_view text);

 private:
  [[nodiscard]] std::optional<IpAddress> free_address(const IpNetwork& network,
                                                      std::string_view service) const;
  void forget_expired(std::int64_t now_s);
  void add(Entry entry);

  IpNetwork v4_;
  std::optional<IpNetwork> v6_;
  std::size_t entries_max_;
  std::map<std::string, Entry> entries_;
  std::set<IpAddress> taken_;
};

}  // namespace epaulet
