#pragma once

#include "config/settings.h"
#include "discovery/endpoint_source.h"

namespace epaulet {

/// Endpoints written in the configuration: never change, never fail.
class StaticSource final : public EndpointSource {
 public:
  /// `now` stands in the set as the time of its last change. It is newer than `version`.
  StaticSource(const BackendSettings& backend, WallTime now, std::uint64_t version = 0);

  std::string_view kind() const override { return "static"; }
  EndpointSetPtr current() const override { return set_; }
  void start(OnChange) override {}
  Task<void> look(Scope& scope) override;

 private:
  EndpointSetPtr set_;
};

}  // namespace epaulet
