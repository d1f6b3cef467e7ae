#include "resilience/connection_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/asio_loop.h"
#include "support/sim_loop.h"

namespace epaulet::resilience {
namespace {

using namespace std::chrono_literals;
using Permit = ConnectionLimit::Permit;
using test::SimLoop;

const Error kLate{ErrorCode::connect_timeout, Side::upstream, Stage::none, Retry::safe};

/// Somebody who wants a permit and keeps it.
struct Caller {
  std::optional<Result<Permit>> result;
  [[nodiscard]] bool waits() const { return !result; }
  [[nodiscard]] bool has_permit() const { return result && *result && **result; }
};
Task<void> acquire(ConnectionLimit& limit, Scope& scope, Caller& caller) {
  caller.result = co_await limit.acquire(scope);
}

class ConnectionLimitTest : public testing::Test {
 protected:
  std::shared_ptr<ConnectionLimit> make(std::uint32_t connections, std::uint32_t pending) {
    return std::make_shared<ConnectionLimit>(connections, pending);
  }
  SimLoop loop_;
  Scope scope_{loop_};
};

TEST_F(ConnectionLimitTest, gives_so_many_permits_and_not_one_more) {
  const auto limit = make(2, 10);
  auto one = limit->try_acquire();
  auto two = limit->try_acquire();
  EXPECT_TRUE(one && two);
  EXPECT_EQ(limit->in_use(), 2U);
  EXPECT_FALSE(limit->try_acquire());
  EXPECT_EQ(limit->in_use(), 2U);
  one.release();
  one.release();
  EXPECT_EQ(limit->in_use(), 1U);
  EXPECT_TRUE(limit->try_acquire());  // And it goes back at once.
  EXPECT_EQ(limit->in_use(), 1U);
}

TEST_F(ConnectionLimitTest, a_permit_moves_and_goes_back_once) {
  const auto limit = make(3, 10);
  {
    auto one = limit->try_acquire();
    auto moved = std::move(one);
    EXPECT_FALSE(one);
    EXPECT_TRUE(moved);
    EXPECT_EQ(limit->in_use(), 1U);
    auto two = limit->try_acquire();
    two = std::move(moved);  // Gives its own back.
    EXPECT_EQ(limit->in_use(), 1U);
    auto& same = two;
    two = std::move(same);
    EXPECT_TRUE(two);
    EXPECT_EQ(limit->in_use(), 1U);
  }
  EXPECT_EQ(limit->in_use(), 0U);
}

TEST_F(ConnectionLimitTest, a_permit_keeps_its_limit_alive) {
  auto limit = make(1, 1);
  const std::weak_ptr<ConnectionLimit> watch = limit;
  auto permit = limit->try_acquire();
  limit.reset();  // The snapshot went, the connection goes on.
  EXPECT_FALSE(watch.expired());
  permit.release();
  EXPECT_TRUE(watch.expired());
}

TEST_F(ConnectionLimitTest, nobody_waits_while_a_permit_is_free) {
  const auto limit = make(1, 0);
  Caller caller;
  loop_.spawn(acquire(*limit, scope_, caller));
  EXPECT_TRUE(caller.has_permit());
  EXPECT_EQ(limit->waiting(), 0U);
}

TEST_F(ConnectionLimitTest, permits_come_in_the_order_of_asking) {
  const auto limit = make(1, 10);
  auto held = limit->try_acquire();
  Caller first;
  Caller second;
  loop_.spawn(acquire(*limit, scope_, first));
  loop_.spawn(acquire(*limit, scope_, second));
  EXPECT_TRUE(held.contended());
  EXPECT_EQ(limit->waiting(), 2U);
  held.release();
  EXPECT_TRUE(first.waits());      // Woken by a post to its own loop.
  EXPECT_EQ(limit->in_use(), 1U);  // Nobody can take it meanwhile.
  EXPECT_FALSE(limit->try_acquire());
  loop_.run_until_quiet();
  EXPECT_TRUE(first.has_permit());
  EXPECT_TRUE(second.waits());
  EXPECT_EQ(limit->in_use(), 1U);
  EXPECT_EQ(limit->waiting(), 1U);
  first.result.reset();
  loop_.run_until_quiet();
  EXPECT_TRUE(second.has_permit());
  EXPECT_FALSE(second.result->value().contended());
  EXPECT_EQ(limit->waiting(), 0U);
}

TEST_F(ConnectionLimitTest, whoever_comes_later_does_not_overtake_those_who_wait) {
  const auto limit = make(1, 10);
  auto held = limit->try_acquire();
  Caller waiter;
  loop_.spawn(acquire(*limit, scope_, waiter));
  EXPECT_FALSE(limit->try_acquire());
  held.release();
  EXPECT_FALSE(limit->try_acquire());
  Caller late;
  loop_.spawn(acquire(*limit, scope_, late));
  loop_.run_until_quiet();
  EXPECT_TRUE(waiter.has_permit());
  EXPECT_TRUE(late.waits());
  loop_.end_tasks();
}

TEST_F(ConnectionLimitTest, a_lower_limit_counts_the_connections_that_there_are) {
  const auto limit = make(3, 10);
  std::vector<Permit> held;
  for (int i = 0; i < 3; ++i) held.push_back(limit->try_acquire());
  EXPECT_FALSE(held[0].contended());
  limit->change(1, 10);
  EXPECT_EQ(limit->in_use(), 3U);
  EXPECT_EQ(limit->excess(), 2U);
  EXPECT_TRUE(held[0].contended());
  Caller waiter;
  loop_.spawn(acquire(*limit, scope_, waiter));
  held.pop_back();
  held.pop_back();
  loop_.run_until_quiet();
  EXPECT_TRUE(waiter.waits());
  EXPECT_EQ(limit->excess(), 0U);
  held.clear();
  loop_.run_until_quiet();
  EXPECT_TRUE(waiter.has_permit());
  EXPECT_EQ(limit->in_use(), 1U);
  EXPECT_FALSE(limit->try_acquire());
}

TEST_F(ConnectionLimitTest, a_higher_limit_is_for_those_who_wait_already) {
  const auto limit = make(1, 3);
  const auto held = limit->try_acquire();
  std::vector<Caller> callers(3);
  for (auto& caller : callers) loop_.spawn(acquire(*limit, scope_, caller));
  limit->change(3, 1);
  loop_.run_until_quiet();
  EXPECT_TRUE(callers[0].has_permit());
  EXPECT_TRUE(callers[1].has_permit());
  EXPECT_TRUE(callers[2].waits());
  EXPECT_EQ(limit->in_use(), 3U);
  EXPECT_TRUE(limit->is_crowded());
  limit->change(4, 1);
  loop_.run_until_quiet();
  EXPECT_TRUE(callers[2].has_permit());
  EXPECT_EQ(limit->waiting(), 0U);
}

TEST_F(ConnectionLimitTest, so_many_may_wait_and_not_one_more) {
  const auto limit = make(1, 2);
  auto held = limit->try_acquire();
  std::vector<Caller> callers(3);
  for (auto& caller : callers) loop_.spawn(acquire(*limit, scope_, caller));
  EXPECT_TRUE(callers[0].waits() && callers[1].waits());
  ASSERT_FALSE(callers[2].waits());
  EXPECT_EQ(callers[2].result->error(),
            Error(ErrorCode::limit_pending, Side::self, Stage::limit, Retry::never));
  EXPECT_EQ(limit->waiting(), 2U);
  held.release();
  loop_.run_until_quiet();
  Caller next;  // One place in the queue is free again.
  loop_.spawn(acquire(*limit, scope_, next));
  EXPECT_TRUE(next.waits());
  loop_.end_tasks();
}

TEST_F(ConnectionLimitTest, no_queue_means_an_answer_at_once) {
  const auto limit = make(1, 0);
  auto held = limit->try_acquire();
  Caller caller;
  loop_.spawn(acquire(*limit, scope_, caller));
  ASSERT_FALSE(caller.waits());
  EXPECT_EQ(caller.result->error().code, ErrorCode::limit_pending);
}

TEST_F(ConnectionLimitTest, a_deadline_ends_the_wait_and_names_the_stage) {
  const auto limit = make(1, 10);
  auto held = limit->try_acquire();
  Scope impatient(scope_);
  impatient.set_deadline(loop_.now() + 1s, kLate);
  Caller first;
  Caller second;
  loop_.spawn(acquire(*limit, impatient, first));
  loop_.spawn(acquire(*limit, scope_, second));
  loop_.advance(1s);
  ASSERT_FALSE(first.waits());
  EXPECT_EQ(first.result->error().code, ErrorCode::connect_timeout);
  EXPECT_EQ(first.result->error().stage, Stage::limit);
  EXPECT_EQ(limit->waiting(), 1U);
  held.release();
  loop_.run_until_quiet();
  EXPECT_TRUE(second.has_permit());
}

TEST_F(ConnectionLimitTest, a_permit_that_comes_too_late_goes_to_the_next) {
  const auto limit = make(1, 10);
  auto held = limit->try_acquire();
  Scope first_scope(scope_);
  Caller first;
  Caller second;
  loop_.spawn(acquire(*limit, first_scope, first));
  loop_.spawn(acquire(*limit, scope_, second));
  held.release();             // Granted to the first,
  first_scope.cancel(kLate);  // who has given up before it hears of it.
  loop_.run_until_quiet();
  ASSERT_FALSE(first.waits());
  EXPECT_FALSE(*first.result);
  EXPECT_TRUE(second.has_permit());
  EXPECT_EQ(limit->in_use(), 1U);
  EXPECT_EQ(limit->waiting(), 0U);
}

TEST_F(ConnectionLimitTest, whoever_is_destroyed_while_waiting_leaves_the_queue) {
  const auto limit = make(1, 10);
  auto held = limit->try_acquire();
  SimLoop other;
  Scope other_scope(other);
  Caller gone;
  Caller stays;
  other.spawn(acquire(*limit, other_scope, gone));
  loop_.spawn(acquire(*limit, scope_, stays));
  other.end_tasks();
  EXPECT_EQ(limit->waiting(), 1U);
  held.release();
  loop_.run_until_quiet();
  EXPECT_TRUE(stays.has_permit());
}

TEST_F(ConnectionLimitTest, whoever_is_destroyed_with_a_permit_on_its_way_gives_it_back) {
  const auto limit = make(1, 10);
  auto held = limit->try_acquire();
  Caller gone;
  loop_.spawn(acquire(*limit, scope_, gone));
  held.release();
  EXPECT_EQ(limit->in_use(), 1U);
  loop_.end_tasks();
  EXPECT_EQ(limit->in_use(), 0U);
  EXPECT_EQ(limit->waiting(), 0U);
  loop_.run_until_quiet();  // The wake-up finds nobody.
  EXPECT_TRUE(limit->try_acquire());
}

// --- many callers on many loops ----------------------------------------------------------------

struct Crowd {
  explicit Crowd(std::shared_ptr<ConnectionLimit> limit_) : limit(std::move(limit_)) {}
  std::shared_ptr<ConnectionLimit> limit;
  std::size_t served = 0;
  std::size_t refused = 0;
  std::size_t timed_out = 0;
};

Task<void> come_and_go(Loop& loop, Random& random, Crowd& crowd) {
  Scope scope(loop);
  auto begin = loop.now() + std::chrono::milliseconds(random.below(200));
  (void)co_await sleep_until(scope, begin);
  Scope waiting(scope);
  waiting.set_deadline(loop.now() + std::chrono::milliseconds(random.below(60)), kLate);
  auto permit = crowd.limit->try_acquire();
  if (!permit) {
    auto acquired = co_await crowd.limit->acquire(waiting);
    if (!acquired) {
      const bool full = acquired.error().code == ErrorCode::limit_pending;
      full ? ++crowd.refused : ++crowd.timed_out;
      co_return;
    }
    permit = std::move(*acquired);
  }
  EXPECT_LE(crowd.limit->in_use(), crowd.limit->connections_max());
  EXPECT_LE(crowd.limit->waiting(), crowd.limit->pending_max());
  ++crowd.served;
  auto until = loop.now() + std::chrono::milliseconds(random.below(30));
  (void)co_await sleep_until(scope, until);
}

TEST_F(ConnectionLimitTest, leaks_nothing_and_forgets_nobody_whatever_the_order) {
  Crowd sum(nullptr);
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    test::Simulation simulation(seed);
    Random random(seed);
    Crowd crowd(make(1 + static_cast<std::uint32_t>(random.below(4)),
                     static_cast<std::uint32_t>(random.below(10))));
    SimLoop* loops[] = {&simulation.add_loop(), &simulation.add_loop(), &simulation.add_loop()};
    constexpr std::size_t kCallers = 60;
    for (std::size_t i = 0; i < kCallers; ++i) {
      SimLoop& loop = *loops[i % 3];
      loop.spawn(come_and_go(loop, random, crowd));
    }
    ASSERT_TRUE(simulation.run(1h));
    ASSERT_EQ(crowd.served + crowd.refused + crowd.timed_out, kCallers);
    ASSERT_EQ(crowd.limit->in_use(), 0U);
    ASSERT_EQ(crowd.limit->waiting(), 0U);
    sum.served += crowd.served;
    sum.refused += crowd.refused;
    sum.timed_out += crowd.timed_out;
  }
  EXPECT_GT(sum.served, 0U);  // Each end was met.
  EXPECT_GT(sum.refused, 0U);
  EXPECT_GT(sum.timed_out, 0U);
}

struct Busy {
  std::shared_ptr<ConnectionLimit> limit;
  std::atomic<int> holding{0};
  std::atomic<int> most{0};
  std::atomic<int> rounds{0};
};

Task<void> take_many(AsioLoop& loop, Busy& busy, int rounds, std::size_t& left) {
  Scope scope(loop);
  for (int i = 0; i < rounds; ++i) {
    auto permit = busy.limit->try_acquire();
    if (!permit) {
      auto acquired = co_await busy.limit->acquire(scope);
      EXPECT_TRUE(acquired);
      permit = std::move(*acquired);
    }
    const int holding = ++busy.holding;
    int most = busy.most;
    while (holding > most && !busy.most.compare_exchange_weak(most, holding)) {
    }
    ++busy.rounds;
    if (i % 3 == 0) co_await next_turn(loop);
    --busy.holding;
  }
  if (--left == 0) loop.stop();
}

TEST_F(ConnectionLimitTest, is_one_number_for_all_threads) {
  constexpr int kThreads = 3;
  constexpr std::size_t kTasks = 8;
  constexpr int kRounds = 200;
  Busy busy;
  busy.limit = make(4, 1000);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&busy] {
      AsioLoop loop;
      std::size_t left = kTasks;
      for (std::size_t i = 0; i < kTasks; ++i) loop.spawn(take_many(loop, busy, kRounds, left));
      if (left > 0) loop.run();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(busy.rounds, kThreads * static_cast<int>(kTasks) * kRounds);
  EXPECT_LE(busy.most, 4);
  EXPECT_EQ(busy.limit->in_use(), 0U);
  EXPECT_EQ(busy.limit->waiting(), 0U);
}

}  // namespace
}  // namespace epaulet::resilience
