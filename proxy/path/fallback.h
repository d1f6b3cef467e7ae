#pragma once

#include "path/exchange.h"

namespace epaulet::path {

/// In headers that the configuration names for this workload's own callers; what it calls has
/// mostly the same ones.
[[nodiscard]] bool shows_credentials(const Exchange& exchange);

/// Whether an upstream's answer of this status is to be replaced by the fallback of its route,
/// which has something to give. `told`: in it, by a sidecar that refused the request.
[[nodiscard]] bool is_to_be_replaced(const Exchange& exchange, const Plan& plan,
                                     std::uint16_t status, const Error& told);

/// Instead of the answer to a failure: the last good response, another backend's, or a fixed one,
/// whichever the route has first. Returns how the exchange ended: by `ended`, so that log and
/// explain know what the caller does not see, but for another backend's answer. Nothing is
/// committed: there was nothing to give, or the failure is the caller's.
Task<Error> fall_back(Exchange& exchange, const Plan& plan, Error ended);

/// A copy of a good response on its way to the caller, for the day that the next one fails.
class KeptCopy {
 public:
  /// Begins where the route keeps responses and this one may be kept.
  void begin(const Exchange& exchange, const Plan& plan);
  /// Too much of it, or no room for it among all that is kept, and it is not.
  void add(ConstBytes bytes);
  /// All of it was given to the caller.
  void keep(const Exchange& exchange, const Plan& plan);

 private:
  void give_up();

  bool active_ = false;
  Duration lasts_{};
  std::string key_;
  resilience::LastGood::Response response_;
  resilience::LastGood::Room room_;
};

}  // namespace epaulet::path
