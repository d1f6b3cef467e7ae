#include "upstream/dial_gate.h"

namespace epaulet::upstream {

void DialGate::let_one_in(Lane& lane) {
  ++lane.busy;
  lane.waiting.pop_front().turn.set();
}

void DialGate::leave(Lane& lane) {
  --lane.busy;
  if (!lane.waiting.empty() && lane.busy < lane.at_once) let_one_in(lane);
}

Task<Result<DialGate::Turn>> DialGate::enter(PoolKey key, Scope& scope) {
  // Endpoints come and go.
  if (lanes_.size() > limits::kIdleConnectionsMax) {
    std::erase_if(lanes_, [](const auto& each) { return each.second.use_count() == 1; });
  }
  auto& found = lanes_[key];
  if (!found) found = std::make_shared<Lane>(at_once_);
  const std::shared_ptr<Lane> lane = found;
  if (lane->busy < at_once_) {
    ++lane->busy;
    co_return Turn(lane);
  }
  Waiter waiter(loop_);
  lane->waiting.push_back(waiter);
  const auto waited = co_await waiter.turn.wait(scope);
  Turn turn(waiter.turn.is_set() ? lane : nullptr);
  if (!waited) {
    // Let in when its time was up already: the next one gets what it was let in for.
    if (waiter.turn.is_set() && !lane->waiting.empty()) let_one_in(*lane);
    co_return waited.error();
  }
  co_return turn;
}

bool DialGate::is_waited_at(const PoolKey& key) const {
  const auto found = lanes_.find(key);
  return found != lanes_.end() && !found->second->waiting.empty();
}

bool DialGate::is_busy_at(const PoolKey& key) const {
  const auto found = lanes_.find(key);
  return found != lanes_.end() && (found->second->busy > 0 || !found->second->waiting.empty());
}

void DialGate::came_free(const PoolKey& key) {
  if (is_waited_at(key)) let_one_in(*lanes_.at(key));
}

}  // namespace epaulet::upstream
