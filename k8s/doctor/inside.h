#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/wall_time.h"
#include "k8s/doctor/report.h"
#include "redirect/probe.h"

namespace epaulet::kube {

/// What can be seen from inside a pod.
struct InsideFacts {
  WallTime now{};
  std::optional<std::string>
      redirect_report;  ///< What `epaulet redirect install` or `confirm` left.
  /// What `epaulet redirect verify` said, and whether all was well; only root can ask.
  std::optional<std::pair<bool, std::string>> rules;
  /// What the sidecar's own user sees of them; empty: nothing, or somebody else asked.
  std::vector<redirect::Check> standing;
  std::optional<std::string> ready;    ///< The page /ready of the admin port; nothing: no answer.
  std::optional<std::string> certs;    ///< /certs.
  std::optional<std::string> metrics;  ///< The sidecar's own, as text.
};

struct InsideQuestion {
  std::string admin = "127.0.0.1:15000";
  std::string metrics = "127.0.0.1:15020";
  std::string redirect_result = "/var/run/epaulet/redirect.json";
};

/// Blocks.
[[nodiscard]] InsideFacts gather_inside(const InsideQuestion& question, WallTime now);

/// Pure.
void diagnose_inside(const InsideFacts& facts, const InsideQuestion& question,
                     DoctorReport& report);

}  // namespace epaulet::kube
