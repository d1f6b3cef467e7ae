#pragma once

#include <string_view>

namespace epaulet::path {

class Exchange;

/// Which trace the request belongs to: the one that its fields tell, the one of what the app is
/// asked meanwhile, or one that begins here; and whether it becomes a span. What the next hop reads
/// is settled here too.
void settle_trace(Exchange& exchange);

/// Once the record is complete.
void report_span(Exchange& exchange);

/// Whether a line of ours among a request's fields tells its trace.
[[nodiscard]] bool is_trace_line(std::string_view line);

}  // namespace epaulet::path
