#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "runtime/clock.h"

namespace epaulet::server {

/// When to look at files that others write. Changes that follow each other closely become one look,
/// changes that do not end are looked at all the same, and looking takes a fifth of a thread at
/// most. Pure: what happened goes in, a time comes out.
class LookPace {
 public:
  /// Some file systems tell of no change.
  static constexpr std::chrono::seconds kPollEvery{2};
  /// A writer is given so long to finish its set of files,
  static constexpr std::chrono::milliseconds kSettle{30};
  /// but one who never pauses does not keep us from looking.
  static constexpr std::chrono::milliseconds kLatest{500};
  static constexpr std::chrono::milliseconds kPause{50};  ///< After a look.
  /// After a look that met something unfinished.
  static constexpr std::chrono::milliseconds kAgain{10};
  static constexpr int kPauseForEachLook = 4;  ///< How much longer than a look the pause after it.

  explicit LookPace(TimePoint now) : last_look_(now), not_before_(now) {}

  void changed(TimePoint now) {
    if (!first_change_) first_change_ = now;
    last_change_ = now;
  }

  void look_begins() { first_change_.reset(); }
  void look_ended(TimePoint begin, TimePoint end, bool is_finished) {
    last_look_ = end;
    again_ = !is_finished;
    const auto pause = is_finished ? kPause : kAgain;
    not_before_ = end + std::max<TimePoint::duration>(pause, kPauseForEachLook * (end - begin));
  }

  [[nodiscard]] TimePoint due() const {
    if (again_) return not_before_;
    if (!first_change_) return last_look_ + kPollEvery;
    return std::max(not_before_, std::min(last_change_ + kSettle, *first_change_ + kLatest));
  }

 private:
  TimePoint last_look_;
  TimePoint not_before_;
  std::optional<TimePoint> first_change_;  ///< Since the last look began.
  TimePoint last_change_{};
  bool again_ = false;
};

}  // namespace epaulet::server
