#include "upstream/pool.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "io/ops.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"
#include "tests/unit/upstream/recording_telemetry.h"

namespace epaulet::upstream {
namespace {

using namespace std::chrono_literals;
using resilience::ConnectionLimit;
using telemetry::Counter;
using telemetry::Gauge;
using test::SimLoop;

Task<void> write(ByteStream& stream, std::string text, Scope& scope) {
  const std::array<ConstBytes, 1> bytes{as_bytes(text)};
  (void)co_await write_all(stream, bytes, scope);
}
Task<void> read(ByteStream& stream, Scope& scope, std::optional<Result<std::size_t>>& result) {
  std::array<std::byte, 16> memory{};
  result = co_await read_some(stream, memory, scope);
}
Task<void> acquire(ConnectionLimit& limit, Scope& scope, bool& got) {
  const auto permit = co_await limit.acquire(scope);
  got = permit.has_value();
}

PoolKey key_of(telemetry::StringId backend, std::uint16_t port = 80) {
  PoolKey key;
  key.backend = backend;
  key.address = {IpAddress::v4(0x0A000001), port};
  return key;
}

class PoolTest : public testing::Test {
 protected:
  PoolTest() { pool_.emplace(loop_, telemetry_); }

  /// A new connection; the far end is kept in far_.
  ConnectionPtr connect(const PoolKey& key, ConnectionLimit::Permit permit = {}) {
    auto pair = test::make_stream_pair(loop_, loop_, random_, conditions_);
    far_.push_back(std::move(pair.b));
    return std::make_unique<Connection>(key, std::move(pair.a), http::http1::HeadLimits{},
                                        std::move(permit), telemetry_);
  }
  /// Puts a new one into the pool; returns its address, to be recognised by.
  Connection* put_new(const PoolKey& key) {
    auto connection = connect(key);
    auto* address = connection.get();
    pool_->put(std::move(connection));
    return address;
  }
  /// Whether our side has closed the connection with this far end.
  bool closed(std::size_t index) {
    std::optional<Result<std::size_t>> result;
    Scope scope(loop_);
    loop_.spawn(read(*far_[index], scope, result));
    loop_.run_until_quiet();
    if (result) return true;
    scope.cancel({ErrorCode::cancelled, Side::self, Stage::none});
    loop_.run_until_quiet();
    return false;
  }
  /// A new one is used again, and lost.
  void lose(const PoolKey& key) {
    put_new(key);
    const auto taken = pool_->take(key, false);
    ASSERT_NE(taken, nullptr);
    pool_->lost_in_use(*taken);
  }
  void peer_closes(std::size_t index) { far_[index].reset(); }

  SimLoop loop_;
  Random random_{1};
  Scope scope_{loop_};
  RecordingTelemetry telemetry_;
  test::NetworkConditions conditions_;
  std::vector<StreamPtr> far_;
  std::optional<Pool> pool_;
};

TEST_F(PoolTest, has_nothing_to_give_at_first) {
  EXPECT_EQ(pool_->take(key_of(1), false), nullptr);
  EXPECT_EQ(pool_->idle(), 0U);
}

TEST_F(PoolTest, keeps_no_more_than_it_may) {
  pool_->set_idle_max(2);
  put_new(key_of(1));
  put_new(key_of(2));
  put_new(key_of(3));
  EXPECT_EQ(pool_->idle(), 2U);
  EXPECT_TRUE(closed(2));
  EXPECT_NE(pool_->take(key_of(1), false), nullptr);
  put_new(key_of(3));
  EXPECT_NE(pool_->take(key_of(3), false), nullptr) << "there is room again";
}

TEST_F(PoolTest, gives_back_what_it_was_given) {
  auto* connection = put_new(key_of(1));
  EXPECT_EQ(pool_->idle(), 1U);
  EXPECT_EQ(telemetry_.gauge(Gauge::upstream_idle), 1);
  const auto taken = pool_->take(key_of(1), false);
  EXPECT_EQ(taken.get(), connection);
  EXPECT_TRUE(taken->reused);
  EXPECT_EQ(taken->key(), key_of(1));
  EXPECT_EQ(pool_->idle(), 0U);
  EXPECT_EQ(telemetry_.gauge(Gauge::upstream_idle), 0);
  EXPECT_EQ(telemetry_.counted(Counter::upstream_reused), 1U);
  EXPECT_EQ(pool_->take(key_of(1), false), nullptr);
}

TEST_F(PoolTest, gives_the_one_that_was_idle_for_the_shortest_time) {
  auto* older = put_new(key_of(1));
  loop_.advance(1s);
  auto* younger = put_new(key_of(1));
  const auto first = pool_->take(key_of(1), false);
  EXPECT_EQ(first.get(), younger);
  EXPECT_EQ(first->idle_since(), loop_.now());
  EXPECT_EQ(pool_->take(key_of(1), false).get(), older);
}

TEST_F(PoolTest, a_connection_serves_its_key_alone) {
  auto key = key_of(1);
  key.trust = 5;
  key.shape = 6;
  put_new(key);
  auto other = key;
  other.backend = 2;
  EXPECT_EQ(pool_->take(other, false), nullptr);
  other = key;
  other.address.port = 81;
  EXPECT_EQ(pool_->take(other, false), nullptr);
  other = key;
  other.address.ip = IpAddress::v4(0x0A000002);
  EXPECT_EQ(pool_->take(other, false), nullptr);
  other = key;
  other.trust = 0;  // Plaintext.
  EXPECT_EQ(pool_->take(other, false), nullptr);
  other = key;
  other.shape = 7;
  EXPECT_EQ(pool_->take(other, false), nullptr);
  other = key;
  std::swap(other.trust, other.shape);  // Hashes alike.
  EXPECT_EQ(pool_->take(other, false), nullptr);
  EXPECT_NE(pool_->take(key, false), nullptr);
}

TEST_F(PoolTest, keeps_one_for_55_seconds_and_not_longer) {
  put_new(key_of(1));
  loop_.advance(55s);
  EXPECT_EQ(pool_->idle(), 1U);
  auto connection = pool_->take(key_of(1), false);
  ASSERT_NE(connection, nullptr);
  pool_->put(std::move(connection));
  loop_.advance(56s);
  EXPECT_EQ(pool_->idle(), 0U);
  EXPECT_TRUE(closed(0));
  EXPECT_EQ(telemetry_.gauge(Gauge::upstream_idle), 0);
}

TEST_F(PoolTest, gives_none_that_is_too_old_before_the_sweep_has_seen_it) {
  loop_.advance(300ms);
  put_new(key_of(1));
  put_new(key_of(1));
  loop_.move_clock(loop_.now() + 55s + 1ns);
  EXPECT_EQ(pool_->take(key_of(1), false), nullptr);
  EXPECT_EQ(pool_->idle(), 0U);
  EXPECT_TRUE(closed(0) && closed(1));
}

TEST_F(PoolTest, is_cautious_for_a_request_that_cannot_be_sent_again) {
  put_new(key_of(1));
  loop_.advance(27s + 500ms);
  auto connection = pool_->take(key_of(1), true);
  ASSERT_NE(connection, nullptr);
  pool_->put(std::move(connection));
  loop_.advance(27s + 500ms + 1ns);
  EXPECT_EQ(pool_->take(key_of(1), true), nullptr);
}

TEST_F(PoolTest, a_connection_ends_with_the_certificate_it_was_made_under) {
  auto connection = connect(key_of(1));
  connection->rests_on.usable_until = loop_.now() + 10s;
  pool_->put(std::move(connection));
  loop_.advance(9s);
  connection = pool_->take(key_of(1), false);
  ASSERT_NE(connection, nullptr);
  pool_->put(std::move(connection));
  loop_.move_clock(loop_.now() + 1s);
  EXPECT_EQ(pool_->take(key_of(1), false), nullptr);
  EXPECT_TRUE(closed(0));

  connection = connect(key_of(1));
  connection->rests_on.usable_until = loop_.now() + 10s;
  pool_->put(std::move(connection));
  loop_.advance(11s);
  EXPECT_EQ(pool_->idle(), 0U);  // Swept.

  connection = connect(key_of(1));
  connection->rests_on.usable_until = loop_.now();
  pool_->put(std::move(connection));
  EXPECT_EQ(pool_->idle(), 0U);  // Not even taken.
}

TEST_F(PoolTest, each_connection_counts_as_active_or_idle_and_no_more_once_it_has_gone) {
  const auto expect = [this](std::int64_t active, std::int64_t idle) {
    EXPECT_EQ(telemetry_.gauge(Gauge::upstream_active), active);
    EXPECT_EQ(telemetry_.gauge(Gauge::upstream_idle), idle);
  };
  auto first = connect(key_of(1));
  auto second = connect(key_of(1));
  expect(2, 0);
  pool_->put(std::move(first));
  expect(1, 1);
  EXPECT_TRUE(pool_->give_back(std::move(second)));
  expect(0, 2);
  auto taken = pool_->take(key_of(1), false);
  expect(1, 1);
  taken.reset();
  expect(0, 1);
  EXPECT_TRUE(pool_->close_one(1));
  expect(0, 0);
}

TEST_F(PoolTest, one_that_the_peer_closes_leaves_at_once) {
  put_new(key_of(1));
  put_new(key_of(1));
  peer_closes(0);
  loop_.run_until_quiet();
  EXPECT_EQ(pool_->idle(), 1U);
  EXPECT_EQ(telemetry_.gauge(Gauge::upstream_idle), 1);
  EXPECT_NE(pool_->take(key_of(1), false), nullptr);
  EXPECT_EQ(pool_->take(key_of(1), false), nullptr);
}

TEST_F(PoolTest, one_that_the_peer_resets_leaves_at_once) {
  put_new(key_of(1));
  far_[0]->reset();
  peer_closes(0);
  loop_.run_until_quiet();
  EXPECT_EQ(pool_->idle(), 0U);
}

TEST_F(PoolTest, bytes_that_nobody_asked_for_spoil_a_connection) {
  put_new(key_of(1));
  loop_.spawn(write(*far_[0], "HTTP/1.1 408 ", scope_));
  loop_.run_until_quiet();
  EXPECT_EQ(pool_->idle(), 0U);
  EXPECT_TRUE(closed(0));
}

TEST_F(PoolTest, one_that_is_closed_already_is_not_kept) {
  auto connection = connect(key_of(1));
  peer_closes(0);
  pool_->put(std::move(connection));
  EXPECT_EQ(pool_->idle(), 0U);
  connection = connect(key_of(1));
  (void)connection->http.switch_to_bytes();
  pool_->put(std::move(connection));
  EXPECT_EQ(pool_->idle(), 0U);
  EXPECT_TRUE(closed(1));
}

TEST_F(PoolTest, a_close_that_has_not_been_read_yet_is_looked_for_after_a_while) {
  conditions_.delay_max = 1h;  // The news comes late, but lies in the socket.
  put_new(key_of(1));
  peer_closes(0);
  loop_.advance(5ms + 1ns);
  EXPECT_EQ(pool_->idle(), 1U);
  EXPECT_EQ(pool_->take(key_of(1), false), nullptr);
  EXPECT_EQ(telemetry_.counted(Counter::reuse_stale_dropped), 1U);
  EXPECT_EQ(telemetry_.counted(Counter::upstream_reused), 0U);
}

TEST_F(PoolTest, a_stale_one_does_not_hide_the_good_ones_behind_it) {
  conditions_.delay_max = 1h;
  auto* good = put_new(key_of(1));
  put_new(key_of(1));
  peer_closes(1);
  loop_.advance(10ms);
  EXPECT_EQ(pool_->take(key_of(1), false).get(), good);
}

TEST_F(PoolTest, learns_from_keep_alive_and_closes_before_the_peer_does) {
  put_new(key_of(1));
  pool_->learn(key_of(1), 5s);
  loop_.move_clock(loop_.now() + 4s);
  auto connection = pool_->take(key_of(1), false);
  ASSERT_NE(connection, nullptr);
  pool_->put(std::move(connection));
  loop_.move_clock(loop_.now() + 4s + 1ns);
  EXPECT_EQ(pool_->take(key_of(1), false), nullptr);
}

TEST_F(PoolTest, what_it_learns_stays_in_bounds) {
  pool_->learn(key_of(1), 1s);  // A second less would be nothing.
  put_new(key_of(1));
  loop_.move_clock(loop_.now() + 500ms);
  EXPECT_NE(pool_->take(key_of(1), false), nullptr);
  put_new(key_of(1));
  loop_.move_clock(loop_.now() + 500ms + 1ns);
  EXPECT_EQ(pool_->take(key_of(1), false), nullptr);

  pool_->learn(key_of(2), 1h);  // Ours is 55 s all the same.
  put_new(key_of(2));
  loop_.move_clock(loop_.now() + 55s + 1ns);
  EXPECT_EQ(pool_->take(key_of(2), false), nullptr);
}

TEST_F(PoolTest, a_peer_that_keeps_connections_for_ever_says_so_in_any_number) {
  for (const std::uint32_t seconds : {2147483647u, 4294967295u}) {
    pool_->learn(key_of(1), std::chrono::seconds(seconds));
    put_new(key_of(1));
    loop_.move_clock(loop_.now() + 50s);
    EXPECT_NE(pool_->take(key_of(1), false), nullptr) << seconds;
  }
}

TEST_F(PoolTest, learns_from_a_close_how_long_the_peer_waits) {
  put_new(key_of(1));
  loop_.advance(10s);
  peer_closes(0);
  loop_.run_until_quiet();
  put_new(key_of(1));
  loop_.move_clock(loop_.now() + 8s + 1ns);
  EXPECT_EQ(pool_->take(key_of(1), false), nullptr);
  put_new(key_of(2));  // Other endpoints are not concerned.
  loop_.move_clock(loop_.now() + 8s + 1ns);
  EXPECT_NE(pool_->take(key_of(2), false), nullptr);
}

TEST_F(PoolTest, a_close_soon_after_an_exchange_says_nothing_about_idle_time) {
  put_new(key_of(1));
  loop_.advance(1s);
  peer_closes(0);
  loop_.run_until_quiet();
  put_new(key_of(1));
  loop_.move_clock(loop_.now() + 50s);
  EXPECT_NE(pool_->take(key_of(1), false), nullptr);
}

TEST_F(PoolTest, keeps_none_for_a_while_of_a_peer_that_breaks_them_in_use) {
  const auto keeps = [this] {
    put_new(key_of(1));
    return pool_->take(key_of(1), false) != nullptr;
  };
  lose(key_of(1));
  loop_.move_clock(loop_.now() + 9s);
  lose(key_of(1));
  EXPECT_TRUE(keeps());
  loop_.move_clock(loop_.now() + 9s);
  lose(key_of(1));
  EXPECT_FALSE(keeps());
  EXPECT_FALSE(pool_->give_back(connect(key_of(1))));
  loop_.move_clock(loop_.now() + 10s - 1ns);
  EXPECT_FALSE(keeps());
  loop_.move_clock(loop_.now() + 1ns);
  EXPECT_TRUE(keeps());
  loop_.move_clock(loop_.now() + 9s);
  lose(key_of(1));  // Once is enough now,
  EXPECT_FALSE(keeps());
  loop_.move_clock(loop_.now() + 20s);
  lose(key_of(1));  // unless all was well for a while.
  EXPECT_TRUE(keeps());
}

TEST_F(PoolTest, losses_far_from_each_other_are_no_habit) {
  for (int i = 0; i < 20; ++i) {
    lose(key_of(1));
    loop_.move_clock(loop_.now() + 10s);
  }
  put_new(key_of(1));
  EXPECT_EQ(pool_->idle(), 1U);
}

TEST_F(PoolTest, of_a_peer_that_breaks_one_in_many_all_are_kept) {
  for (const auto& [exchanges, is_kept] : {std::pair(99, false), std::pair(101, true)}) {
    const auto key = key_of(static_cast<telemetry::StringId>(exchanges));
    for (int i = 0; i < 4; ++i) {
      for (int one = 1; one < exchanges; ++one) {
        put_new(key);
        (void)pool_->take(key, false);
        loop_.move_clock(loop_.now() + 1ms);
      }
      lose(key);
      if (!is_kept && i == 2) break;
    }
    const auto before = pool_->idle();
    put_new(key);
    EXPECT_EQ(pool_->idle() - before, is_kept ? 1U : 0U) << exchanges;
  }
}

TEST_F(PoolTest, what_is_lost_in_a_restart_is_one_loss) {
  std::vector<ConnectionPtr> used;
  for (int i = 0; i < 20; ++i) put_new(key_of(1));
  for (int i = 0; i < 20; ++i) used.push_back(pool_->take(key_of(1), false));
  for (const auto& one : used) {
    loop_.move_clock(loop_.now() + 100ms);
    pool_->lost_in_use(*one);
  }
  put_new(key_of(1));
  EXPECT_EQ(pool_->idle(), 1U);
}

TEST_F(PoolTest, those_that_rest_beside_one_that_is_lost_are_closed) {
  put_new(key_of(1));
  put_new(key_of(2));
  lose(key_of(1));
  EXPECT_EQ(pool_->idle(), 1U) << "that of another";
  EXPECT_TRUE(closed(0));
  EXPECT_FALSE(closed(1));
}

TEST_F(PoolTest, losses_are_forgotten_with_an_endpoint_that_has_no_connections) {
  lose(key_of(1));
  put_new(key_of(2));
  loop_.advance(9s);
  EXPECT_EQ(pool_->known(), 2U);
  loop_.advance(2s);
  EXPECT_EQ(pool_->known(), 1U);
}

TEST_F(PoolTest, keeps_so_many_for_an_endpoint_and_not_one_more) {
  for (std::size_t i = 0; i <= limits::kIdleConnectionsPerEndpointMax; ++i) put_new(key_of(1));
  EXPECT_EQ(pool_->idle(), limits::kIdleConnectionsPerEndpointMax);
  EXPECT_TRUE(closed(limits::kIdleConnectionsPerEndpointMax));
  EXPECT_FALSE(closed(0));
  put_new(key_of(2));
  EXPECT_EQ(pool_->idle(), limits::kIdleConnectionsPerEndpointMax + 1);
}

TEST_F(PoolTest, keeps_so_many_in_all_and_not_one_more) {
  for (std::size_t i = 0; i <= limits::kIdleConnectionsMax; ++i) {
    put_new(key_of(1 + static_cast<telemetry::StringId>(i % 32)));
  }
  EXPECT_EQ(pool_->idle(), limits::kIdleConnectionsMax);
  EXPECT_TRUE(closed(limits::kIdleConnectionsMax));
}

TEST_F(PoolTest, an_idle_connection_holds_its_permit_until_it_closes) {
  const auto limit = std::make_shared<ConnectionLimit>(2, 10);
  pool_->put(connect(key_of(1), limit->try_acquire()));
  EXPECT_EQ(limit->in_use(), 1U);
  auto connection = pool_->take(key_of(1), false);
  EXPECT_EQ(limit->in_use(), 1U);
  pool_->put(std::move(connection));
  EXPECT_TRUE(pool_->close_one(1));
  EXPECT_EQ(limit->in_use(), 0U);
}

TEST_F(PoolTest, keeps_none_while_somebody_waits_for_its_permit) {
  const auto limit = std::make_shared<ConnectionLimit>(1, 10);
  auto connection = connect(key_of(1), limit->try_acquire());
  bool got = false;
  loop_.spawn(acquire(*limit, scope_, got));
  pool_->put(std::move(connection));
  EXPECT_EQ(pool_->idle(), 0U);
  loop_.run_until_quiet();
  EXPECT_TRUE(got);
  EXPECT_EQ(limit->in_use(), 0U);
}

TEST_F(PoolTest, keeps_one_that_is_awaited_whoever_waits_for_a_permit) {
  const auto limit = std::make_shared<ConnectionLimit>(1, 10);
  auto connection = connect(key_of(1), limit->try_acquire());
  bool got = false;
  loop_.spawn(acquire(*limit, scope_, got));
  pool_->put(std::move(connection), true);
  EXPECT_EQ(pool_->idle(), 1U);
  pool_->take(key_of(1), false).reset();
  loop_.run_until_quiet();
  EXPECT_TRUE(got);
}

TEST_F(PoolTest, closes_the_longest_idle_one_of_a_backend_when_asked) {
  EXPECT_FALSE(pool_->close_one(1));
  put_new(key_of(2));
  put_new(key_of(1));
  loop_.advance(1s);
  auto* younger = put_new(key_of(1));
  EXPECT_TRUE(pool_->close_one(1));
  EXPECT_FALSE(closed(0));
  EXPECT_TRUE(closed(1));
  EXPECT_EQ(pool_->take(key_of(1), false).get(), younger);
  EXPECT_FALSE(pool_->close_one(1));
  EXPECT_EQ(pool_->idle(), 1U);
}

TEST_F(PoolTest, closes_what_is_no_longer_wanted) {
  put_new(key_of(1));
  put_new(key_of(1, 81));
  put_new(key_of(2));
  pool_->close_if([](const PoolKey& key) { return key.address.port == 80 && key.backend == 1; });
  EXPECT_TRUE(closed(0));
  EXPECT_FALSE(closed(1));
  EXPECT_FALSE(closed(2));
  EXPECT_EQ(pool_->idle(), 2U);
  EXPECT_EQ(pool_->known(), 2U);
}

TEST_F(PoolTest, remembers_of_an_endpoint_without_connections_only_what_it_learnt) {
  put_new(key_of(1));
  put_new(key_of(2));
  pool_->learn(key_of(2), 5s);
  loop_.advance(2 * Pool::kIdleMax);
  EXPECT_EQ(pool_->idle(), 0U);
  EXPECT_EQ(pool_->known(), 1U);
}

TEST_F(PoolTest, takes_its_connections_with_it) {
  put_new(key_of(1));
  put_new(key_of(2));
  pool_.reset();
  EXPECT_TRUE(closed(0) && closed(1));
  EXPECT_EQ(telemetry_.gauge(Gauge::upstream_idle), 0);
  EXPECT_EQ(loop_.timers().size(), 0U);
}

TEST_F(PoolTest, an_empty_one_arms_no_timer) {
  EXPECT_EQ(loop_.timers().size(), 0U);
  put_new(key_of(1));
  EXPECT_EQ(loop_.timers().size(), 1U);
  EXPECT_TRUE(pool_->close_one(1));
  loop_.advance(1s);
  EXPECT_EQ(loop_.timers().size(), 0U);
  put_new(key_of(1));
  EXPECT_EQ(loop_.timers().size(), 1U);
}

}  // namespace
}  // namespace epaulet::upstream
