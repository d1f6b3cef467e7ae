#include "resilience/outliers.h"

#include <algorithm>
#include <cmath>

namespace epaulet::resilience {
namespace {

/// Endpoints that have left and are remembered, should they come back: at least so many.
constexpr std::size_t kRemembered = 16;
/// Whoever asks for a second with each answer is one line in the log in so long.
constexpr std::chrono::minutes kPauseToldEvery{1};

/// When an endpoint has answered last is known to so much, and one answer in so long says how long
/// they take: workers do not write to one place with each.
constexpr std::chrono::nanoseconds kAnswersApart = std::chrono::milliseconds(100);
/// A row of callers that waited in vain is one as long as this.
constexpr std::chrono::minutes kRowLasts{1};

constexpr std::int64_t kIn = 0;
constexpr std::int64_t kNever = INT64_MIN / 2;
constexpr TimePoint kLongAgo{std::chrono::nanoseconds(1)};

std::int64_t count_of(TimePoint time) {
  return time.time_since_epoch().count();
}

/// What about 95 % of the answers take, learnt from one after the other: up by two fifths with one
/// that took longer, down by a fiftieth with one that did not. 0 is nothing yet.
std::int64_t next_usual(std::int64_t usual, std::int64_t took) {
  if (usual == 0) return took;
  return took > usual ? std::min(took, usual + usual * 2 / 5 + 1)
                      : std::max(usual - usual / 50, std::int64_t{1});
}

}  // namespace

struct Outliers::Place {
  // Any thread.
  std::atomic<std::uint32_t> generation{0};
  std::atomic<std::int64_t> until{kIn};  ///< Not kIn: out until then, then due.
  std::atomic<bool> is_tried{false};     ///< Somebody has claimed it and not settled it yet.
  std::atomic<bool> unhealthy{false};    ///< Checks say so, and are heeded.
  std::atomic<std::int64_t> spared_until{INT64_MIN};
  std::atomic<std::uint32_t> consecutive{0};
  std::atomic<std::uint32_t> connect_failures{0};
  std::atomic<std::uint32_t> unanswered{0};    ///< The row of those who waited in vain.
  std::atomic<std::int64_t> answered{kNever};  ///< Last, to kAnswersApart.
  std::optional<CallWindow> window;            ///< If the rules have a ratio.

  // Under mutex_.
  SocketAddress address;
  bool is_member = false;
  std::uint64_t left = 0;  ///< Which adoption it left at.
  unsigned level = 0;      ///< How often the time was doubled.
  TimePoint since{};
  TimePoint due{};          ///< When its time is up, whoever may have tried it meanwhile.
  TimePoint tried{};        ///< When a try of it ended last.
  TimePoint row_began{};    ///< When the first of the row was asked that waited in vain,
  TimePoint row_last{};     ///< and the last.
  TimePoint waited_last{};  ///< When anybody gave up last who had waited for long.
  std::optional<TimePoint> restored;
  Change last;
  Blame blame;
  std::uint64_t ejections = 0;
  std::uint64_t pauses = 0;
  TimePoint paused{};
  std::uint16_t paused_by = 0;
  std::optional<TimePoint> told_of_pause;
};

Outliers::Outliers(const Rules& rules) : rules_(rules) {}
Outliers::~Outliers() = default;

Outliers::Rules::Rules(const OutlierSettings& settings)
    : enabled(settings.enabled),
      consecutive(settings.consecutive),
      connect_failures(settings.connect_failures),
      error_ratio(settings.error_ratio),
      min_requests(settings.min_requests),
      window(settings.window),
      eject_for(settings.eject_for),
      max_eject_for(settings.max_eject_for),
      max_ejected(settings.max_ejected),
      failures(FailureRules::of_outliers(settings.failures)) {}

std::string_view name_of(Outliers::Standing standing) {
  switch (standing) {
    case Outliers::Standing::in:
      return "in";
    case Outliers::Standing::spared:
      return "spared";
    case Outliers::Standing::due:
      return "due";
    case Outliers::Standing::out:
      return "out";
    case Outliers::Standing::unhealthy:
      return "unhealthy";
  }
  return "in";
}

std::string_view name_of(Outliers::Reason reason) {
  switch (reason) {
    case Outliers::Reason::consecutive:
      return "consecutive";
    case Outliers::Reason::connect_failures:
      return "connect_failures";
    case Outliers::Reason::error_ratio:
      return "error_ratio";
    case Outliers::Reason::unanswered:
      return "unanswered";
    case Outliers::Reason::try_failed:
      return "try_failed";
    case Outliers::Reason::try_succeeded:
      return "try_succeeded";
    case Outliers::Reason::none:
    case Outliers::Reason::count_:
      break;
  }
  return "none";
}

std::vector<Outliers::Handle> Outliers::adopt(std::span<const SocketAddress> endpoints,
                                              std::uint64_t version) {
  const std::lock_guard lock(mutex_);
  if (version >= version_) {
    version_ = version;
    ++adoptions_;
    for (const auto& place : places_) {
      if (std::exchange(place->is_member, false)) place->left = adoptions_;
    }
    for (const auto& address : endpoints) {
      if (const auto known = by_address_.find(address); known != by_address_.end())
        known->second->is_member = true;
    }
  }
  std::vector<Handle> handles;
  handles.reserve(endpoints.size());
  for (const auto& address : endpoints) {
    Place& place = place_for(address);
    if (version == version_) place.is_member = true;
    Handle handle;
    handle.place_ = &place;
    handle.generation_ = place.generation.load(std::memory_order_relaxed);
    handles.push_back(handle);
  }
  heed_checks();
  return handles;
}

void Outliers::heed(std::shared_ptr<const HealthBoard> checks) {
  const std::lock_guard lock(mutex_);
  checks_ = std::move(checks);
  heed_checks();
}

void Outliers::heed_checks() {
  for (const auto& place : places_)
    leave_out(*place, place->is_member && checks_ && checks_->is_left_out(place->address));
  // Nobody is left who is not out for one reason or the other: whoever was left out first is asked
  // again.
  const auto is_in = [](const auto& place) {
    return place->is_member && place->until.load(std::memory_order_relaxed) == kIn &&
           !place->unhealthy.load(std::memory_order_relaxed);
  };
  if (checks_ && std::none_of(places_.begin(), places_.end(), is_in)) recall(kLongAgo);
}

void Outliers::leave_out(Place& place, bool unhealthy) {
  if (place.unhealthy.exchange(unhealthy, std::memory_order_relaxed) == unhealthy) return;
  if (unhealthy) {
    out_.fetch_add(1, std::memory_order_relaxed);
  } else {
    out_.fetch_sub(1, std::memory_order_relaxed);
  }
}

Outliers::Place& Outliers::place_for(const SocketAddress& address) {
  if (const auto known = by_address_.find(address); known != by_address_.end())
    return *known->second;
  std::size_t departed = 0;
  Place* oldest = nullptr;
  for (const auto& place : places_) {
    if (place->is_member) continue;
    ++departed;
    if (oldest == nullptr || place->left < oldest->left) oldest = place.get();
  }
  if (departed <= std::max(kRemembered, places_.size() - departed)) {
    oldest = places_.emplace_back(std::make_unique<Place>()).get();
    if (rules_.error_ratio) oldest->window.emplace(rules_.window);
  } else {
    by_address_.erase(oldest->address);
    oldest->generation.fetch_add(1, std::memory_order_relaxed);
    if (oldest->until.exchange(kIn, std::memory_order_relaxed) != kIn)
      out_.fetch_sub(1, std::memory_order_relaxed);
    leave_out(*oldest, false);
    oldest->is_tried.store(false, std::memory_order_relaxed);
    oldest->spared_until.store(INT64_MIN, std::memory_order_relaxed);
    oldest->consecutive.store(0, std::memory_order_relaxed);
    oldest->connect_failures.store(0, std::memory_order_relaxed);
    oldest->unanswered.store(0, std::memory_order_relaxed);
    oldest->answered.store(kNever, std::memory_order_relaxed);
    oldest->waited_last = {};
    if (oldest->window) oldest->window->clear();
    oldest->left = 0;
    oldest->level = 0;
    oldest->tried = {};
    oldest->restored.reset();
    oldest->last = {};
    oldest->blame = {};
    oldest->ejections = 0;
    oldest->pauses = 0;
    oldest->paused_by = 0;
    oldest->told_of_pause.reset();
  }
  oldest->address = address;
  by_address_.emplace(address, oldest);
  return *oldest;
}

Outliers::Standing Outliers::standing(Handle handle, TimePoint now) const {
  const Place& place = *handle.place_;
  if (place.generation.load(std::memory_order_relaxed) != handle.generation_) return Standing::in;
  if (place.unhealthy.load(std::memory_order_relaxed)) return Standing::unhealthy;
  const auto until = place.until.load(std::memory_order_relaxed);
  if (until != kIn) return count_of(now) < until ? Standing::out : Standing::due;
  return count_of(now) < place.spared_until.load(std::memory_order_relaxed) ? Standing::spared
                                                                            : Standing::in;
}

bool Outliers::claim(Handle handle, TimePoint now) {
  Place& place = *handle.place_;
  auto until = place.until.load(std::memory_order_relaxed);
  if (until == kIn || place.generation.load(std::memory_order_relaxed) != handle.generation_)
    return false;
  if (!place.until.compare_exchange_strong(until, count_of(now + rules_.eject_for),
                                           std::memory_order_relaxed))
    return false;
  place.is_tried.store(true, std::memory_order_relaxed);
  return true;
}

std::optional<Outliers::Change> Outliers::settle(Handle handle, bool is_try, TimePoint now,
                                                 Judgement judgement, bool unsent,
                                                 const Blame& blame) {
  if (handle.place_ == nullptr || !rules_.enabled) return std::nullopt;
  if (is_try) return settle_try(handle, now, judgement, blame);
  Place& place = *handle.place_;
  // Somebody else has its place now.
  if (place.generation.load(std::memory_order_relaxed) != handle.generation_) return std::nullopt;
  // Begun before it was left out, and settled since.
  if (judgement == Judgement::no_evidence || place.until.load(std::memory_order_relaxed) != kIn)
    return std::nullopt;
  const bool failed = judgement == Judgement::failure;
  if (place.window) place.window->add(now, failed, false);
  if (!failed) {
    if (place.consecutive.load(std::memory_order_relaxed) != 0)
      place.consecutive.store(0, std::memory_order_relaxed);
    if (place.connect_failures.load(std::memory_order_relaxed) != 0)
      place.connect_failures.store(0, std::memory_order_relaxed);
    return std::nullopt;
  }
  place.consecutive.fetch_add(1, std::memory_order_relaxed);
  if (unsent) place.connect_failures.fetch_add(1, std::memory_order_relaxed);
  const auto change = reached(place, now, unsent);
  if (!change) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (place.generation.load(std::memory_order_relaxed) != handle.generation_ ||
      place.until.load(std::memory_order_relaxed) != kIn) {
    return std::nullopt;  // Another was first.
  }
  return eject(place, now, *change, blame);
}

void Outliers::answered(Handle handle, TimePoint now, std::chrono::nanoseconds took) {
  if (handle.place_ == nullptr || !rules_.enabled) return;
  Place& place = *handle.place_;
  if (place.generation.load(std::memory_order_relaxed) != handle.generation_) return;
  if (place.unanswered.load(std::memory_order_relaxed) != 0)
    place.unanswered.store(0, std::memory_order_relaxed);
  if (count_of(now - kAnswersApart) < place.answered.load(std::memory_order_relaxed)) return;
  place.answered.store(count_of(now), std::memory_order_relaxed);
  if (took.count() > 0)
    usual_.store(next_usual(usual_.load(std::memory_order_relaxed), took.count()),
                 std::memory_order_relaxed);
}

/// Who waited for less has said nothing of whom it waited for.
std::chrono::nanoseconds Outliers::patience() const {
  const std::chrono::nanoseconds usual(usual_.load(std::memory_order_relaxed));
  return std::max<std::chrono::nanoseconds>(kPatience, usual * kPatienceTimes);
}

/// Requests that take their time would be left waiting there as well.
bool Outliers::another_answers(const Place& place, TimePoint since) const {
  return std::any_of(places_.begin(), places_.end(), [&](const auto& other) {
    return other.get() != &place && other->is_member &&
           other->answered.load(std::memory_order_relaxed) > count_of(since) &&
           other->waited_last < since;
  });
}

std::optional<Outliers::Change> Outliers::unanswered(Handle handle, bool is_try, TimePoint now,
                                                     std::chrono::nanoseconds waited,
                                                     const Blame& blame) {
  const auto without = [&] {
    return settle(handle, is_try, now, Judgement::no_evidence, false, blame);
  };
  const auto least = patience();
  const bool is_known = usual_.load(std::memory_order_relaxed) != 0;
  if (handle.place_ == nullptr || !rules_.enabled || !is_known || waited < least) return without();
  const auto began = now - waited;
  Place& place = *handle.place_;
  std::unique_lock lock(mutex_);
  if (place.generation.load(std::memory_order_relaxed) != handle.generation_) return std::nullopt;
  place.waited_last = now;
  const auto silent_since = place.answered.load(std::memory_order_relaxed) + kAnswersApart.count();
  const bool was_silent = silent_since <= count_of(began);
  if (is_try) {
    const bool failed = was_silent && another_answers(place, began);
    lock.unlock();
    return settle_try(handle, now, failed ? Judgement::failure : Judgement::no_evidence, blame);
  }
  if (!was_silent || place.until.load(std::memory_order_relaxed) != kIn) return std::nullopt;
  auto row = place.unanswered.load(std::memory_order_relaxed);
  if (row > 0 && began - place.row_began > kRowLasts) row = 0;
  if (row > 0 && began < place.row_last + least) return std::nullopt;
  if (row == 0) place.row_began = began;
  place.row_last = began;
  place.unanswered.store(++row, std::memory_order_relaxed);
  if (row < std::max(rules_.consecutive, kUnansweredRow) ||
      !another_answers(place, place.row_began))
    return std::nullopt;
  Change change;
  change.reason = Reason::unanswered;
  change.consecutive = row;
  return eject(place, now, change, blame);
}

/// Why it is to be left out, if it is.
std::optional<Outliers::Change> Outliers::reached(Place& place, TimePoint now, bool unsent) const {
  Change change;
  change.consecutive = place.consecutive.load(std::memory_order_relaxed);
  if (unsent && place.connect_failures.load(std::memory_order_relaxed) >= rules_.connect_failures) {
    change.reason = Reason::connect_failures;
    return change;
  }
  if (change.consecutive >= rules_.consecutive) {
    change.reason = Reason::consecutive;
    return change;
  }
  if (!place.window) return std::nullopt;
  change.sums = place.window->sums(now);
  const auto& sums = change.sums;
  if (sums.calls < rules_.min_requests ||
      static_cast<double>(sums.failures) < *rules_.error_ratio * static_cast<double>(sums.calls))
    return std::nullopt;
  change.reason = Reason::error_ratio;
  return change;
}

bool Outliers::is_left_out(const Place& place) {
  return place.until.load(std::memory_order_relaxed) != kIn ||
         place.unhealthy.load(std::memory_order_relaxed);
}

/// Whether one more may be left out: within the share, but always one; never the last.
bool Outliers::has_room(Share share) const {
  const auto most =
      static_cast<std::size_t>(std::floor(rules_.max_ejected * static_cast<double>(share.members)));
  return share.avoided + 1 <= std::max<std::size_t>(most, 1) && share.avoided + 1 < share.members;
}

bool Outliers::may_eject() const {
  Share share;
  for (const auto& place : places_) {
    if (!place->is_member) continue;
    ++share.members;
    share.avoided += is_left_out(*place) ? 1 : 0;
  }
  return has_room(share);
}

/// Who fails is left out though others are spared, but who asks for a pause may have it only while
/// others serve.
bool Outliers::may_spare(TimePoint now) const {
  Share share;
  for (const auto& place : places_) {
    if (!place->is_member) continue;
    ++share.members;
    const bool is_spared = place->spared_until.load(std::memory_order_relaxed) > count_of(now);
    share.avoided += is_left_out(*place) || is_spared ? 1 : 0;
  }
  return share.members == 1 || has_room(share);
}

/// Somebody fails whose place is taken: another that is out may be well again. They take turns, so
/// that one that stays dead does not keep the others out; who was not tried yet, in the order in
/// which they would come back.
void Outliers::recall(TimePoint now) {
  Place* first = nullptr;
  const auto comes_before = [](const Place& one, const Place& other) {
    if (one.tried != other.tried) return one.tried < other.tried;
    return one.until.load(std::memory_order_relaxed) < other.until.load(std::memory_order_relaxed);
  };
  for (const auto& place : places_) {
    const auto until = place->until.load(std::memory_order_relaxed);
    const bool is_tried = place->is_tried.load(std::memory_order_relaxed) ||
                          place->unhealthy.load(std::memory_order_relaxed);
    if (!place->is_member || is_tried || until == kIn || until <= count_of(now)) continue;
    if (first == nullptr || comes_before(*place, *first)) first = place.get();
  }
  if (first != nullptr) first->until.store(count_of(now), std::memory_order_relaxed);
}

std::optional<Outliers::Change> Outliers::eject(Place& place, TimePoint now, Change change,
                                                const Blame& blame) {
  const bool is_out = place.until.load(std::memory_order_relaxed) != kIn;
  place.consecutive.store(0, std::memory_order_relaxed);
  place.connect_failures.store(0, std::memory_order_relaxed);
  place.unanswered.store(0, std::memory_order_relaxed);
  if (!is_out && (!place.is_member || !may_eject())) {
    ++withheld_;
    recall(now);
    return std::nullopt;
  }
  const bool is_again = is_out || (place.restored && now - *place.restored < rules_.max_eject_for);
  place.level = is_again ? place.level + 1 : 0;
  auto out_for = rules_.eject_for;
  for (unsigned i = 0; i < place.level && out_for < rules_.max_eject_for; ++i) out_for *= 2;
  change.ejected = true;
  change.out_for = std::min(out_for, rules_.max_eject_for);
  if (!is_out) {
    place.since = now;
    out_.fetch_add(1, std::memory_order_relaxed);
  }
  place.due = now + change.out_for;
  place.until.store(count_of(place.due), std::memory_order_relaxed);
  place.last = change;
  place.blame = blame;
  ++place.ejections;
  ++changes_[static_cast<std::size_t>(change.reason)];
  return change;
}

Outliers::Change Outliers::restore(Place& place, TimePoint now) {
  Change change;
  change.reason = Reason::try_succeeded;
  place.until.store(kIn, std::memory_order_relaxed);
  out_.fetch_sub(1, std::memory_order_relaxed);
  place.consecutive.store(0, std::memory_order_relaxed);
  place.connect_failures.store(0, std::memory_order_relaxed);
  place.unanswered.store(0, std::memory_order_relaxed);
  if (place.window) place.window->clear();
  place.restored = now;
  place.last = change;
  ++changes_[static_cast<std::size_t>(change.reason)];
  return change;
}

std::optional<Outliers::Change> Outliers::settle_try(Handle handle, TimePoint now,
                                                     Judgement judgement, const Blame& blame) {
  const std::lock_guard lock(mutex_);
  Place& place = *handle.place_;
  if (place.generation.load(std::memory_order_relaxed) != handle.generation_ ||
      place.until.load(std::memory_order_relaxed) == kIn) {
    return std::nullopt;
  }
  place.is_tried.store(false, std::memory_order_relaxed);
  place.tried = now;
  switch (judgement) {
    case Judgement::success:
      return restore(place, now);
    case Judgement::failure: {
      if (now < place.due) {  // Early, since others fail too: it says nothing against a later one.
        place.until.store(count_of(place.due), std::memory_order_relaxed);
        return std::nullopt;
      }
      Change change;
      change.reason = Reason::try_failed;
      return eject(place, now, change, blame);
    }
    case Judgement::no_evidence:
      place.until.store(count_of(now), std::memory_order_relaxed);  // The next one tries.
      return std::nullopt;
  }
  return std::nullopt;
}

bool Outliers::spare(Handle handle, TimePoint now, TimePoint until, std::uint16_t status) {
  if (handle.place_ == nullptr) return false;
  Place& place = *handle.place_;
  const std::lock_guard lock(mutex_);
  if (place.generation.load(std::memory_order_relaxed) != handle.generation_) return false;
  const bool asks_again = place.spared_until.load(std::memory_order_relaxed) > count_of(now);
  if (!asks_again && !may_spare(now)) return false;
  place.spared_until.store(count_of(until), std::memory_order_relaxed);
  auto latest = spared_until_.load(std::memory_order_relaxed);
  while (latest < count_of(until) &&
         !spared_until_.compare_exchange_weak(latest, count_of(until), std::memory_order_relaxed)) {
  }
  if (asks_again) return false;  // Within its pause.
  ++pauses_;
  ++place.pauses;
  place.paused = now;
  place.paused_by = status;
  if (place.told_of_pause && now - *place.told_of_pause < kPauseToldEvery) return false;
  place.told_of_pause = now;
  return true;
}

std::vector<Outliers::Entry> Outliers::entries(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> entries;
  for (const auto& [address, place] : by_address_) {
    Handle handle;
    handle.place_ = place;
    handle.generation_ = place->generation.load(std::memory_order_relaxed);
    Entry entry;
    entry.address = address;
    entry.is_member = place->is_member;
    entry.standing = standing(handle, now);
    const auto until = entry.standing == Standing::spared
                           ? place->spared_until.load(std::memory_order_relaxed)
                           : place->until.load(std::memory_order_relaxed);
    entry.until = TimePoint(TimePoint::duration(until));
    entry.since = place->since;
    entry.last = place->last;
    entry.blame = place->blame;
    entry.consecutive = place->consecutive.load(std::memory_order_relaxed);
    entry.ejections = place->ejections;
    entry.pauses = place->pauses;
    entry.paused = place->paused;
    entry.paused_by = place->paused_by;
    entries.push_back(entry);
  }
  return entries;
}

Outliers::Totals Outliers::totals(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  Totals totals;
  for (const auto& place : places_) {
    if (!place->is_member) continue;
    if (place->until.load(std::memory_order_relaxed) != kIn) {
      ++totals.ejected;
    } else if (place->spared_until.load(std::memory_order_relaxed) > count_of(now)) {
      ++totals.spared;
    }
  }
  totals.withheld = withheld_;
  totals.pauses = pauses_;
  totals.changes = changes_;
  return totals;
}

}  // namespace epaulet::resilience
