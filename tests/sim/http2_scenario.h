#pragma once

#include <vector>

#include "scenario.h"

/// What a seed draws of HTTP/2.
namespace epaulet::sim {

/// One connection of the caller, its exchanges beside each other.
struct Http2Conversation {
  std::vector<int> ids;
  Http2Calling calling;
  bool outside = false;  ///< Not through the caller's sidecar.
  bool bare = false;     ///< To the app that has no sidecar.
};

/// Who stalls does it for so long in calm weather, where all others are done by then.
inline constexpr std::chrono::seconds kStall{25};

/// Draws how the apps go about HTTP/2, and the connections of callers, and starts them.
[[nodiscard]] std::vector<Http2Conversation> draw_http2_conversations(Dice& dice,
                                                                      Scenario& scenario,
                                                                      Mesh& mesh);

}  // namespace epaulet::sim
