#include "telemetry/worker_telemetry.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "records.h"
#include "telemetry/explain.h"
#include "telemetry/outcome.h"
#include "telemetry/span_record.h"

namespace {

thread_local std::size_t allocations = 0;

}  // namespace

// The whole test binary counts its allocations, so that report() can be shown to make none.
// NOLINTBEGIN(misc-new-delete-overloads)
void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
// The library's temporary buffers come from this one and go back to the plain delete.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
// NOLINTEND(misc-new-delete-overloads)

namespace epaulet::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct WorkerTelemetryTest : testing::Test {
  std::vector<boost::json::object> lines() {
    const auto waiting = ring.waiting();
    std::string text(waiting.first);
    text += waiting.second;
    ring.release(waiting.size());
    std::vector<boost::json::object> found;
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = text.find('\n', begin);
      found.push_back(boost::json::parse(text.substr(begin, end - begin)).as_object());
      begin = end + 1;
    }
    return found;
  }
  void configure(double sample, bool access = true) {
    LogSettings log;
    log.access = access;
    log.access_sample = sample;
    shard.configure(log, ExplainSettings{});
  }
  std::size_t kept_exchanges() const {
    std::size_t count = 0;
    shard.kept().exchanges.for_each([&](const KeptExchange&) { ++count; });
    return count;
  }
  LogWake wake;
  LogRing ring{wake};
  WorkerTelemetry shard{ring, Random(1)};
};

TEST_F(WorkerTelemetryTest, logs_an_exchange_with_everything_that_may_be_known_of_it) {
  auto record = exchange(Direction::outbound);
  record.backend = intern("api2.default");
  record.peer = intern("spiffe://cluster.local/ns/default/sa/api2");
  record.mesh_tls = true;
  record.upstream = address("10.0.0.9:8080");
  record.response_bytes = 12;
  std::string_view("4bf92f3577b34da6a3ce929d0e0e4736").copy(record.trace_id.data(), 32);
  shard.report(record, kWall);
  const auto all = lines();
  ASSERT_EQ(all.size(), 1u);
  const auto expected = boost::json::parse(R"({
    "time": "2025-10-09T08:53:20.000000Z", "level": "info", "kind": "exchange",
    "id": "0123456789abcdef0123456789abcdef", "direction": "outbound", "service": "api2.default",
    "route": "default", "backend": "api2.default", "method": "GET", "status": 200,
    "outcome": "ok", "flag": "-", "duration_us": 2000, "upstream_us": 1900, "attempts": 1,
    "request_bytes": 0, "response_bytes": 12, "tls": true,
    "peer": "spiffe://cluster.local/ns/default/sa/api2", "endpoint": "10.0.0.9:8080",
    "downstream": "10.0.0.7:40000", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"})");
  EXPECT_EQ(all[0], expected.as_object());
}

TEST_F(WorkerTelemetryTest, a_grpc_call_is_judged_by_its_own_status) {
  auto call = exchange(Direction::outbound);
  for (const auto status : std::vector<std::uint8_t>{0, 5, 14}) {
    call.grpc_status = status;
    shard.report(call, kWall);
  }
  const auto all = lines();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].at("grpc_status").as_int64(), 0);
  EXPECT_EQ(all[1].at("level").as_string(), "info") << "not found: the caller asked for it";
  EXPECT_EQ(all[2].at("grpc_status").as_int64(), 14);
  EXPECT_EQ(all[2].at("level").as_string(), "warning");
  EXPECT_NE(all[2].at("summary").as_string().find("got gRPC status 14 for GET"), std::string::npos)
      << all[2].at("summary");
  EXPECT_EQ(kept_exchanges(), 1u);
}

TEST_F(WorkerTelemetryTest, logs_a_refusal_with_its_rule_and_reason) {
  shard.report(refused(ErrorCode::unauthenticated, 401), kWall);
  const auto all = lines();
  ASSERT_EQ(all.size(), 1u);
  const auto& line = all[0];
  EXPECT_EQ(line.at("level").as_string(), "warning");
  EXPECT_EQ(line.at("outcome").as_string(), "unauthenticated");
  EXPECT_EQ(line.at("flag").as_string(), "UAEX");
  EXPECT_EQ(line.at("stage").as_string(), "authorize");
  EXPECT_EQ(line.at("rule").at("name").as_string(), "internal");
  EXPECT_EQ(line.at("rule").at("source").as_string(), "api2.yaml:9:5");
  EXPECT_EQ(line.at("summary").as_string(),
            "inbound api2.default refused GET with 401: rule \"internal\" (api2.yaml:9:5) does not "
            "admit the anonymous caller");
}

TEST_F(WorkerTelemetryTest, logs_tunnels_and_refused_connections) {
  auto tunnel = connection(ConnectionRecord::Kind::tunnel, ErrorCode::none);
  tunnel.bytes_received = 10;
  tunnel.bytes_sent = 20;
  shard.report(tunnel, kWall);
  shard.report(connection(ConnectionRecord::Kind::handshake, ErrorCode::tls_peer_untrusted), kWall);
  const auto all = lines();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].at("kind").as_string(), "connection");
  EXPECT_EQ(all[0].at("bytes_sent").as_int64(), 20);
  EXPECT_EQ(all[0].at("destination").as_string(), "10.0.0.9:8080");
  EXPECT_EQ(all[1].at("kind").as_string(), "handshake");
  EXPECT_EQ(all[1].at("id").as_string(), "c0ffee");
  EXPECT_EQ(all[1].at("outcome").as_string(), "tls_peer_untrusted");
}

TEST_F(WorkerTelemetryTest, logs_dns_refusals_with_an_id_of_their_own) {
  shard.report(dns_refusal(), kStart, kWall);
  const auto all = lines();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].at("outcome").as_string(), "never_had_endpoint");
  EXPECT_EQ(all[0].at("service").as_string(), "api2.default");
  EXPECT_EQ(all[0].at("rcode").as_string(), "NXDOMAIN");
  EXPECT_EQ(all[0].at("id").as_string().size(), 32u);
}

TEST_F(WorkerTelemetryTest, samples_successes_and_logs_all_failures) {
  configure(0.25);
  for (int i = 0; i < 2000; ++i) shard.report(exchange(), kWall);
  const auto sampled = lines().size();
  EXPECT_GT(sampled, 400u);
  EXPECT_LT(sampled, 600u);
  configure(0);
  shard.report(exchange(), kWall);
  EXPECT_TRUE(lines().empty());
  shard.report(refused(ErrorCode::forbidden, 403), kWall);
  EXPECT_EQ(lines().size(), 1u);
}

TEST_F(WorkerTelemetryTest, writes_no_access_line_when_that_is_switched_off_but_still_explains) {
  configure(1, false);
  shard.report(refused(ErrorCode::forbidden, 403), kWall);
  shard.report(connection(ConnectionRecord::Kind::refused, ErrorCode::forbidden), kWall);
  EXPECT_TRUE(lines().empty());
  EXPECT_EQ(kept_exchanges(), 1u);
}

TEST_F(WorkerTelemetryTest, counts_lines_that_find_no_room) {
  while (ring.push(std::string(99, 'x') + "\n")) {
  }
  shard.report(exchange(), kWall);
  EXPECT_EQ(shard.metrics().value(Counter::log_lines_dropped), 1u);
}

TEST_F(WorkerTelemetryTest, keeps_failures_and_answers_of_500_and_above) {
  shard.report(exchange(), kWall);
  EXPECT_EQ(kept_exchanges(), 0u);
  auto not_found = exchange();
  not_found.status = 404;
  shard.report(not_found, kWall);
  EXPECT_EQ(kept_exchanges(), 0u) << "an app's 404 is its business";
  auto failed = exchange();
  failed.status = 500;
  shard.report(failed, kWall);
  EXPECT_EQ(kept_exchanges(), 1u);
  auto explained = exchange(Direction::outbound);
  explained.status = 403;
  explained.trace.add(kStart, Stage::receive, Event::upstream_reason,
                      intern_foreign("epaulet; error=http_request_denied"));
  shard.report(explained, kWall);
  EXPECT_EQ(kept_exchanges(), 2u);
  EXPECT_EQ(shard.metrics().value(Counter::explain_records), 2u);
}

TEST_F(WorkerTelemetryTest, keeps_what_is_slow_for_its_route) {
  for (int i = 0; i < 300; ++i) shard.report(exchange(), kWall);
  shard.report(exchange(Direction::inbound, seconds(1)), kWall);
  EXPECT_EQ(kept_exchanges(), 0u);
  shard.report(exchange(Direction::inbound, milliseconds(1001)), kWall);
  EXPECT_EQ(kept_exchanges(), 1u);
  shard.kept().exchanges.for_each([](const KeptExchange& kept) { EXPECT_TRUE(kept.slow); });
}

TEST_F(WorkerTelemetryTest, takes_the_users_word_for_what_is_slow) {
  ExplainSettings explain;
  explain.slow = milliseconds(50);
  shard.configure(LogSettings{}, explain);
  shard.report(exchange(Direction::inbound, milliseconds(50)), kWall);
  EXPECT_EQ(kept_exchanges(), 0u);
  shard.report(exchange(Direction::inbound, milliseconds(51)), kWall);
  EXPECT_EQ(kept_exchanges(), 1u);
  explain.slow = seconds(60);
  shard.configure(LogSettings{}, explain);
  shard.report(exchange(Direction::inbound, seconds(59)), kWall);
  EXPECT_EQ(kept_exchanges(), 1u);
}

TEST_F(WorkerTelemetryTest, does_not_call_an_upgrade_slow_because_its_tunnel_lived_long) {
  auto upgraded = exchange(Direction::inbound, milliseconds(5));
  upgraded.status = 101;
  upgraded.end = kStart + std::chrono::hours(3);
  shard.report(upgraded, kWall);
  EXPECT_EQ(kept_exchanges(), 0u);
}

TEST_F(WorkerTelemetryTest, keeps_a_bounded_number_of_each_kind) {
  for (std::size_t i = 0; i < 2 * limits::kExplainRecordsMax; ++i) {
    auto record = refused(ErrorCode::forbidden, 403);
    record.request_id.assign(std::to_string(i));
    shard.report(record, kWall);
    (void)lines();
  }
  EXPECT_EQ(kept_exchanges(), limits::kExplainRecordsMax);
  shard.kept().exchanges.for_each([](const KeptExchange& kept) {
    EXPECT_GE(std::stoul(std::string(kept.record.request_id.view())), limits::kExplainRecordsMax);
  });
}

TEST_F(WorkerTelemetryTest, allocates_nothing_for_a_success_once_it_has_seen_one_of_its_kind) {
  auto record = exchange(Direction::outbound);
  record.downstream = address("[fd00:e9a0:1234:5678:9abc:def0:1234:5678]:65535");
  record.rule = intern("internal");
  shard.report(record, kWall);
  const auto before = allocations;
  for (int i = 0; i < 100; ++i) {
    shard.report(record, kWall);
    shard.count(Counter::retries);
    shard.adjust(Gauge::exchanges_active, 1);
  }
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_EQ(lines().size(), 101u) << "with a log line each";

  const auto after = allocations;
  shard.report(refused(ErrorCode::forbidden, 403), kWall);
  EXPECT_GT(allocations, after) << "a failure's sentence allocates: so it is counted at all";
}

TEST_F(WorkerTelemetryTest, spans_take_no_memory_and_what_does_not_fit_is_counted) {
  LogRing spans(wake);
  shard.set_span_ring(spans);
  const SpanPlace place;
  const SpanDetails details{place, "/orders", "q=1", "api2.default"};
  auto record = exchange(Direction::outbound);
  record.trace_id.fill('1');
  record.span_id.fill('2');
  const auto before = allocations;
  shard.report(details, record, kWall);
  shard.report(details, record, kWall);
  EXPECT_EQ(allocations - before, 0u);
  const auto waiting = spans.waiting();
  const auto first = first_span(waiting.first);
  EXPECT_EQ(first.size() * 2, waiting.size());
  const Span span(first);
  EXPECT_EQ(span.path, "/orders");
  EXPECT_EQ(span.query, "q=1");
  EXPECT_EQ(span.host, "api2.default");
  EXPECT_EQ(span.record.status, 200);
  EXPECT_EQ(span.record.ids.span, 0x2222222222222222u);
  for (int i = 0; i < 10'000; ++i) shard.report(details, record, kWall);
  const auto dropped = shard.metrics().value(Counter::spans_dropped_ring);
  EXPECT_GT(dropped, 8'000u);
  EXPECT_EQ(spans.waiting().size() / first.size() + dropped, 10'002u);
}

TEST_F(WorkerTelemetryTest, keeps_failures_without_growing) {
  const auto record = refused(ErrorCode::forbidden, 403);
  for (std::size_t i = 0; i <= limits::kExplainRecordsMax; ++i) shard.report(record, kWall);
  configure(1, false);  // The sentence in the log line does allocate.
  const auto before = allocations;
  for (int i = 0; i < 100; ++i) shard.report(record, kWall);
  EXPECT_EQ(allocations - before, 0u);
}

TEST_F(WorkerTelemetryTest, has_bounded_metrics_whatever_the_names) {
  for (int i = 0; i < 5000; ++i) {
    auto record = exchange();
    record.service = intern("service " + std::to_string(i));
    shard.report(record, kWall);
    (void)lines();
  }
  EXPECT_EQ(shard.metrics().requests().size(), limits::kMetricCellsMax);
  EXPECT_EQ(shard.metrics().routes().size(), limits::kMetricCellsMax);
  std::uint64_t sum = 0;
  std::uint64_t overflow = 0;
  shard.metrics().requests().for_each([&](const RequestKey& key, const Cell& cell) {
    sum += cell.value();
    if (text_of(key.service) == "overflow") overflow = cell.value();
  });
  EXPECT_EQ(sum, 5000u) << "none is lost";
  EXPECT_EQ(overflow, 5000u - (limits::kMetricCellsMax - 1));
}

// For ThreadSanitizer: a scrape and an explain while the worker goes on.
TEST_F(WorkerTelemetryTest, is_read_while_it_works) {
  constexpr int kReports = 1500;
  configure(0);
  const Explain explain({&shard});
  std::atomic<bool> done{false};
  std::thread worker([&] {
    for (int i = 0; i < kReports; ++i) {
      auto record = refused(ErrorCode::forbidden, 403);
      record.request_bytes = record.response_bytes = static_cast<std::uint64_t>(i);
      record.request_id.assign(std::to_string(i % 10));
      shard.report(record, kWall);
      shard.report(exchange(), kWall);
    }
    done = true;
  });
  while (!done) {
    shard.kept().exchanges.for_each([](const KeptExchange& kept) {
      EXPECT_EQ(kept.record.request_bytes, kept.record.response_bytes) << "torn";
    });
    (void)explain.find("7");
    const auto waiting = ring.waiting();
    ring.release(waiting.size());
  }
  worker.join();
  EXPECT_EQ(kept_exchanges(), limits::kExplainRecordsMax);
}

}  // namespace
}  // namespace epaulet::telemetry
