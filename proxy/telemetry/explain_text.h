#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace epaulet::telemetry {

/// What `epaulet explain` prints: the page of /explain for people. Pure: JSON in, text out, with
/// control characters made harmless, since names in records may come from anywhere. Nothing: `page`
/// is not such a page.
///
/// A list: one line for each record, oldest first.
[[nodiscard]] std::optional<std::string> explain_list_text(std::string_view page);
/// One record, or a few of one id: each with its facts and the timeline of its events.
[[nodiscard]] std::optional<std::string> explain_record_text(std::string_view page);

}  // namespace epaulet::telemetry
