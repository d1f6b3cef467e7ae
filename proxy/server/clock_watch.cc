#include "server/clock_watch.h"

#include <utility>

namespace epaulet::server {

std::optional<std::chrono::nanoseconds> ClockJumps::look(TimePoint now, WallTime wall_now) {
  const auto before = std::exchange(last_, apart(now, wall_now));
  const auto jump = last_ - before;
  if (jump > -kLeast && jump < kLeast) return std::nullopt;
  return jump;
}

ClockWatch::ClockWatch(Loop& loop, Told told)
    : loop_(loop), told_(std::move(told)), watched_(loop.now(), loop.wall_now()) {
  loop_.timers().arm(*this, loop_.now() + kLookEvery);
}

void ClockWatch::on_timer() {
  loop_.timers().arm(*this, loop_.now() + kLookEvery);
  const auto jump = watched_.look(loop_.now(), loop_.wall_now());
  if (!jump) return;
  ++jumps_;
  told_(*jump);
}

}  // namespace epaulet::server
