#pragma once

#include <cstdint>
#include <string_view>

#include <boost/json/value.hpp>

namespace epaulet::cni {

/// A pod of the DaemonSet ends because another takes its place, or because all of them go. Only
/// then is the node left without our entry: in between, pods that start would be without rules.
///
/// `status`, `daemon_set`: what the API server says of it now. `could_ask`: it answered before. Who
/// takes all of it away takes our right to ask at the same time, so a refusal then means the same
/// as its absence. No answer means nothing, and what stands stays.
[[nodiscard]] bool is_for_good(std::uint16_t status, const boost::json::value& daemon_set,
                               bool could_ask);

}  // namespace epaulet::cni
