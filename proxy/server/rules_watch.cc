#include "server/rules_watch.h"

#include <utility>

#include "runtime/scope.h"
#include "runtime/timers.h"

namespace epaulet::server {

bool StandingRules::look(bool stands) {
  const auto before = stand_;
  in_vain_ = stands ? 0 : in_vain_ + 1;
  if (stands) stand_ = true;
  if (stand_ && in_vain_ >= kInVain) stand_ = false;
  return before.has_value() && before != stand_;
}

std::optional<bool> stand_by(ErrorCode dialled) {
  const bool is_ours = dialled == ErrorCode::descriptors_exhausted ||
                       dialled == ErrorCode::memory_exhausted ||
                       dialled == ErrorCode::connect_failed;
  if (is_ours) return std::nullopt;
  return dialled == ErrorCode::connect_refused;
}

struct RulesWatch::State {
  State(Loop& loop_, Dialer& dialer_, std::vector<SocketAddress> places_,
        std::function<void(bool)> told_)
      : loop(loop_),
        dialer(dialer_),
        places(std::move(places_)),
        told(std::move(told_)),
        scope(loop_) {}

  static Task<void> run(std::shared_ptr<State> state);

  Loop& loop;
  Dialer& dialer;
  const std::vector<SocketAddress> places;
  std::function<void(bool)> told;
  Scope scope;
  StandingRules rules;
};

Task<void> RulesWatch::State::run(std::shared_ptr<State> state) {
  auto& self = *state;
  for (;;) {
    std::optional<bool> stand = true;
    for (const auto& place : self.places) {
      Scope within(self.scope);
      within.set_deadline(self.loop.now() + kPatience,
                          {ErrorCode::connect_timeout, Side::self, Stage::connect});
      const auto dialled = co_await self.dialer.dial(place, within);
      if (self.scope.cancelled()) co_return;
      const auto told = stand_by(dialled ? ErrorCode::none : dialled.error().code);
      if (stand == true || told == false) stand = told;
    }
    if (stand && self.rules.look(*stand)) self.told(*stand);
    const auto pause = self.rules.is_in_doubt() ? kLookAgain : kLookEvery;
    const auto rested = co_await sleep_until(self.scope, self.loop.now() + pause);
    if (!rested) co_return;
  }
}

RulesWatch::RulesWatch(Loop& loop, Dialer& dialer, std::vector<SocketAddress> virtual_places,
                       std::function<void(bool stand)> told)
    : state_(std::make_shared<State>(loop, dialer, std::move(virtual_places), std::move(told))) {
  loop.spawn(State::run(state_));
}

RulesWatch::~RulesWatch() {
  state_->scope.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

std::optional<bool> RulesWatch::stand() const {
  return state_->rules.stand();
}

}  // namespace epaulet::server
