// One trace for an exchange through two sidecars, however it ends.

#include <map>

#include "base/ascii.h"
#include "scripts.h"

namespace epaulet::sim {
namespace {

using Spanned = RecordingTelemetry::Spanned;

constexpr const char* kExported =
    "tracing: { sample: 100%, otlp: { url: 'http://127.0.0.1:4318' } }\n";

MeshOptions traced(std::string service = "", const char* tracing = kExported) {
  MeshOptions options;
  options.service = std::move(service);
  options.calling = options.serving = tracing;
  options.workers = 2;
  return options;
}

std::vector<Spanned> spans_of(const Sidecar& sidecar) {
  std::vector<Spanned> all;
  for (const auto& worker : sidecar.workers)
    all.insert(all.end(), worker->telemetry.spans.begin(), worker->telemetry.spans.end());
  return all;
}

std::size_t in_flight(const Sidecar& sidecar) {
  telemetry::InFlight::Seen seen;
  sidecar.shared.in_flight.look(seen, TimePoint());
  return seen.count;
}

/// Each reported exchange is one span with an id of its own, and nothing is in flight any more.
void expect_whole(const Sidecar& sidecar) {
  const auto spans = spans_of(sidecar);
  EXPECT_EQ(spans.size(), sidecar.exchanges().size());
  std::set<std::array<char, 16>> ids;
  for (const auto& span : spans) {
    EXPECT_TRUE(ids.insert(span.record.span_id).second);
    EXPECT_NE(span.record.trace_id[0], '\0');
  }
  EXPECT_EQ(in_flight(sidecar), 0u);
}

/// Below each other.
void expect_one_trace(const Spanned& client, const Spanned& server) {
  EXPECT_EQ(server.record.trace_id, client.record.trace_id);
  EXPECT_EQ(server.parent_id, client.record.span_id);
  EXPECT_EQ(client.parent_id[0], '\0') << "it begins the trace";
}

TEST(Trace, an_exchange_is_a_clients_span_and_a_servers_below_it) {
  Mesh mesh(traced());
  const int id = mesh.add(request());
  mesh.call({id});
  mesh.wind_down();
  const auto clients = spans_of(mesh.api);
  const auto servers = spans_of(mesh.api2);
  ASSERT_EQ(clients.size(), 1u);
  ASSERT_EQ(servers.size(), 1u);
  expect_one_trace(clients[0], servers[0]);
  expect_whole(mesh.api2);
}

TEST(Trace, each_try_of_an_exchange_is_below_its_one_span) {
  Mesh mesh(traced("    timeouts: { request: 10s, attempt: 1s }\n"));
  const int id = mesh.add(request(), faulty(Fault::silence, 2));
  mesh.call({id});
  mesh.wind_down();
  const auto clients = spans_of(mesh.api);
  const auto servers = spans_of(mesh.api2);
  ASSERT_EQ(clients.size(), 1u);
  EXPECT_EQ(clients[0].record.attempts, 3);
  ASSERT_EQ(servers.size(), 3u);
  for (const auto& server : servers) expect_one_trace(clients[0], server);
  expect_whole(mesh.api2);
}

TEST(Trace, however_an_exchange_ends_it_is_told_once_and_has_left) {
  for (const auto fault : {Fault::silence, Fault::reset_before_response, Fault::close_in_body}) {
    for (const bool leaves : {false, true}) {
      Mesh mesh(traced("    timeouts: { request: 3s }\n    retries: { max: 0 }\n"));
      std::vector<int> ids;
      for (int i = 0; i < 5; ++i) {
        auto upload = request("PUT", body(Framing::chunked, 30'000, 1'000));
        upload.body.pause = milliseconds(leaves ? 30 : 0);
        if (leaves) {
          upload.abort = Abort::in_body;
          upload.abort_after = 10'000;
        }
        ids.push_back(mesh.add(upload, i == 4 ? answer() : faulty(fault)));
        mesh.call({ids.back()});
      }
      mesh.wind_down();
      expect_whole(mesh.api);
      expect_whole(mesh.api2);
      EXPECT_GT(spans_of(mesh.api).size(), 0u);
    }
  }
}

TEST(Trace, what_is_not_sampled_and_what_nobody_collects_is_no_span) {
  for (const auto* tracing : {"tracing: { sample: 0%, otlp: { url: 'http://127.0.0.1:4318' } }\n",
                              "tracing: { sample: 100% }\n"}) {
    Mesh mesh(traced("", tracing));
    const int id = mesh.add(request());
    mesh.call({id});
    mesh.wind_down();
    expect_delivered_once(mesh, id);
    EXPECT_TRUE(spans_of(mesh.api).empty() && spans_of(mesh.api2).empty());
    EXPECT_EQ(mesh.api.exchanges().at(0).trace_id, mesh.api2.exchanges().at(0).trace_id);
    EXPECT_EQ(in_flight(mesh.api2), 0u);
  }
}

constexpr const char* kTraceparent = "00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01";
constexpr const char* kUnsampled =
    "tracing: { sample: 0%, otlp: { url: 'http://127.0.0.1:4318' } }\n";

std::vector<std::string> values_of(const FieldList& fields, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [field, value] : fields) {
    if (equals_ignore_case(field, name)) values.push_back(value);
  }
  return values;
}

RequestScript saying(FieldList fields) {
  auto script = request();
  script.fields = std::move(fields);
  return script;
}

TEST(Trace, rules_read_a_request_as_it_came) {
  auto options = traced();
  options.access =
      "[ { name: traced, headers: [ { name: traceparent }, { name: b3 } ], allow: [anyone] } ]";
  Mesh mesh(options);
  const int id = mesh.add(saying({{"traceparent", kTraceparent}, {"b3", "0"}}));
  mesh.call_from_outside({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  EXPECT_EQ(spans_of(mesh.api2).size(), 1u);
}

TEST(Trace, what_an_outsider_says_makes_no_more_spans_than_we_sample) {
  auto options = traced("", kUnsampled);
  Mesh mesh(options);
  const int id = mesh.add(saying({{"traceparent", kTraceparent}}));
  mesh.call_from_outside({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  EXPECT_TRUE(spans_of(mesh.api2).empty());
  EXPECT_EQ(values_of(mesh[id].deliveries.at(0).request.fields, "traceparent"),
            std::vector<std::string>{kTraceparent})
      << "the app may think otherwise of it";
}

TEST(Trace, a_refused_peer_makes_no_more_spans_than_we_sample) {
  for (const bool allowed : {true, false}) {
    auto options = traced("", kUnsampled);
    if (!allowed) options.access = "[ { name: none, deny: [anyone] } ]";
    Mesh mesh(options);
    const int id = mesh.add(saying({{"traceparent", kTraceparent}}));
    mesh.call({id});
    mesh.wind_down();
    EXPECT_EQ(mesh[id].response.status(), allowed ? 200 : 403);
    EXPECT_EQ(spans_of(mesh.api).size(), 1u) << "its own app asked for it";
    EXPECT_EQ(spans_of(mesh.api2).size(), allowed ? 1u : 0u);
  }
}

TEST(Trace, the_state_of_another_trace_does_not_go_with_ours) {
  for (const bool others : {true, false}) {
    auto options = traced();
    options.calling = options.serving =
        "tracing: { sample: 100%, propagate: [b3, w3c], otlp: { url: 'http://127.0.0.1:4318' } }\n";
    Mesh mesh(options);
    FieldList fields{{"traceparent", kTraceparent}, {"tracestate", "vendor=1"}};
    if (others) fields.emplace_back("b3", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1");
    const int id = mesh.add(saying(fields));
    mesh.call({id});
    mesh.wind_down();
    expect_delivered_once(mesh, id);
    const auto& told = mesh[id].deliveries.at(0).request.fields;
    EXPECT_EQ(values_of(told, "traceparent").size(), 1u);
    EXPECT_EQ(values_of(told, "tracestate").size(), others ? 0u : 1u);
  }
}

TEST(Trace, what_an_app_was_not_let_finish_leaves_a_doubt) {
  Mesh mesh(traced("    timeouts: { request: 1s }\n    retries: { max: 0 }\n"));
  const auto is_certain = [&mesh](TimePoint now) {
    auto& in_flight = mesh.api2.shared.in_flight;
    telemetry::InFlight::Request asked;
    asked.ids = {1, 2, 3};
    asked.has_trace = true;
    const auto entry = in_flight.enter(asked, now);
    telemetry::InFlight::Seen seen;
    in_flight.look(seen, now);
    return seen.is_alone;
  };
  mesh.call({mesh.add(request())});
  ASSERT_TRUE(mesh.run());
  EXPECT_TRUE(is_certain(mesh.client_loop.now())) << "it was answered";
  mesh.call({mesh.add(request(), faulty(Fault::silence))});
  ASSERT_TRUE(mesh.run());
  mesh.pass(milliseconds(100));
  EXPECT_FALSE(is_certain(mesh.client_loop.now()));
  EXPECT_TRUE(is_certain(mesh.client_loop.now() + telemetry::InFlight::kDoubtFor));
  mesh.wind_down();
}

}  // namespace
}  // namespace epaulet::sim
