#pragma once

#include <string>

#include "telemetry/record.h"

namespace epaulet::telemetry {

/// One sentence for people, without a full stop: which hop, which stage, which rule, which attempt,
/// and the cause, as far as the record knows. For failures and slow exchanges; allocates.
[[nodiscard]] std::string summary_of(const ExchangeRecord& record, bool slow);
[[nodiscard]] std::string summary_of(const ConnectionRecord& record);

/// What to do about it.
[[nodiscard]] std::string remedy_of(const ExchangeRecord& record);
[[nodiscard]] std::string remedy_of(const ConnectionRecord& record);

}  // namespace epaulet::telemetry
