#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.h"

namespace epaulet {

/// A service and the addresses that stand for it inside this pod.
struct VirtualAddress {
  std::string service;  ///< The key of `Settings::services`.
  IpAddress v4;
  std::optional<IpAddress> v6;
};

/// Both directions, immutable: the DNS asks by service, workers ask by the destination that an app
/// dialled. Any thread.
class VirtualAddressTable {
 public:
  VirtualAddressTable(IpNetwork v4, std::optional<IpNetwork> v6,
                      std::vector<VirtualAddress> addresses);

  /// Null: no service has this address now.
  [[nodiscard]] const std::string* service_at(const IpAddress& address) const;
  /// Null: the service is not configured, or the table was full.
  [[nodiscard]] const VirtualAddress* find(const std::string& service) const;
  /// True for every address of the virtual networks: one without a service was taken from an older
  /// answer.
  [[nodiscard]] bool is_virtual(const IpAddress& address) const;
  [[nodiscard]] const std::vector<VirtualAddress>& all() const { return addresses_; }
  /// Each address, of both families, with its service: what route/ builds its destinations from.
  [[nodiscard]] std::map<IpAddress, std::string> services_by_address() const;

 private:
  IpNetwork v4_;
  std::optional<IpNetwork> v6_;
  std::vector<VirtualAddress> addresses_;
  std::unordered_map<IpAddress, std::size_t, IpAddressHash> by_address_;
  std::unordered_map<std::string, std::size_t> by_service_;
};
using VirtualAddressTablePtr = std::shared_ptr<const VirtualAddressTable>;

}  // namespace epaulet
