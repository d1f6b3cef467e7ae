#pragma once

#include <string_view>

namespace epaulet::path {

class Exchange;

/// Which trace the request belongs to: the one that its fields tell, or one that begins here. What
/// the next hop reads is settled here too.
void settle_trace(Exchange& exchange);

/// Whether a line of ours among a request's fields tells its trace.
[[nodiscard]] bool is_trace_line(std::string_view line);

}  // namespace epaulet::path
