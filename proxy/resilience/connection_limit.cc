#include "resilience/connection_limit.h"

#include <memory>

#include "runtime/event.h"

namespace epaulet::resilience {

ConnectionLimit::Permit ConnectionLimit::try_acquire() {
  if (waiting_.load(std::memory_order_relaxed) > 0) return {};
  auto in_use = in_use_.load(std::memory_order_relaxed);
  while (in_use < connections_max()) {
    if (in_use_.compare_exchange_weak(in_use, in_use + 1, std::memory_order_relaxed))
      return Permit(*this);
  }
  return {};
}

Task<Result<ConnectionLimit::Permit>> ConnectionLimit::acquire(Scope& scope) {
  // The event is shared with the posted wake-up: it may arrive after the waiter gave up.
  auto event = std::make_shared<Event>(scope.loop());
  Waiter waiter(*this);
  waiter.wake = [event, &loop = scope.loop()] { loop.post([event] { event->set(); }); };
  {
    const std::lock_guard lock(mutex_);
    // First announced, then looked: give_back() first counts down, then looks for waiters, so that
    // one of the two sees the other (sequentially consistent on both sides).
    const auto ahead = waiting_.fetch_add(1);
    auto in_use = in_use_.load();
    while (waiters_.empty() && in_use < connections_max()) {
      if (!in_use_.compare_exchange_weak(in_use, in_use + 1)) continue;
      waiting_.fetch_sub(1);
      co_return Permit(*this);
    }
    if (ahead >= pending_max()) {
      waiting_.fetch_sub(1);
      co_return Error(ErrorCode::limit_pending, Side::self, Stage::limit, Retry::never);
    }
    waiters_.push_back(waiter);
    waiter.queued = true;
  }
  const auto woken = co_await event->wait(scope);
  Permit permit = waiter.leave();
  if (woken && permit) co_return permit;
  // A permit that came too late is given back by its destructor, to the next in the queue.
  Error error = woken ? Error(ErrorCode::internal, Side::self, Stage::limit) : woken.error();
  if (error.stage == Stage::none) error.stage = Stage::limit;
  co_return error;
}

ConnectionLimit::Permit ConnectionLimit::Waiter::leave() {
  if (!std::exchange(queued, false)) return {};
  const std::lock_guard lock(limit.mutex_);
  if (granted) return Permit(limit);
  unlink();
  limit.waiting_.fetch_sub(1);
  return {};
}

void ConnectionLimit::give_back() {
  in_use_.fetch_sub(1);
  if (waiting_.load() == 0) return;
  const std::lock_guard lock(mutex_);
  grant();
}

void ConnectionLimit::grant() {
  auto in_use = in_use_.load();
  while (!waiters_.empty() && in_use < connections_max()) {
    if (!in_use_.compare_exchange_weak(in_use, in_use + 1)) continue;
    ++in_use;
    Waiter& waiter = waiters_.pop_front();
    waiting_.fetch_sub(1);
    waiter.granted = true;
    waiter.wake();
  }
}

void ConnectionLimit::change(std::uint32_t connections, std::uint32_t pending) {
  const std::lock_guard lock(mutex_);
  connections_max_.store(connections, std::memory_order_relaxed);
  pending_max_.store(pending, std::memory_order_relaxed);
  grant();
}

}  // namespace epaulet::resilience
