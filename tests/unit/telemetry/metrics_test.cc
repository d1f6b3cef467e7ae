#include "telemetry/metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "records.h"
#include "telemetry/outcome.h"

namespace epaulet::telemetry {
namespace {

/// A reader of the text format, as strict as this test needs it: HELP and TYPE once, before the
/// samples of their family, and no sample twice.
struct Page {
  explicit Page(const std::string& text) {
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
      if (line.starts_with("# HELP ")) {
        const auto name = line.substr(7, line.find(' ', 7) - 7);
        EXPECT_TRUE(help.insert(name).second) << "twice: " << line;
      } else if (line.starts_with("# TYPE ")) {
        const auto end = line.find(' ', 7);
        EXPECT_TRUE(types.emplace(line.substr(7, end - 7), line.substr(end + 1)).second) << line;
      } else {
        read_sample(line);
      }
    }
  }
  void read_sample(const std::string& line) {
    const auto end = line.rfind(' ');
    const auto key = line.substr(0, end);
    EXPECT_TRUE(samples.emplace(key, std::stod(line.substr(end + 1))).second) << "twice: " << key;
    auto family = key.substr(0, key.find('{'));
    for (const char* suffix : {"_bucket", "_sum", "_count"}) {
      const auto base = family.substr(0, family.size() - std::string_view(suffix).size());
      if (family.ends_with(suffix) && types.contains(base)) family = base;
    }
    EXPECT_TRUE(types.contains(family)) << "no TYPE before " << line;
    EXPECT_TRUE(help.contains(family)) << "no HELP before " << line;
    if (types[family] == "counter") {
      EXPECT_TRUE(family.ends_with("_total")) << family;
    }
  }
  double value(const std::string& key) const {
    const auto found = samples.find(key);
    if (found == samples.end()) ADD_FAILURE() << "no sample " << key;
    return found == samples.end() ? -1 : found->second;
  }
  std::set<std::string> help;
  std::map<std::string, std::string> types;
  std::map<std::string, double> samples;
};

struct MetricsTest : testing::Test {
  Metrics::Sources sources() {
    Metrics::Sources from;
    from.shards = {&a, &b};
    from.log_writer = &writer;
    from.control = [this] { return control; };
    from.version = "0.1.0";
    return from;
  }
  Page page() { return Page(Metrics(sources()).text()); }
  LogWriter writer{-1};
  WorkerTelemetry a{writer.add_ring(), Random(1)};
  WorkerTelemetry b{writer.add_ring(), Random(2)};
  ControlMetrics control;
};

TEST_F(MetricsTest, adds_up_what_the_workers_counted) {
  a.report(exchange(), kWall);
  a.report(exchange(), kWall);
  b.report(exchange(), kWall);
  b.report(refused(ErrorCode::forbidden, 403), kWall);
  a.count(Counter::connections_accepted_inbound, 4);
  b.count(Counter::connections_accepted_inbound, 1);
  a.adjust(Gauge::connections_inbound, 3);
  b.adjust(Gauge::connections_inbound, -1);  // Never so, but modulo arithmetic must hold.
  const auto found = page();
  EXPECT_EQ(found.value("epaulet_requests_total{direction=\"inbound\",service=\"api2.default\","
                        "route=\"internal\",status=\"2xx\",outcome=\"ok\",tls=\"false\"}"),
            3);
  EXPECT_EQ(found.value("epaulet_requests_total{direction=\"inbound\",service=\"api2.default\","
                        "route=\"internal\",status=\"4xx\",outcome=\"forbidden\",tls=\"false\"}"),
            1);
  EXPECT_EQ(found.value("epaulet_connections_total{direction=\"inbound\"}"), 5);
  EXPECT_EQ(found.value("epaulet_connections_active{direction=\"inbound\"}"), 2);
}

TEST_F(MetricsTest, counts_connections_to_a_port_by_what_protects_them) {
  a.inbound_opened(8080, Protection::mesh);
  a.inbound_opened(8080, Protection::none);
  b.inbound_opened(8080, Protection::none);
  b.inbound_opened(9000, Protection::app_tls);
  a.inbound_closed(8080, Protection::none);
  const auto found = page();
  const auto total = [&](const std::string& labels) {
    return found.value("epaulet_inbound_connections_total{" + labels + "}");
  };
  const auto active = [&](const std::string& labels) {
    return found.value("epaulet_inbound_connections_active{" + labels + "}");
  };
  EXPECT_EQ(total(R"(port="8080",tls="mesh")"), 1);
  EXPECT_EQ(total(R"(port="8080",tls="none")"), 2);
  EXPECT_EQ(total(R"(port="9000",tls="app")"), 1);
  EXPECT_EQ(active(R"(port="8080",tls="mesh")"), 1);
  EXPECT_EQ(active(R"(port="8080",tls="none")"), 1);
}

TEST_F(MetricsTest, shows_how_it_stands_with_issuers) {
  ControlMetrics::Issuer issuer;
  issuer.name = "portal";
  issuer.keys = 2;
  issuer.fetched = WallTime(std::chrono::seconds(1'760'000'000));
  issuer.is_failing = true;
  issuer.fetches = {{"fetched", 3}, {"unreachable", 1}};
  control.issuers = {issuer};
  const auto found = page();
  EXPECT_EQ(found.value(R"(epaulet_issuer_keys{issuer="portal"})"), 2);
  EXPECT_EQ(found.value(R"(epaulet_issuer_keys_failing{issuer="portal"})"), 1);
  EXPECT_EQ(found.value(R"(epaulet_issuer_keys_fetched_timestamp_seconds{issuer="portal"})"),
            1'760'000'000);
  EXPECT_EQ(
      found.value(R"(epaulet_issuer_key_fetches_total{issuer="portal",result="unreachable"})"), 1);
}

TEST_F(MetricsTest, shows_how_it_stands_with_a_collector) {
  EXPECT_FALSE(page().samples.contains("epaulet_spans_waiting"));
  ControlMetrics::Spans spans;
  spans.exported = 7;
  spans.waiting = 2;
  spans.is_failing = true;
  spans.dropped = {{"queue_full", 3}, {"shutdown", 1}};
  spans.requests = {{"taken", 4}};
  control.spans = spans;
  a.count(Counter::spans_dropped_ring, 5);
  const auto found = page();
  EXPECT_EQ(found.value("epaulet_spans_exported_total"), 7);
  EXPECT_EQ(found.value("epaulet_spans_waiting"), 2);
  EXPECT_EQ(found.value("epaulet_span_export_failing"), 1);
  EXPECT_EQ(found.value(R"(epaulet_spans_dropped_total{reason="queue_full"})"), 3);
  EXPECT_EQ(found.value(R"(epaulet_spans_dropped_total{reason="ring_full"})"), 5);
  EXPECT_EQ(found.value(R"(epaulet_span_requests_total{result="taken"})"), 4);
}

TEST_F(MetricsTest, tells_grpc_calls_by_their_status) {
  auto call = exchange();
  for (const auto status : std::vector<std::uint8_t>{0, 14, 14}) {
    call.grpc_status = status;
    a.report(call, kWall);
  }
  a.report(exchange(), kWall);
  const auto found = page();
  const std::string labels =
      "direction=\"inbound\",service=\"api2.default\",route=\"internal\",status=\"2xx\",";
  const auto count = [&](const std::string& more) {
    return found.value("epaulet_requests_total{" + labels + more + "outcome=\"ok\",tls=\"false\"}");
  };
  EXPECT_EQ(count("grpc_status=\"0\","), 1);
  EXPECT_EQ(count("grpc_status=\"14\","), 2);
  EXPECT_EQ(count(""), 1);
}

TEST_F(MetricsTest, has_a_histogram_of_durations) {
  a.report(exchange(Direction::outbound, std::chrono::milliseconds(3)), kWall);
  b.report(exchange(Direction::outbound, std::chrono::milliseconds(300)), kWall);
  b.report(exchange(Direction::outbound, std::chrono::seconds(60)), kWall);
  const auto found = page();
  const std::string labels = "direction=\"outbound\",service=\"api2.default\",route=\"default\"";
  const auto bucket = [&](const std::string& bound) {
    return found.value("epaulet_request_duration_seconds_bucket{" + labels + ",le=\"" + bound +
                       "\"}");
  };
  EXPECT_EQ(bucket("0.0025"), 0);
  EXPECT_EQ(bucket("0.005"), 1);
  EXPECT_EQ(bucket("0.5"), 2);
  EXPECT_EQ(bucket("30"), 2);
  EXPECT_EQ(bucket("+Inf"), 3);
  EXPECT_EQ(found.value("epaulet_request_duration_seconds_count{" + labels + "}"), 3);
  EXPECT_NEAR(found.value("epaulet_request_duration_seconds_sum{" + labels + "}"), 60.303, 1e-6);
}

TEST_F(MetricsTest, counts_tunnels_apart_from_connections_that_never_got_so_far) {
  auto tunnel = connection(ConnectionRecord::Kind::tunnel, ErrorCode::none);
  tunnel.bytes_received = 7;
  tunnel.bytes_sent = 9;
  a.report(tunnel, kWall);
  a.report(connection(ConnectionRecord::Kind::handshake, ErrorCode::tls_peer_expired), kWall);
  const auto found = page();
  const std::string labels =
      "{direction=\"inbound\",service=\"api2.default\",outcome=\"ok\",tls=\"false\"}";
  EXPECT_EQ(found.value("epaulet_tunnels_total" + labels), 1);
  EXPECT_EQ(found.value("epaulet_tunnel_received_bytes_total" + labels), 7);
  EXPECT_EQ(found.value("epaulet_tunnel_sent_bytes_total" + labels), 9);
  EXPECT_EQ(
      found.value("epaulet_connections_failed_total{direction=\"inbound\","
                  "service=\"api2.default\",kind=\"handshake\",outcome=\"tls_peer_expired\"}"),
      1);
}

TEST_F(MetricsTest, shows_what_the_control_thread_knows) {
  using std::chrono::seconds;
  control.ready = true;
  control.workers = 2;
  control.config_version = 3;
  control.config_loaded = 3;
  control.config_rejected = 1;
  control.config_last_rejected = WallTime(seconds(1'760'000'100));
  control.identity_configured = control.identity_usable = true;
  control.identity_not_after = WallTime(seconds(1'760'086'400));
  control.dns_queries = {{"not_deployed", 5}};
  control.endpoints = {{"api2.default", 2}};
  control.pages = {{"admin", 1}};
  const auto found = page();
  EXPECT_EQ(found.value("epaulet_ready"), 1);
  EXPECT_EQ(found.value("epaulet_config_version"), 3);
  EXPECT_EQ(found.value("epaulet_config_reloads_total{result=\"rejected\"}"), 1);
  EXPECT_EQ(found.value("epaulet_config_last_reload_timestamp_seconds{result=\"rejected\"}"),
            1'760'000'100);
  EXPECT_EQ(found.samples.count("epaulet_config_last_reload_timestamp_seconds{result=\"loaded\"}"),
            0u);
  EXPECT_EQ(found.value("epaulet_identity_not_after_timestamp_seconds"), 1'760'086'400);
  EXPECT_EQ(found.value("epaulet_dns_queries_total{result=\"not_deployed\"}"), 5);
  EXPECT_EQ(found.value("epaulet_backend_endpoints{backend=\"api2.default\"}"), 2);
  EXPECT_EQ(found.value("epaulet_page_connections_refused_total{page=\"admin\"}"), 1);
}

TEST_F(MetricsTest, counts_what_our_own_pages_refuse) {
  auto from = sources();
  from.page_refusals = [] { return std::vector<Metrics::PageRefusals>{{"admin", 4}}; };
  const Page found(Metrics(std::move(from)).text());
  EXPECT_EQ(found.value("epaulet_page_requests_refused_total{page=\"admin\"}"), 4);
}

TEST_F(MetricsTest, says_nothing_of_an_identity_that_is_not_configured) {
  for (const auto& [key, value] : page().samples) {
    EXPECT_EQ(key.find("epaulet_identity"), std::string::npos) << key;
  }
}

TEST_F(MetricsTest, says_which_program_it_is_and_what_it_uses) {
  const auto found = page();
  bool has_build = false;
  for (const auto& [key, value] : found.samples) {
    has_build = has_build || key.starts_with("epaulet_build_info{version=\"0.1.0\"");
  }
  EXPECT_TRUE(has_build);
  EXPECT_GT(found.value("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(found.value("process_open_fds"), 3);
  EXPECT_GT(found.value("process_max_fds"), 3);
  EXPECT_GE(found.value("epaulet_listen_drops_total"), 0);
}

TEST_F(MetricsTest, has_a_row_for_every_counter_and_gauge_from_the_start) {
  const auto found = page();
  for (std::size_t i = 0; i < kCounters; ++i) {
    const auto& row = row_of(static_cast<Counter>(i));
    EXPECT_TRUE(found.types.contains(std::string(row.family))) << row.family;
    EXPECT_TRUE(row.family.starts_with("epaulet_") && row.family.ends_with("_total"));
    EXPECT_FALSE(row.help.empty() || row.help.ends_with('.')) << row.family;
  }
  for (std::size_t i = 0; i < kGauges; ++i) {
    EXPECT_TRUE(found.types.contains(std::string(row_of(static_cast<Gauge>(i)).family)));
  }
}

TEST_F(MetricsTest, counts_lines_that_nobody_took) {
  const auto found = page();
  EXPECT_EQ(found.value("epaulet_log_lines_dropped_total{reason=\"ring_full\"}"), 0);
  EXPECT_EQ(found.value("epaulet_log_lines_dropped_total{reason=\"write_failed\"}"), 0);
}

TEST_F(MetricsTest, stays_readable_whatever_is_in_a_name) {
  auto record = exchange();
  record.service = intern("a\"b\\c\nd\xFF");
  a.report(record, kWall);
  const auto found = page();  // It checks each line.
  EXPECT_GT(found.samples.size(), 20u);
}

}  // namespace
}  // namespace epaulet::telemetry
