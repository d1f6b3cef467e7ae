#pragma once

#include <memory>
#include <unordered_map>

#include "runtime/event.h"
#include "upstream/pool.h"

namespace epaulet::upstream {

/// So many connections to one endpoint are in the making at a time; whoever comes then waits for
/// its turn. All handshakes of a storm begun at once would end too late, every one of them, and be
/// begun again; so the first ones end, and serve the others as well. One worker's.
class DialGate {
  struct Lane;

 public:
  /// May dial for as long as it lives.
  class Turn {
   public:
    Turn() = default;
    explicit Turn(std::shared_ptr<Lane> lane) : lane_(std::move(lane)) {}
    Turn(Turn&&) = default;
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (lane_) leave(*lane_);
    }

   private:
    std::shared_ptr<Lane> lane_;
  };

  DialGate(Loop& loop, std::size_t at_once) : loop_(loop), at_once_(at_once) {}

  /// First come, first served. Look into the pool again after it. Errors: the scope's.
  Task<Result<Turn>> enter(PoolKey key, Scope& scope);
  [[nodiscard]] bool is_waited_at(const PoolKey& key) const;
  /// Somebody has a turn, or waits for one.
  [[nodiscard]] bool is_busy_at(const PoolKey& key) const;
  /// A connection has come into the pool: the first who waits gets its turn.
  void came_free(const PoolKey& key);

 private:
  struct Waiter : ListNode {
    explicit Waiter(Loop& loop) : turn(loop) {}
    Event turn;
  };
  struct Lane {
    explicit Lane(std::size_t at_once_) : at_once(at_once_) {}
    const std::size_t at_once;
    std::size_t busy = 0;
    IntrusiveList<Waiter> waiting;
  };
  static void let_one_in(Lane& lane);
  static void leave(Lane& lane);

  Loop& loop_;
  const std::size_t at_once_;
  std::unordered_map<PoolKey, std::shared_ptr<Lane>, PoolKeyHash> lanes_;
};

}  // namespace epaulet::upstream
