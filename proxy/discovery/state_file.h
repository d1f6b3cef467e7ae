#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

/// Small files under `state.dir`, written by one process at a time. Called on the control thread.
namespace epaulet {

/// The whole file; "" if there is none. Errors: io_failed with errno, EFBIG above
/// limits::kStateFileBytesMax.
[[nodiscard]] Result<std::string> read_state_file(const std::string& path);

/// Replaces the file in one step: whoever reads sees the old text or the new one. Makes the folder
/// (0700, one level) if it is missing; the file gets 0600. Errors: io_failed with errno; the old
/// file is then untouched.
///
/// There is no fsync: it would hold up the control thread, which answers DNS, for as long as the
/// disk likes, and what is lost by a crash of the host is learned again.
[[nodiscard]] Result<void> write_state_file(const std::string& path, std::string_view text);

}  // namespace epaulet
