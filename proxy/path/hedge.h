#pragma once

#include <memory>
#include <optional>

#include "path/attempt.h"
#include "path/witness.h"

namespace epaulet::path {

/// A second attempt at another endpoint, beside a first one that takes longer than most of the
/// route's answers: `retries.hedge`. The first acceptable head wins; the other attempt is broken
/// off, and is no failure of its endpoint. One at most for an exchange, of the same budget as
/// retries, counted by `retries.max`, and never once a head has come.
///
/// Made when it begins: what is not hedged costs the look at a pointer.
class Hedge final {
 public:
  Hedge(Exchange& exchange, const Plan& plan, const Hop& hop);

  Exchange& exchange;
  const Plan plan;  ///< The exchange's without its breaker, which judges the exchange once.
  const Hop hop;
  Scope scope;
  telemetry::Trace trace;  ///< Of its connection, so that explain does not mix two attempts.
  http::ResponseHead response;
  Witness witness;
  upstream::LeasePtr lease;
  std::optional<Attempt> attempt;
};
using HedgePtr = std::unique_ptr<Hedge>;

/// Whether the exchange may be hedged, if its first attempt takes long.
[[nodiscard]] bool may_be_hedged(const Exchange& exchange, const Plan& plan);

/// `first.until_head()`, and beside it, if that takes long, a second attempt. If that has won it is
/// left in `hedge`: the first attempt has been stopped and told of to `witness`, whose breaker
/// hears from hedge->witness now, and the head is in exchange.response. Else `hedge` is none.
Task<Error> until_head_hedged(Exchange& exchange, const Plan& plan, Attempt& first,
                              Witness& witness, TriedEndpoints& tried, HedgePtr& hedge);

}  // namespace epaulet::path
