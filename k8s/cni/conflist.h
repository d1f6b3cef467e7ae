#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/reason.h"

/// The lists of plugins that a container runtime reads. Texts in, texts out.
namespace epaulet::cni {

inline constexpr std::size_t kListBytesMax = 1024 * 1024;

/// The file whose list a runtime takes: the first by name. "": there is none yet.
[[nodiscard]] std::string chosen_list(std::vector<std::string> names);

/// The list with our plugin behind the others; nothing if it stands there already, wherever that
/// is: somebody else may want to be the last, too. A reason: it is no such list.
[[nodiscard]] Checked<std::optional<std::string>> with_plugin(std::string_view list);

/// The list without our plugin; nothing if it does not stand there, or is no list of plugins.
[[nodiscard]] std::optional<std::string> without_plugin(std::string_view list);

}  // namespace epaulet::cni
