#pragma once

#include <string_view>

#include "telemetry/in_flight.h"

namespace epaulet::path {

class Connection;
class Exchange;

/// Which trace the request belongs to: the one that its fields tell, the one of what the app is
/// asked meanwhile, or one that begins here; and whether it becomes a span. What the next hop reads
/// is settled here too.
void settle_trace(Exchange& exchange);

/// An inbound request that goes to the app: what the app asks meanwhile may belong to it.
void note_in_flight(Exchange& exchange);
/// The same of a tunnel, of which nobody knows what it asks: as long as `entry` lives.
void note_in_flight(const Connection& connection, telemetry::InFlight::Entry& entry);

/// Once the record is complete.
void report_span(Exchange& exchange);

/// Whether a line of ours among a request's fields tells its trace.
[[nodiscard]] bool is_trace_line(std::string_view line);

}  // namespace epaulet::path
