#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "redirect/failure.h"
#include "redirect/probe.h"

namespace epaulet::redirect {

inline constexpr const char* kDefaultReportFile = "/var/run/epaulet/redirect.json";
inline constexpr std::size_t kReportBytesMax = 256 * 1024;

/// What `install` leaves behind for readiness and for `verify`.
struct Report {
  bool ok = false;
  std::string backend;  ///< "nft", "iptables-nft", "iptables-legacy"; "" if none could.
  std::vector<std::string> families;   ///< "ipv4", "ipv6": those that are redirected.
  std::vector<Check> checks;           ///< Empty if it did not come so far.
  std::string error;                   ///< Why it did not, with the remedy; "" if it did.
  std::vector<std::string> arguments;  ///< The options of `install`, so that `verify` knows them.
  std::string installed_at;            ///< RFC 3339, UTC, whole seconds.
};

[[nodiscard]] std::string to_json(const Report& report);
/// Nothing if `json` is not such a report.
[[nodiscard]] std::optional<Report> report_from_json(std::string_view json);

/// Replaces the file as a whole (a reader never sees half of it); makes its folder if need be.
[[nodiscard]] OrFailure<void> write_report(const std::string& file, const Report& report);
/// Fails if the file is absent, unreadable or no report.
[[nodiscard]] OrFailure<Report> read_report(const std::string& file);

/// One line of what is wrong in a report; "" if nothing is. What readiness shows.
[[nodiscard]] std::string complaint(const Report& report);

}  // namespace epaulet::redirect
