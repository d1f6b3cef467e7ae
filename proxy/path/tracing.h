#pragma once

#include <optional>
#include <string_view>

#include "path/trace_formats.h"
#include "telemetry/in_flight.h"
#include "telemetry/trace_context.h"

namespace epaulet::path {

class Connection;
class Exchange;

/// What the next hop is told of the trace, once rules, routes and limits have read the request as
/// it came.
struct TraceToTell {
  TraceFormats removed;  ///< Malformed, or written anew.
  TraceFormats written;
  bool drops_state = false;  ///< `tracestate` is of no trace, or of another.
  bool debug = false;
  std::optional<telemetry::TraceContext> context;  ///< Absent: there is no trace.
};

/// Which trace the request belongs to: the one that its fields tell, the one of what the app is
/// asked meanwhile, or one that begins here; and whether it becomes a span. Changes no field.
[[nodiscard]] TraceToTell settle_trace(Exchange& exchange);
/// A request that may go on: the next hop reads this.
void tell_trace(Exchange& exchange, const TraceToTell& trace);
/// One that may not: whoever is refused decides less about what that costs.
void settle_refused_trace(Exchange& exchange);

/// An inbound request that goes to the app: what the app asks meanwhile may belong to it.
void note_in_flight(Exchange& exchange);
/// The same of a tunnel, of which nobody knows what it asks: as long as `entry` lives.
void note_in_flight(const Connection& connection, telemetry::InFlight::Entry& entry);

/// Once the record is complete.
void report_span(Exchange& exchange);

/// Whether a line of ours among a request's fields tells its trace.
[[nodiscard]] bool is_trace_line(std::string_view line);

}  // namespace epaulet::path
