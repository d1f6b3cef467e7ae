#include "dns/virtual_addresses.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/ascii.h"

namespace epaulet {
namespace {

/// FNV-1a, then the finalizer of splitmix64 for the low bits. Written out because the addresses of
/// running apps depend on it: std::hash may change with the compiler.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31);
}

/// How many addresses the low `bits` make, at most 2^64 - 1.
std::uint64_t span_of(unsigned bits) {
  return bits >= 64 ? std::numeric_limits<std::uint64_t>::max() : std::uint64_t{1} << bits;
}

/// The network's address plus `offset`.
IpAddress address_at(const IpNetwork& network, std::uint64_t offset) {
  auto bytes = network.address.bytes();
  const std::size_t size = network.address.is_v4() ? 4 : 16;
  for (unsigned bit = network.prefix_bits; bit < size * 8; ++bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] & ~(0x80u >> bit % 8));
  }
  for (std::size_t i = size; i-- > 0 && offset != 0; offset >>= 8) {
    bytes[i] = static_cast<std::uint8_t>(bytes[i] | (offset & 0xff));
  }
  if (size == 16) return IpAddress::v6(bytes);
  return IpAddress::v4(static_cast<std::uint32_t>(bytes[0]) << 24 |
                       static_cast<std::uint32_t>(bytes[1]) << 16 |
                       static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3]);
}

}  // namespace

VirtualAddressBook::VirtualAddressBook(IpNetwork v4, std::optional<IpNetwork> v6,
                                       std::size_t entries_max)
    : v4_(v4), v6_(v6), entries_max_(entries_max) {}

void VirtualAddressBook::add(Entry entry) {
  taken_.insert(entry.v4);
  if (entry.v6) taken_.insert(*entry.v6);
  auto service = entry.service;
  entries_.insert_or_assign(std::move(service), std::move(entry));
}

void VirtualAddressBook::restore(std::span<const Entry> entries) {
  for (const auto& entry : entries) {
    if (entries_.size() >= entries_max_) return;
    if (entries_.contains(entry.service) || !v4_.contains(entry.v4) || taken_.contains(entry.v4))
      continue;
    Entry restored = entry;
    // Without a usable IPv6 address assign() gives it one.
    if (restored.v6 && (!v6_ || !v6_->contains(*restored.v6) || taken_.contains(*restored.v6))) {
      restored.v6.reset();
    }
    add(std::move(restored));
  }
}

std::optional<IpAddress> VirtualAddressBook::free_address(const IpNetwork& network,
                                                          std::string_view service) const {
  const unsigned bits = (network.address.is_v4() ? 32u : 128u) - network.prefix_bits;
  const std::uint64_t span = span_of(bits);
  // The first and the last address have meanings of their own (network, broadcast, subnet routers).
  const bool has_room = bits >= 2;
  const std::uint64_t first = has_room ? 1 : 0;
  const std::uint64_t usable = has_room ? span - 2 : span;
  std::uint64_t offset = hash_of(lower(service)) % usable;
  // No more addresses can be in the way than are taken.
  const std::uint64_t tries = std::min<std::uint64_t>(usable, taken_.size() + 1);
  for (std::uint64_t i = 0; i < tries; ++i) {
    const auto address = address_at(network, first + offset);
    if (!taken_.contains(address)) return address;
    offset = (offset + 1) % usable;
  }
  return std::nullopt;
}

void VirtualAddressBook::forget_expired(std::int64_t now_s) {
  const auto keep_s = std::chrono::duration_cast<std::chrono::seconds>(kKeepFor).count();
  std::erase_if(entries_, [&](const auto& item) {
    const Entry& entry = item.second;
    if (entry.gone_since == 0 || now_s - entry.gone_since < keep_s) return false;
    taken_.erase(entry.v4);
    if (entry.v6) taken_.erase(*entry.v6);
    return true;
  });
}

std::vector<std::string> VirtualAddressBook::assign(std::span<const std::string> services,
                                                    WallTime now) {
  const auto now_s =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::set<std::string_view> configured(services.begin(), services.end());
  for (auto& [name, entry] : entries_) {
    if (configured.contains(name)) {
      entry.gone_since = 0;
    } else if (entry.gone_since == 0 || entry.gone_since > now_s) {
      // Also if the clock was set back: the 24 hours begin again, rather too long than too short.
      entry.gone_since = now_s;
    }
  }
  forget_expired(now_s);

  std::vector<std::string> without_address;
  // In the order of names: which of two colliding names moves does not depend on anything else.
  for (const auto view : configured) {
    const std::string name(view);
    const auto known = entries_.find(name);
    if (known != entries_.end()) {
      Entry& entry = known->second;
      if (!entry.v6 && v6_) entry.v6 = free_address(*v6_, name);
      if (entry.v6) taken_.insert(*entry.v6);
      continue;
    }
    const auto v4 = entries_.size() < entries_max_ ? free_address(v4_, name) : std::nullopt;
    if (!v4) {
      without_address.push_back(name);
      continue;
    }
    add({name, *v4, v6_ ? free_address(*v6_, name) : std::nullopt, 0});
  }
  return without_address;
}

std::vector<VirtualAddressBook::Entry> VirtualAddressBook::entries() const {
  std::vector<Entry> all;
  all.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) all.push_back(entry);
  return all;
}

VirtualAddressTablePtr VirtualAddressBook::table() const {
  std::vector<VirtualAddress> addresses;
  for (const auto& [name, entry] : entries_) {
    if (entry.gone_since == 0) addresses.push_back({entry.service, entry.v4, entry.v6});
  }
  return std::make_shared<const VirtualAddressTable>(v4_, v6_, std::move(addresses));
}

}  // namespace epaulet
