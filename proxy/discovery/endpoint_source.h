#pragma once

#include <functional>
#include <string_view>

#include "discovery/endpoint_set.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet {

/// What a source says before its first answer: never nothing at all.
struct Beginning {
  EndpointSetPtr set;
  /// These are another source's, which the configuration has replaced: better than none until the
  /// first answer, which ends that even if it brings nothing.
  bool stands_in = false;
};

/// Supplies one backend's endpoints: a static list, DNS, the simulator. Lives on the control
/// thread.
class EndpointSource {
 public:
  using OnChange = std::function<void(EndpointSetPtr)>;

  virtual ~EndpointSource() = default;

  /// "static", "dns": for /endpoints.
  [[nodiscard]] virtual std::string_view kind() const = 0;
  /// Never null, also before start().
  [[nodiscard]] virtual EndpointSetPtr current() const = 0;
  /// Begins to look. `on_change` is called through the loop with each later set, until the source
  /// is destroyed.
  virtual void start(OnChange on_change) = 0;
  /// Asks the supplier again unless that was done within the last second, and waits for what it
  /// says or for the scope's end. The task may outlive the source.
  [[nodiscard]] virtual Task<void> look(Scope& scope) = 0;
};

}  // namespace epaulet
