#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "config/health_check_settings.h"
#include "runtime/clock.h"

namespace epaulet::resilience {

/// What active checks say of the endpoints of one backend, and whether that is heeded.
///
///   unchecked -> healthy: a check passed
///   unchecked -> unhealthy: checks failed: the first where newcomers wait, else a whole row
///   healthy -> unhealthy: `unhealthy_after` checks in a row failed
///   unhealthy -> healthy: `healthy_after` checks in a row passed
///
/// Who is unhealthy is left out, unless less than `panic_threshold` of those that were checked are
/// healthy, or none: so many at once fail for one reason, which may be the check's own, and those
/// that are left would not bear the load. Newcomers wait for their first check where `initially`
/// says so, once all that there were to begin with have been checked.
///
/// Lives outside snapshots. One worker checks and writes; any thread reads.
class HealthBoard {
 public:
  struct Rules {
    explicit Rules(const HealthCheckSettings& settings);
    std::uint32_t healthy_after;
    std::uint32_t unhealthy_after;
    bool newcomers_wait;
    double panic_threshold;
  };
  enum class State : std::uint8_t { unchecked, healthy, unhealthy };

  /// What one check found.
  struct Finding {
    bool passed = false;
    ErrorCode code = ErrorCode::none;
    std::uint16_t status = 0;
    std::optional<std::uint8_t> grpc_status;
    std::string text;  ///< One clause, for people: "answered 503".
  };

  explicit HealthBoard(const Rules& rules) : rules_(rules) {}

  /// Who is an endpoint now. Of those that stay all stays known; who left is forgotten.
  void adopt(std::span<const SocketAddress> endpoints);

  struct Settled {
    std::optional<State> to;   ///< It has changed.
    std::uint32_t in_row = 0;  ///< So many checks in a row ended like this one.
  };
  /// `next`: when it is checked again. Of an endpoint that has left nothing is noted.
  Settled settle(const SocketAddress& endpoint, Finding finding, TimePoint now, TimePoint next);

  /// It gets no requests as long as there are others.
  [[nodiscard]] bool is_left_out(const SocketAddress& endpoint) const;

  struct Totals {
    std::size_t healthy = 0;
    std::size_t unhealthy = 0;
    std::size_t unchecked = 0;
    bool panics = false;       ///< Somebody is unhealthy, and that is not heeded.
    std::uint64_t passed = 0;  ///< Checks.
    std::uint64_t failed = 0;
    std::uint64_t became_healthy = 0;  ///< Not with the first check of all.
    std::uint64_t became_unhealthy = 0;
  };
  [[nodiscard]] Totals totals() const;

  struct Entry {
    SocketAddress address;
    State state = State::unchecked;
    bool is_left_out = false;
    TimePoint since{};  ///< In this state.
    std::uint32_t in_row = 0;
    std::optional<TimePoint> checked;
    TimePoint next{};
    Finding last;
    std::optional<Finding> last_failure;
  };
  /// Sorted by address.
  [[nodiscard]] std::vector<Entry> entries() const;

 private:
  struct Record {
    State state = State::unchecked;
    TimePoint since{};
    std::uint32_t in_row = 0;  ///< Checks that ended like `last`.
    std::optional<TimePoint> checked;
    TimePoint next{};
    Finding last;
    std::optional<Finding> last_failure;
  };
  // Under mutex_.
  [[nodiscard]] std::optional<State> state_after(const Record& record) const;
  void move(State from, State to);
  std::size_t& count_of(State state);
  [[nodiscard]] bool is_heeded() const;
  [[nodiscard]] bool is_left_out(State state) const;

  const Rules rules_;
  mutable std::mutex mutex_;  // Guards everything below.
  std::map<SocketAddress, Record> records_;
  Totals totals_;  // But for `panics`.
  bool all_were_checked_ = false;
};

[[nodiscard]] std::string_view name_of(HealthBoard::State state);

}  // namespace epaulet::resilience
