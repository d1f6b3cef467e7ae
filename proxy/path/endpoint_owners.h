#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "telemetry/strings.h"

namespace epaulet::path {

/// Whose discovered endpoints the addresses are. Several backends may have one: it stands for the
/// first by name, whatever order they were told in, as listed addresses do; when that one loses it,
/// for the next.
class EndpointOwners {
 public:
  struct Known {
    std::uint32_t backend = 0;   ///< By position, which is by name.
    telemetry::StringId id = 0;  ///< 0: not interned yet.
  };

  void add(const SocketAddress& endpoint, std::uint32_t backend) {
    const auto [found, is_new] = known_.try_emplace(endpoint, Known{backend, 0});
    if (is_new || found->second.backend == backend) return;
    const auto other = std::max(found->second.backend, backend);
    found->second.backend = std::min(found->second.backend, backend);
    auto& others = others_[endpoint];
    const auto at = std::lower_bound(others.begin(), others.end(), other);
    if (at == others.end() || *at != other) others.insert(at, other);
  }

  void remove(const SocketAddress& endpoint, std::uint32_t backend) {
    const auto found = known_.find(endpoint);
    if (found == known_.end()) return;
    const auto shared = others_.find(endpoint);
    const bool is_first = found->second.backend == backend;
    if (shared == others_.end()) {
      if (is_first) known_.erase(found);
      return;
    }
    auto& others = shared->second;
    if (is_first) {
      found->second.backend = others.front();
      others.erase(others.begin());
    } else if (const auto at = std::lower_bound(others.begin(), others.end(), backend);
               at != others.end() && *at == backend) {
      others.erase(at);
    }
    if (others.empty()) others_.erase(shared);
  }

  /// Null: nobody's.
  [[nodiscard]] const Known* find(const SocketAddress& endpoint) const {
    const auto found = known_.find(endpoint);
    return found == known_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] Known* find(const SocketAddress& endpoint) {
    const auto found = known_.find(endpoint);
    return found == known_.end() ? nullptr : &found->second;
  }

 private:
  std::unordered_map<SocketAddress, Known, SocketAddressHash> known_;
  /// Ascending; of the few addresses that have more owners than one.
  std::unordered_map<SocketAddress, std::vector<std::uint32_t>, SocketAddressHash> others_;
};

}  // namespace epaulet::path
