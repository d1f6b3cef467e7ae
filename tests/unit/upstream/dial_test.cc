#include "upstream/dial.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "support/memory_network.h"
#include "support/sim_loop.h"
#include "telemetry/counters.h"
#include "tests/unit/upstream/recording_telemetry.h"
#include "upstream/handshake_counter.h"

namespace epaulet::upstream {
namespace {

using namespace std::chrono_literals;
using telemetry::Counter;
using telemetry::Event;
using test::SimLoop;

const SocketAddress kServer{IpAddress::v4(0x0A000002), 8080};

/// Says what the test told it to, and remembers how it was asked.
class ScriptedTls final : public MeshTls {
 public:
  Task<Result<Secured>> accept(StreamPtr, Scope&) override {
    co_return Error(ErrorCode::internal, Side::self, Stage::tls);
  }
  Task<Result<Secured>> connect(StreamPtr lower, std::span<const std::string> asked_identities,
                                const std::string& asked_name, detect::MeshProtocol asked_protocol,
                                Scope& scope) override {
    ++connects;
    identities.assign(asked_identities.begin(), asked_identities.end());
    server_name = asked_name;
    protocol = asked_protocol;
    auto until = scope.loop().now() + takes;
    const auto waited = co_await sleep_until(scope, until);
    if (!waited) co_return waited.error();
    if (failure) co_return *failure;
    Secured secured;
    secured.stream = std::move(lower);
    secured.peer_id = 77;
    secured.not_after = scope.loop().wall_now() + 1h;
    secured.resumed = resumed;
    co_return secured;
  }
  [[nodiscard]] std::uint64_t trust_generation() const override { return 9; }
  [[nodiscard]] bool trusts(const Sha256&) const override { return true; }

  std::optional<Error> failure;
  std::chrono::nanoseconds takes{0};
  bool resumed = false;
  int connects = 0;
  std::vector<std::string> identities;
  std::string server_name;
  detect::MeshProtocol protocol = detect::MeshProtocol::any;
};

Task<void> run_dial(Dialer& dialer, MeshTls& tls, telemetry::Telemetry& telemetry,
                    telemetry::Trace& trace, DialPlan plan, Scope& scope,
                    std::optional<Result<Dialled>>& result) {
  result = co_await dial(dialer, tls, telemetry, trace, std::move(plan), scope);
}

class DialTest : public testing::Test {
 protected:
  void start(bool mesh) {
    trace_.begin(loop_.now());
    DialPlan plan;
    plan.to = kServer;
    plan.mesh = mesh;
    if (mesh) plan.identities = &identities_;
    plan.server_name = "api2.default";
    plan.protocol = detect::MeshProtocol::http1;
    loop_.spawn(run_dial(*dialer_, tls_, telemetry_, trace_, plan, scope_, result_));
    loop_.run_until_quiet();
  }
  void listen() { listener_ = network_.listen(loop_, kServer); }
  Error error() {
    EXPECT_TRUE(result_ && !*result_);
    return result_->error();
  }

  SimLoop loop_;
  Scope scope_{loop_};
  test::MemoryNetwork network_{Random(1)};
  std::unique_ptr<Dialer> dialer_ = network_.dialer(loop_, IpAddress::v4(0x0A000001));
  std::unique_ptr<Listener> listener_;
  std::vector<std::string> identities_{"spiffe://td/a", "spiffe://td/b"};
  ScriptedTls tls_;
  RecordingTelemetry telemetry_;
  telemetry::Trace trace_;
  std::optional<Result<Dialled>> result_;
};

TEST_F(DialTest, plaintext_is_a_connection_and_nothing_else) {
  listen();
  start(false);
  ASSERT_TRUE(result_ && *result_);
  const Dialled& dialled = **result_;
  EXPECT_EQ(dialled.stream->info().peer, kServer);
  EXPECT_EQ(dialled.peer, 0U);
  EXPECT_EQ(dialled.trust, 0U);
  EXPECT_EQ(dialled.rests_on.usable_until, TimePoint::max());
  EXPECT_EQ(tls_.connects, 0);
  EXPECT_EQ(telemetry_.counted(Counter::upstream_dials), 1U);
  EXPECT_EQ(telemetry_.counted(Counter::upstream_dials_failed), 0U);
  ASSERT_EQ(trace_.size(), 1U);
  EXPECT_EQ(trace_[0].event, Event::connected);
}

TEST_F(DialTest, a_refused_connection_is_the_upstreams_and_safe_to_repeat) {
  start(false);
  EXPECT_EQ(error(),
            Error(ErrorCode::connect_refused, Side::upstream, Stage::connect, Retry::safe, 111));
  EXPECT_EQ(telemetry_.counted(Counter::upstream_dials_failed), 1U);
  EXPECT_EQ(trace_.size(), 0U);
}

TEST_F(DialTest, a_silent_address_ends_with_the_deadline) {
  network_.set_silent(kServer, true);
  scope_.set_deadline(loop_.now() + 1s, {ErrorCode::connect_timeout, Side::self, Stage::none});
  start(false);
  EXPECT_FALSE(result_);
  loop_.advance(1s);
  EXPECT_EQ(error(),
            Error(ErrorCode::connect_timeout, Side::upstream, Stage::connect, Retry::safe));
  EXPECT_EQ(telemetry_.counted(Counter::upstream_dials_failed), 1U);
}

TEST_F(DialTest, mesh_says_whom_it_expects_and_who_came) {
  listen();
  start(true);
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ(tls_.identities, identities_);
  EXPECT_EQ(tls_.server_name, "api2.default");
  EXPECT_EQ(tls_.protocol, detect::MeshProtocol::http1);
  const Dialled& dialled = **result_;
  EXPECT_NE(dialled.stream, nullptr);
  EXPECT_EQ(dialled.peer, 77U);
  EXPECT_EQ(dialled.trust, 9U);
  // Wall time became monotonic time, and an exchange is left a minute to end.
  EXPECT_EQ(dialled.rests_on.usable_until, loop_.now() + 59min);
  EXPECT_EQ(telemetry_.counted(Counter::handshakes_outbound), 1U);
  EXPECT_EQ(telemetry_.counted(Counter::handshakes_outbound_resumed), 0U);
  ASSERT_EQ(trace_.size(), 2U);
  EXPECT_EQ(trace_[1].event, Event::upstream_tls_done);
  EXPECT_EQ(trace_[1].a, 77U);
  EXPECT_EQ(trace_[1].b, 0U);
}

TEST_F(DialTest, a_resumed_handshake_is_counted_apart) {
  listen();
  tls_.resumed = true;
  start(true);
  EXPECT_EQ(telemetry_.counted(Counter::handshakes_outbound), 0U);
  EXPECT_EQ(telemetry_.counted(Counter::handshakes_outbound_resumed), 1U);
  EXPECT_EQ(trace_[1].b, 1U);
}

TEST_F(DialTest, a_failed_handshake_is_safe_to_repeat_and_never_becomes_plaintext) {
  listen();
  tls_.failure = Error(ErrorCode::tls_peer_untrusted, Side::self, Stage::tls, Retry::never, 48);
  tls_.failure->note = 123;
  start(true);
  Error expected(ErrorCode::tls_peer_untrusted, Side::upstream, Stage::tls, Retry::safe, 48);
  expected.note = 123;
  EXPECT_EQ(error(), expected);
  EXPECT_EQ(network_.connections_made(), 1U);
  EXPECT_EQ(tls_.connects, 1);
  EXPECT_EQ(telemetry_.counted(Counter::handshakes_failed_untrusted), 1U);
  EXPECT_EQ(telemetry_.counted(Counter::upstream_dials_failed), 0U);
  ASSERT_EQ(trace_.size(), 2U);
  EXPECT_EQ(trace_[1].event, Event::upstream_tls_failed);
  EXPECT_EQ(trace_[1].a, 123U);
}

TEST(HandshakeCounterTest, each_reason_has_its_label) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(HandshakeFailure::count_); ++i) {
    const auto failure = static_cast<HandshakeFailure>(i);
    const auto& row = telemetry::row_of(counter_of(failure));
    EXPECT_EQ(row.family, "epaulet_tls_handshakes_failed_total");
    EXPECT_EQ(row.value, name_of(failure));
  }
}

TEST_F(DialTest, a_stage_that_is_known_stays) {
  listen();
  tls_.failure = Error(ErrorCode::tls_not_configured, Side::self, Stage::config);
  start(true);
  EXPECT_EQ(error().stage, Stage::config);
}

TEST_F(DialTest, connection_and_handshake_share_one_deadline) {
  listen();
  tls_.takes = 2s;
  scope_.set_deadline(loop_.now() + 1s, {ErrorCode::connect_timeout, Side::self, Stage::none});
  start(true);
  loop_.advance(1s - 1ns);
  EXPECT_FALSE(result_);
  loop_.advance(1ns);
  EXPECT_EQ(error(), Error(ErrorCode::connect_timeout, Side::upstream, Stage::tls, Retry::safe));
}

}  // namespace
}  // namespace epaulet::upstream
