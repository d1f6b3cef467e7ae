#pragma once

#include <cstdint>
#include <vector>

#include "redirect/failure.h"
#include "redirect/options.h"
#include "redirect/pod.h"
#include "redirect/probe.h"
#include "redirect/report.h"

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

/// Where the proxy's own user, whom nothing redirects, sees without a right that rules which were
/// installed still stand: what is at a virtual address behind NAT is refused by one of them, and
/// would else reach whoever listens at any address. One place for each family. `listener`: a port
/// at which the proxy does so. None if the report is of rules that are not, or with networks or
/// users of their own. A table of nft goes as a whole; of iptables' two, this is the one that
/// filters.
[[nodiscard]] std::vector<SocketAddress> standing_places(const Report& report,
                                                         std::uint16_t listener);

/// Dials them as our user; where nobody listens at this pod's own address, or our user is not the
/// proxy's, there is nothing to be seen, and no check. Waits kConfirmMilliseconds for each at most.
[[nodiscard]] std::vector<Check> standing_rules(const std::vector<SocketAddress>& places);

/// What is dialled: the first address of the network, at a port that is not excluded.
[[nodiscard]] SocketAddress confirmed_address(const RedirectOptions& options, bool v4);

}  // namespace epaulet::redirect
