#include "runtime/scope.h"

namespace epaulet {

void Scope::set_deadline(TimePoint at, const Error& why) {
  if (cancelled_) return;
  deadline_ = at;
  deadline_reason_ = why;
  loop_.timers().arm(*this, at);
}

std::optional<TimePoint> Scope::deadline() const {
  auto earliest = deadline_;
  for (const Scope* scope = parent_; scope != nullptr; scope = scope->parent_) {
    if (scope->deadline_ && (!earliest || *scope->deadline_ < *earliest))
      earliest = scope->deadline_;
  }
  return earliest;
}

void Scope::cancel(const Error& why) {
  if (cancelled_) return;
  cancelled_ = why;
  Timer::disarm();
  Cancellable::unlink();
  while (!waiters_.empty()) waiters_.pop_front().on_cancel(why);
}

}  // namespace epaulet
