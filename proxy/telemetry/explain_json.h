#pragma once

#include <boost/json/fwd.hpp>

#include "telemetry/kept_records.h"

/// Kept records as the JSON that /explain and `epaulet explain --json` show.
namespace epaulet::telemetry {

[[nodiscard]] boost::json::object to_json(const KeptExchange& kept);
[[nodiscard]] boost::json::object to_json(const KeptConnection& kept);
[[nodiscard]] boost::json::object to_json(const KeptDns& kept);

/// {"events":[{"stage","code","at_us",...}],"events_dropped"}: what the numbers of each event mean
/// stands behind their names.
[[nodiscard]] boost::json::array events_of(const Trace& trace);
/// {"code",...}: what an event says, as there.
[[nodiscard]] boost::json::object words_of(Event event, std::uint32_t a, std::uint32_t b);
/// [{"number","outcome","stage","at_us",...}]: one for each attempt that the trace shows.
/// `ended_with`: how the exchange ended.
[[nodiscard]] boost::json::array attempts_of(const Trace& trace, const Error& ended_with);

}  // namespace epaulet::telemetry
