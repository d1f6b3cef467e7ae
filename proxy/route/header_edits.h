#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/shaping_settings.h"
#include "http/message.h"

namespace epaulet {

/// What a route changes in the fields of a head. Made once: applying it marks fields as removed and
/// appends lines that are ready.
class HeaderEdits {
 public:
  explicit HeaderEdits(const HeaderModifierSettings& settings);

  /// Of fields that we added before, too: what the configuration says of a name is the last word.
  /// Those that the configuration may not name (framing, one hop's, the mesh's) stay as they are.
  void apply(http::Head& head) const;
  /// What is set and added, as complete lines.
  [[nodiscard]] std::string_view lines() const { return lines_; }

 private:
  std::vector<std::string> replaced_;  ///< Names that are set or removed.
  std::string lines_;
};

}  // namespace epaulet
