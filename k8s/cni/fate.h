#pragma once

#include <cstdint>
#include <functional>

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

/// What an API server said of our DaemonSet.
struct Said {
  std::uint16_t status = 0;  ///< 0: nothing.
  boost::json::value document;
};
inline constexpr int kAsksMax = 4;

/// Asks. One that has just started refuses everybody for a while, and so does any whose time
/// differs from our token's: a refusal is asked about again, behind a pause each, and the last
/// answer is believed.
[[nodiscard]] bool is_for_good(const std::function<Said()>& ask, bool could_ask,
                               const std::function<void()>& pause);

}  // namespace epaulet::cni
