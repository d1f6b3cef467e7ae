#include "telemetry/outcome.h"

namespace epaulet::telemetry {

StringId upstream_reason(const Trace& trace) {
  for (std::size_t i = trace.size(); i > 0; --i) {
    if (trace[i - 1].event == Event::upstream_reason) return trace[i - 1].a;
  }
  return 0;
}

bool has_failed(const ExchangeRecord& record) {
  if (record.error.code != ErrorCode::none || record.status >= 500) return true;
  return record.status >= 400 && upstream_reason(record.trace) != 0;
}

}  // namespace epaulet::telemetry
