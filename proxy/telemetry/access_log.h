#pragma once

#include "telemetry/json_line.h"
#include "telemetry/kept_records.h"

/// The lines of the access log: one for an exchange, a tunnel, a refused connection or a refused
/// DNS query. They hold names of services, routes and rules, never a path, a query, a body, a token
/// or a header value. Without a failure nothing is allocated.
namespace epaulet::telemetry {

void write_line(const ExchangeRecord& record, WallTime time, JsonLine& line);
void write_line(const ConnectionRecord& record, WallTime time, JsonLine& line);
void write_line(const KeptDns& record, JsonLine& line);

}  // namespace epaulet::telemetry
