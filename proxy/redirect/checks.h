#pragma once

#include <vector>

#include "redirect/failure.h"
#include "redirect/options.h"
#include "redirect/pod.h"
#include "redirect/probe.h"

namespace epaulet::redirect {

/// Tries every rule by what it does, in every family that the pod has, from another user than the
/// proxy's and from outside, and says what happened.
///
/// Takes some 100 ms, and up to kDialMilliseconds for each connection that is lost. For that time a
/// pair of interfaces (scaffold.h) exists and stand-ins listen where the proxy does not yet. If the
/// proxy listens on one of its ports already, those it does not listen on are failed checks.
/// Fails, rather than reporting failed checks, if it cannot be tried at all, or while another
/// `epaulet redirect` does so in this pod.
[[nodiscard]] OrFailure<std::vector<Check>> check_rules(const RedirectOptions& options,
                                                        const Pod& pod);

}  // namespace epaulet::redirect
