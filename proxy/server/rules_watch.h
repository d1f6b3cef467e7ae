#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "io/dialer.h"
#include "runtime/loop.h"

namespace epaulet::server {

/// What a row of looks says: rules count as gone after two looks in vain, and only if they were
/// seen to stand before.
class StandingRules {
 public:
  static constexpr int kInVain = 2;

  /// True: whether they stand is another answer than before the look.
  bool look(bool stands);
  /// Nothing: they were never seen.
  [[nodiscard]] std::optional<bool> stand() const { return stand_; }
  /// The last look was in vain, and the next one decides.
  [[nodiscard]] bool is_in_doubt() const { return in_vain_ > 0 && in_vain_ < kInVain; }

 private:
  std::optional<bool> stand_;
  int in_vain_ = 0;
};

/// What a dial at a virtual address tells of the rules. Nothing: of us alone, who had no descriptor
/// or memory for it.
[[nodiscard]] std::optional<bool> stand_by(ErrorCode dialled);

/// Looks again and again whether the redirect rules still stand, by what they do to our own user:
/// what is dialled at a virtual address is refused by a rule. Without the rules it reaches whoever
/// listens at any address, or nobody. Control thread.
class RulesWatch {
 public:
  static constexpr std::chrono::seconds kLookEvery{10};
  static constexpr std::chrono::seconds kLookAgain{1};  ///< In doubt.
  static constexpr std::chrono::seconds kPatience{2};

  /// `virtual_places`: one of each family that is redirected, at a port at which this process
  /// listens on any address, since nobody else's refusal may be taken for the rule's. `told`: they
  /// are gone, or back.
  RulesWatch(Loop& loop, Dialer& dialer, std::vector<SocketAddress> virtual_places,
             std::function<void(bool stand)> told);
  RulesWatch(const RulesWatch&) = delete;
  RulesWatch& operator=(const RulesWatch&) = delete;
  ~RulesWatch();

  [[nodiscard]] std::optional<bool> stand() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // Shared with the coroutine, which ends later than this.
};

}  // namespace epaulet::server
