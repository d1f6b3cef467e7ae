#pragma once

#include <bitset>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>

#include "base/error.h"
#include "config/settings.h"

namespace epaulet::resilience {

/// What a call tells of the health of whoever was asked.
enum class Judgement : std::uint8_t { no_evidence, success, failure };

/// Which answers are failures, compiled.
class FailureRules {
 public:
  /// What a breaker takes for failures where nothing is written: 5xx, and of gRPC what stands for
  /// it. RESOURCE_EXHAUSTED is the caller's 429; UNIMPLEMENTED, ABORTED and the like are answers.
  [[nodiscard]] static FailureRules of_breaker(const FailureSettings& settings);
  /// The same for endpoints: only what a proxy or an app that is not there would say. An app's 500
  /// is mostly about the request, and the next endpoint would say the same.
  [[nodiscard]] static FailureRules of_outliers(const FailureSettings& settings);

  [[nodiscard]] bool is_failure(std::uint16_t status) const {
    return status >= 400 && status < 600 && statuses_[status - 400u];
  }
  [[nodiscard]] bool is_failure(GrpcStatus status) const {
    return grpc_statuses_[static_cast<std::size_t>(status)];
  }

 private:
  FailureRules(const FailureSettings& settings, const FailureSettings& defaults);
  std::bitset<200> statuses_;
  std::bitset<32> grpc_statuses_;
};

/// How a call ended.
struct CallEnd {
  Error error;  ///< code none: an answer came.
  std::uint16_t status = 0;
  std::optional<std::uint8_t> grpc_status;  ///< Of gRPC, 0 is ok.
  /// The request was on its way on a connection: who had waited for one of ours alone is no
  /// witness.
  bool was_sent = false;
  /// It was a pooled connection, which may have gone stale for no fault of its endpoint's.
  bool on_reused_connection = false;
  /// The caller gave less time than `timeouts.request`.
  bool was_hurried = false;
  /// So long nothing but its answer was waited for when it was given up; zero: an answer has begun,
  /// or it was the caller's turn.
  std::chrono::nanoseconds waited{0};
};

/// What we refused ourselves, what the caller broke off and what it gave no time for is no
/// evidence.
[[nodiscard]] Judgement judge(const FailureRules& rules, const CallEnd& end);

}  // namespace epaulet::resilience
