#include "dns/virtual_address_table.h"

namespace epaulet {

VirtualAddressTable::VirtualAddressTable(IpNetwork v4, std::optional<IpNetwork> v6,
                                         std::vector<VirtualAddress> addresses)
    : v4_(v4), v6_(v6), addresses_(std::move(addresses)) {
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    by_address_.emplace(addresses_[i].v4, i);
    if (addresses_[i].v6) by_address_.emplace(*addresses_[i].v6, i);
    by_service_.emplace(addresses_[i].service, i);
  }
}

const std::string* VirtualAddressTable::service_at(const IpAddress& address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : &addresses_[found->second].service;
}

const VirtualAddress* VirtualAddressTable::find(const std::string& service) const {
  const auto found = by_service_.find(service);
  return found == by_service_.end() ? nullptr : &addresses_[found->second];
}

std::map<IpAddress, std::string> VirtualAddressTable::services_by_address() const {
  std::map<IpAddress, std::string> services;
  for (const auto& address : addresses_) {
    services.emplace(address.v4, address.service);
    if (address.v6) services.emplace(*address.v6, address.service);
  }
  return services;
}

bool VirtualAddressTable::is_virtual(const IpAddress& address) const {
  return v4_.contains(address) || (v6_ && v6_->contains(address));
}

}  // namespace epaulet
