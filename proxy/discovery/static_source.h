#pragma once

#include "config/settings.h"
#include "discovery/endpoint_source.h"

namespace epaulet {

/// Endpoints written in the configuration: never change, never fail.
class StaticSource final : public EndpointSource {
 public:
  /// `now` stands in the set as the time of its last change.
  StaticSource(const BackendSettings& backend, WallTime now);

  std::string_view kind() const override { return "static"; }
  EndpointSetPtr current() const override { return set_; }
  void start(OnChange) override {}
  Task<void> look(Scope& scope) override;

 private:
  EndpointSetPtr set_;
};

}  // namespace epaulet
