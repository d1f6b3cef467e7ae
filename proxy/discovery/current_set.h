#pragma once

#include <optional>
#include <vector>

#include "discovery/endpoint_source.h"

namespace epaulet {

/// The set that a source says now, from what it began with to its last answer.
class CurrentSet {
 public:
  explicit CurrentSet(Beginning beginning)
      : set_(std::move(beginning.set)), stands_in_(beginning.stands_in) {}

  [[nodiscard]] const EndpointSetPtr& get() const { return set_; }
  /// Nothing was answered yet, and it is another source's: see Beginning.
  [[nodiscard]] bool stands_in() const { return stands_in_; }
  /// This source's, or an earlier process's of the same: worth keeping when an answer brings
  /// nothing.
  [[nodiscard]] std::vector<Endpoint> last_good() const {
    return stands_in_ ? std::vector<Endpoint>() : set_->endpoints;
  }
  [[nodiscard]] bool ever_had_endpoint() const { return !stands_in_ && set_->ever_had_endpoint; }

  /// False: it was said already. Otherwise there is a new set, of the next version.
  [[nodiscard]] bool change(std::vector<Endpoint> endpoints, const std::optional<Error>& last_error,
                            const std::vector<IpAddress>& service_addresses, WallTime now);

 private:
  EndpointSetPtr set_;
  bool stands_in_;
};

}  // namespace epaulet
