#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "runtime/clock.h"
#include "runtime/random.h"

namespace epaulet::resilience {

/// When each of many is checked next, so many of them at once. Whose turn it is and finds no room
/// goes first when there is some. Bytes and clocks are others'.
class CheckSchedule {
 public:
  using Id = std::uint64_t;

  explicit CheckSchedule(std::size_t at_once) : at_once_(at_once) {}

  void add(Id id, TimePoint first);
  /// It has left. If a check of it is under way, that takes its place until it has ended.
  void remove(Id id);
  /// Whose check begins now.
  [[nodiscard]] std::optional<Id> begin(TimePoint now);
  /// The check that began has ended, and `next` comes the next one.
  void ended(Id id, TimePoint next);
  /// When begin() may have somebody; nothing: not before a check ends, or one is added.
  [[nodiscard]] std::optional<TimePoint> wake_at() const;

  [[nodiscard]] std::size_t under_way() const { return under_way_.size(); }
  [[nodiscard]] std::size_t size() const { return waiting_.size() + under_way_.size(); }

 private:
  const std::size_t at_once_;
  std::set<std::pair<TimePoint, Id>> queue_;
  std::map<Id, TimePoint> waiting_;  ///< Beside queue_.
  std::map<Id, bool> under_way_;     ///< True: it has left meanwhile.
};

/// `interval`, longer or shorter by up to `jitter` of it, so that those who begin together part.
[[nodiscard]] std::chrono::nanoseconds pause_between_checks(std::chrono::nanoseconds interval,
                                                            double jitter, Random& random);

/// How long a new endpoint waits for its first check: up to a second, or `interval` if that is
/// less; not at all where its requests wait for it.
[[nodiscard]] std::chrono::nanoseconds pause_before_first(std::chrono::nanoseconds interval,
                                                          bool is_awaited, Random& random);

}  // namespace epaulet::resilience
