#pragma once

#include "path/exchange.h"

/// What a route does to its requests (`plan.shaping`, which is there in all of these).
namespace epaulet::path {

/// Which faults this request gets: before its fields are changed, so that the field which asks for
/// one need not reach the backend.
[[nodiscard]] Fault::Injected draw_fault(Exchange& exchange, const Plan& plan);
/// Fields and target, as the backend is to get them. path_ambiguous: what of the path would stay
/// behind the new prefix may lead out of it.
[[nodiscard]] Result<void> shape_request(Exchange& exchange, const Plan& plan);

/// Instead of asking anybody: answers with a redirect. Returns how the exchange ended.
Task<Error> send_elsewhere(Exchange& exchange, const Plan& plan);
/// The same for a preflight, by the route's `cors`: it carries no credential, so no access rule
/// could judge it, and says nothing of what such rules guard.
Task<Error> answer_preflight(Exchange& exchange, const Plan& plan);
/// Before anybody is asked, so that no breaker and no endpoint has to answer for it. The time of a
/// delay passes within the exchange's deadline. Code none: the request goes on. An injected failure
/// is not retried; a fallback stands in for it as if the backend had answered so.
Task<Error> inject(Exchange& exchange, const Plan& plan, Fault::Injected fault);

}  // namespace epaulet::path
