#pragma once

#include <vector>

#include "redirect/failure.h"
#include "redirect/options.h"
#include "redirect/pod.h"
#include "redirect/probe.h"

namespace epaulet::redirect {

/// Whether rules of ours stand in this pod, as any user without a right can see it: what is dialled
/// at a virtual address arrives where the proxy will listen. Whoever installed them (a CNI plugin,
/// from outside) has tried each; this is for pods that start where nobody installed any, which must
/// not go on. One check for each family; waits kConfirmMilliseconds for each at most.
///
/// Fails if the pod has what an installer outside cannot know, or if our user is not redirected.
[[nodiscard]] OrFailure<std::vector<Check>> confirm_rules(const RedirectOptions& options,
                                                          const Pod& pod);

inline constexpr int kConfirmMilliseconds = 2000;

/// What is dialled: the first address of the network, at a port that is not excluded.
[[nodiscard]] SocketAddress confirmed_address(const RedirectOptions& options, bool v4);

}  // namespace epaulet::redirect
