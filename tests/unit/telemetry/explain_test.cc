#include "telemetry/explain.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <thread>

#include "records.h"
#include "telemetry/explain_json.h"

namespace epaulet::telemetry {
namespace {

using std::chrono::microseconds;

boost::json::array records(const std::string& page) {
  return boost::json::parse(page).as_object().at("records").as_array();
}

struct ExplainTest : testing::Test {
  LogWake wake;
  LogRing ring{wake};
  LogRing other_ring{wake};
  WorkerTelemetry shard{ring, Random(1)};
  WorkerTelemetry other{other_ring, Random(2)};
  Explain explain{{&shard, &other}};
};

TEST_F(ExplainTest, lists_all_shards_oldest_first) {
  other.report(connection(ConnectionRecord::Kind::tunnel, ErrorCode::upstream_reset),
               kWall + microseconds(2));
  shard.report(refused(ErrorCode::forbidden, 403), kWall + microseconds(3));
  shard.report(dns_refusal(), kStart, kWall + microseconds(1));
  const auto all = records(explain.all());
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].at("kind").as_string(), "dns");
  EXPECT_EQ(all[1].at("kind").as_string(), "connection");
  EXPECT_EQ(all[2].at("kind").as_string(), "exchange");
}

TEST_F(ExplainTest, finds_by_id_wherever_it_is) {
  shard.report(refused(ErrorCode::forbidden, 403), kWall);
  other.report(connection(ConnectionRecord::Kind::handshake, ErrorCode::tls_timeout), kWall);
  auto dns = dns_refusal();
  dns.id.assign("dns-1");
  other.report(dns, kStart, kWall);
  for (const char* id : {"0123456789abcdef0123456789abcdef", "c0ffee", "dns-1"}) {
    const auto page = explain.find(id);
    ASSERT_TRUE(page) << id;
    ASSERT_EQ(records(*page).size(), 1u);
    EXPECT_EQ(records(*page)[0].at("id").as_string(), id);
  }
  EXPECT_FALSE(explain.find("c0ffe"));
  EXPECT_FALSE(explain.find(""));
}

TEST_F(ExplainTest, finds_both_ends_of_a_pod_that_dials_itself) {
  shard.report(refused(ErrorCode::forbidden, 403), kWall);
  auto outbound = exchange(Direction::outbound);
  outbound.status = 500;
  other.report(outbound, kWall + microseconds(5));
  EXPECT_EQ(records(*explain.find("0123456789abcdef0123456789abcdef")).size(), 2u);
}

TEST_F(ExplainTest, of_a_refusal_says_all_that_is_asked_for) {
  auto record = refused(ErrorCode::forbidden, 403);
  record.peer = intern("spiffe://cluster.local/ns/default/sa/other");
  record.mesh_tls = true;
  shard.report(record, kWall);
  const auto expected = boost::json::parse(R"({
    "id": "0123456789abcdef0123456789abcdef", "kind": "exchange",
    "time": "2025-10-09T08:53:20.000000Z", "direction": "inbound", "service": "api2.default",
    "route": "internal", "method": "GET", "status": 403, "slow": false, "duration_us": 2000,
    "outcome": "forbidden", "stage": "authorize", "side": "downstream",
    "summary": "inbound api2.default refused GET with 403: rule \"internal\" (api2.yaml:9:5) does not admit spiffe://cluster.local/ns/default/sa/other",
    "remedy": "give the caller's identity or token one of the roles",
    "rule": {"name": "internal", "source": "api2.yaml:9:5"}, "tls": true,
    "peer": "spiffe://cluster.local/ns/default/sa/other", "downstream": "10.0.0.7:40000",
    "attempts": [],
    "events": [
      {"stage": "authenticate", "code": "authenticated", "at_us": 40, "token": false},
      {"stage": "authorize", "code": "denied", "at_us": 50, "rule": "internal",
       "source": "api2.yaml:9:5"},
      {"stage": "authorize", "code": "ended", "at_us": 60, "outcome": "forbidden"}]})");
  EXPECT_EQ(records(explain.all())[0].as_object(), expected.as_object());
}

TEST_F(ExplainTest, of_a_dns_refusal_says_what_was_asked) {
  auto refusal = dns_refusal();
  refusal.cause = ErrorCode::dns_name_unknown;
  shard.report(refusal, kStart, kWall);
  const auto record = records(explain.all())[0].as_object();
  EXPECT_EQ(record.at("service").as_string(), "api2.default");
  EXPECT_EQ(record.at("outcome").as_string(), "never_had_endpoint");
  EXPECT_EQ(record.at("summary").as_string(),
            "service api2.default is configured but has never had an endpoint (asked for A "
            "api2.default)");
  EXPECT_EQ(record.at("remedy").as_string(), "deploy it; it is looked for again every second");
  EXPECT_EQ(record.at("cause").as_string(), "dns_name_unknown");
}

TEST_F(ExplainTest, hands_on_the_reason_of_the_next_sidecar) {
  auto record = exchange(Direction::outbound);
  record.status = 401;
  record.trace.add(kStart, Stage::receive, Event::upstream_reason, intern("epaulet; error=x"));
  shard.report(record, kWall);
  EXPECT_EQ(records(explain.all())[0].at("reason_from_upstream").as_string(), "epaulet; error=x");
}

TEST_F(ExplainTest, stays_valid_json_whatever_peers_call_themselves) {
  auto dns = dns_refusal();
  dns.name = std::string_view("\xFF\"\n\x80x", 5);
  dns.summary = dns.name;
  shard.report(dns, kStart, kWall);
  auto record = exchange(Direction::outbound);
  record.status = 500;
  record.trace.add(kStart, Stage::receive, Event::upstream_reason, intern_foreign("\xC3("));
  shard.report(record, kWall);
  boost::system::error_code error;
  (void)boost::json::parse(explain.all(), error);
  EXPECT_FALSE(error) << error.message();
}

TEST(Attempts, are_told_apart_in_the_trace) {
  Trace trace;
  trace.begin(kStart);
  const auto at = [](int us) { return kStart + microseconds(us); };
  trace.add(at(1), Stage::route, Event::routed);
  trace.add(at(2), Stage::connect, Event::dialling, intern("10.0.0.1:80"));
  trace.add(at(3), Stage::connect, Event::attempt_failed,
            static_cast<std::uint32_t>(ErrorCode::connect_refused), 111);
  trace.add(at(4), Stage::send, Event::retry_decided, 25000);
  trace.add(at(5), Stage::connect, Event::connection_reused, 400);
  trace.add(at(6), Stage::receive, Event::response_head, 200);
  trace.add(at(9), Stage::relay, Event::body_done, 12);
  const auto attempts = attempts_of(trace, Error());
  const auto expected = boost::json::parse(R"([
    {"number": 1, "begun_us": 2, "endpoint": "10.0.0.1:80", "reused": false,
     "outcome": "connect_refused", "stage": "connect", "at_us": 3},
    {"number": 2, "begun_us": 5, "reused": true, "status": 200, "outcome": "ok", "at_us": 9}])");
  EXPECT_EQ(attempts, expected.as_array());
}

TEST(Events, keep_the_last_one_and_count_those_left_out) {
  Trace trace;
  trace.begin(kStart);
  for (std::size_t i = 0; i < limits::kTraceEventsMax + 5; ++i) {
    trace.add(kStart, Stage::send, Event::retry_decided, static_cast<std::uint32_t>(i));
  }
  const auto events = events_of(trace);
  ASSERT_EQ(events.size(), limits::kTraceEventsMax);
  EXPECT_EQ(events.back().at("backoff_us").as_uint64(), limits::kTraceEventsMax + 4);
}

TEST(RecordSlot, never_shows_a_torn_record) {
  struct Wide {
    std::array<std::uint64_t, 100> words;
  };
  RecordSlot<Wide> slot;
  EXPECT_FALSE(slot.read());
  constexpr std::uint64_t kRounds = 20000;
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= kRounds; ++i) {
      Wide wide;
      wide.words.fill(i);
      slot.write(wide);
    }
  });
  std::uint64_t newest = 0;
  while (newest < kRounds) {
    const auto wide = slot.read();
    if (!wide) continue;
    for (const auto word : wide->words) ASSERT_EQ(word, wide->words[0]);
    ASSERT_GE(wide->words[0], newest);
    newest = wide->words[0];
  }
  writer.join();
}

}  // namespace
}  // namespace epaulet::telemetry
