#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace epaulet::telemetry {

/// An index into the process-wide string table. 0 is the empty string.
using StringId = std::uint32_t;

/// Adds the string, or finds it. Append-only and bounded (limits): when full, returns the id of
/// "overflow". So records hold ids and pin no snapshot. Any thread; takes a lock: for snapshots and
/// handshakes, not requests.
[[nodiscard]] StringId intern(std::string_view text);

/// The same for text that a peer chose (a reason in a response, a certificate's contents): such
/// text may take only a part of the table, so that no peer can push the mesh's own names out of it.
[[nodiscard]] StringId intern_foreign(std::string_view text);

/// Any thread, without a lock. Valid forever. An id that intern() did not give: "".
[[nodiscard]] std::string_view text_of(StringId id);

}  // namespace epaulet::telemetry
