#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crypto/reason.h"

namespace epaulet::kube {

/// What a sidecar asks for.
struct Question {
  std::vector<std::string> services;  ///< NAME.NAMESPACE, each once, at least one.
  std::string version;                ///< It knows what was so then; "": nothing.
};

inline constexpr std::string_view kWatchPath = "/v1/watch";

/// {"services":["api2.default"],"version":"..."}. A reason: it is no such thing.
[[nodiscard]] Checked<Question> read_question(std::string_view body);

}  // namespace epaulet::kube
