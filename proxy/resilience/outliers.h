#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "resilience/breaker.h"
#include "resilience/call_window.h"
#include "resilience/health_board.h"
#include "resilience/judge.h"

namespace epaulet::resilience {

/// Which endpoints of one backend are left out because they fail, and which ask to be spared
/// (Retry-After). One for all workers, outside snapshots; what is known of an endpoint survives
/// sets that it is not in.
///
///   in -> out: a row or ratio of the rules is reached, and the share allows it; or a row of those
///              who give up before we do has waited in vain, where another endpoint answers
///   out -> due: its time is up, or another that fails cannot be left out, since the share is used;
///               one caller at a time may claim it and try
///   due -> in: that call succeeded
///   due -> out: it failed: for twice as long; if its own time was not up, until then
///
/// Beside that, whoever active checks take for unhealthy is left out as long as they say so
/// (HealthBoard); it counts for the share as if it were out.
///
/// A success of an endpoint that is in costs half a dozen relaxed loads; whatever changes a state
/// takes a lock, and so does a caller that gives up late. Any thread.
class Outliers {
 public:
  struct Rules {
    explicit Rules(const OutlierSettings& settings);
    bool enabled;
    std::uint32_t consecutive;
    std::uint32_t connect_failures;
    std::optional<double> error_ratio;
    std::uint32_t min_requests;
    std::chrono::nanoseconds window;
    std::chrono::nanoseconds eject_for;
    std::chrono::nanoseconds max_eject_for;
    double max_ejected;
    FailureRules failures;
  };
  enum class Reason : std::uint8_t {
    none,
    consecutive,
    connect_failures,
    error_ratio,
    unanswered,
    try_failed,
    try_succeeded,
    count_
  };

  explicit Outliers(const Rules& rules);

 private:
  /// One endpoint. Never freed, since workers hold handles without counting them: what departed is
  /// used again, under another generation.
  struct Place;

 public:
  /// An endpoint as workers hold it. Valid as long as the Outliers; what is said of it once its
  /// place has another tenant is ignored.
  class Handle {
   public:
    Handle() = default;

   private:
    friend class Outliers;
    Place* place_ = nullptr;
    std::uint32_t generation_ = 0;
  };

  /// The handles of a set, in its order. The newest set says who counts for the share. `version`
  /// grows from one set to the next.
  [[nodiscard]] std::vector<Handle> adopt(std::span<const SocketAddress> endpoints,
                                          std::uint64_t version);

  /// Heeds what checks say, or nobody's (null). Again whenever what they say has changed.
  void heed(std::shared_ptr<const HealthBoard> checks);

  /// False: all are in and none asks to be spared.
  [[nodiscard]] bool any_to_avoid(TimePoint now) const {
    return out_.load(std::memory_order_relaxed) > 0 ||
           now.time_since_epoch().count() < spared_until_.load(std::memory_order_relaxed);
  }
  enum class Standing : std::uint8_t { in, spared, due, out, unhealthy };
  [[nodiscard]] Standing standing(Handle handle, TimePoint now) const;
  /// Of one that is out or due: true for one caller at a time, who is to settle it with
  /// `is_try`. One that never does blocks others for the time of an ejection.
  [[nodiscard]] bool claim(Handle handle, TimePoint now);

  struct Change {
    bool ejected = false;  ///< Or restored.
    Reason reason = Reason::none;
    std::chrono::nanoseconds out_for{0};
    CallWindow::Sums sums;
    std::uint32_t consecutive = 0;
  };
  /// How a call to it ended. `unsent`: nothing reached the app, since no connection could be made.
  std::optional<Change> settle(Handle handle, bool is_try, TimePoint now, Judgement judgement,
                               bool unsent, const Blame& blame);
  /// It has answered, whatever it said, what was asked of it so long ago (0: not known).
  void answered(Handle handle, TimePoint now, std::chrono::nanoseconds took);
  /// In the place of settle(), for a call that was given up by no fault of its own after it had
  /// `waited` for nothing but its answer. How long somebody waits is the caller's affair, and so is
  /// what is asked, so one says nothing. Evidence is a row of them
  ///  - that each waited for at least kPatience, and kPatienceTimes what answers usually take,
  ///  - while it answered nobody, from the first to the last,
  ///  - which began a patience apart, so that they are not one caller's at one moment,
  ///  - meanwhile another endpoint answered, and let nobody wait like that.
  std::optional<Change> unanswered(Handle handle, bool is_try, TimePoint now,
                                   std::chrono::nanoseconds waited, const Blame& blame);
  static constexpr std::chrono::milliseconds kPatience{250};
  static constexpr int kPatienceTimes = 5;
  /// So many at least, and no fewer than `consecutive`.
  static constexpr std::uint32_t kUnansweredRow = 5;
  /// It has asked, by an answer of this status, not to be called before then; others are preferred
  /// meanwhile, as long as with those that are left out no more of them are spared than may be left
  /// out at once, and never the last one (the only one is: its retries wait). True: a pause begins,
  /// and nobody was told of one for a while.
  [[nodiscard]] bool spare(Handle handle, TimePoint now, TimePoint until, std::uint16_t status);

  /// For admin and metrics, the control thread's.
  struct Entry {
    SocketAddress address;
    bool is_member = false;
    Standing standing = Standing::in;
    TimePoint until{};  ///< Out or spared until then.
    TimePoint since{};  ///< Out since then.
    Change last;        ///< The last ejection or return.
    Blame blame;        ///< Of the last ejection.
    std::uint32_t consecutive = 0;
    std::uint64_t ejections = 0;
    std::uint64_t pauses = 0;     ///< That it has asked for.
    TimePoint paused{};           ///< When the last one began.
    std::uint16_t paused_by = 0;  ///< The status that asked for it.
  };
  [[nodiscard]] std::vector<Entry> entries(TimePoint now) const;
  struct Totals {
    std::size_t ejected = 0;  ///< Members that are out or due.
    std::uint64_t withheld = 0;
    std::array<std::uint64_t, static_cast<std::size_t>(Reason::count_)> changes{};
    std::size_t spared = 0;  ///< Members that are in and have asked for a pause.
    std::uint64_t pauses = 0;
  };
  [[nodiscard]] Totals totals(TimePoint now) const;
  [[nodiscard]] const Rules& rules() const { return rules_; }

  ~Outliers();

 private:
  // Under mutex_.
  Place& place_for(const SocketAddress& address);
  /// `avoided`: of the members, this one not among them; in all `members`.
  struct Share {
    std::size_t members = 0;
    std::size_t avoided = 0;
  };
  [[nodiscard]] bool has_room(Share share) const;
  [[nodiscard]] static bool is_left_out(const Place& place);
  [[nodiscard]] bool may_eject() const;
  [[nodiscard]] bool may_spare(TimePoint now) const;
  void recall(TimePoint now);
  void heed_checks();
  void leave_out(Place& place, bool unhealthy);
  std::optional<Change> eject(Place& place, TimePoint now, Change change, const Blame& blame);
  Change restore(Place& place, TimePoint now);
  std::optional<Change> settle_try(Handle handle, TimePoint now, Judgement judgement,
                                   const Blame& blame);
  [[nodiscard]] std::optional<Change> reached(Place& place, TimePoint now, bool unsent) const;
  [[nodiscard]] std::chrono::nanoseconds patience() const;
  [[nodiscard]] bool another_answers(const Place& place, TimePoint since) const;

  const Rules rules_;
  std::atomic<std::uint32_t> out_{0};                  ///< Those that are unhealthy besides.
  std::atomic<std::int64_t> spared_until_{INT64_MIN};  ///< The latest of all.
  std::atomic<std::int64_t> usual_{
      0};  ///< What 95 % of the answers take, about; 0: nothing is known.

  mutable std::mutex mutex_;  // Guards everything below, and every change of state.
  std::shared_ptr<const HealthBoard> checks_;  ///< May be none.
  std::vector<std::unique_ptr<Place>> places_;
  std::map<SocketAddress, Place*> by_address_;
  std::uint64_t version_ = 0;
  std::uint64_t adoptions_ = 0;
  std::uint64_t withheld_ = 0;
  std::uint64_t pauses_ = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(Reason::count_)> changes_{};
};

[[nodiscard]] std::string_view name_of(Outliers::Standing standing);
[[nodiscard]] std::string_view name_of(Outliers::Reason reason);

}  // namespace epaulet::resilience
