// Faults injected on purpose: when they end, and whom they are held against.

#include "scripts.h"

namespace epaulet::sim {
namespace {

MeshOptions with(const std::string& keys, const std::string& service = {}) {
  MeshOptions options;
  options.service = service + "    routes:\n      - { name: odd, " + keys + " }\n";
  return options;
}

TEST(Shaping, a_delay_holds_a_request_up_and_counts_within_its_time) {
  Mesh mesh(with("timeouts: { request: 2s }, fault: { delay: { time: 1500ms } }"));
  auto slow = answer();
  slow.think = milliseconds(400);
  const int in_time = mesh.add(request(), slow);
  auto slower = answer();
  slower.think = milliseconds(600);
  const int late = mesh.add(request(), slower);
  mesh.call({in_time});
  mesh.call({late});
  mesh.pass(milliseconds(1499));
  EXPECT_TRUE(mesh[in_time].deliveries.empty());
  mesh.pass(milliseconds(2));
  EXPECT_EQ(mesh[in_time].deliveries.size(), 1u);
  mesh.wind_down();
  EXPECT_EQ(mesh[in_time].response.status(), 200) << mesh.story(in_time);
  EXPECT_EQ(mesh[in_time].ended_at - mesh[in_time].sent_at, milliseconds(1900));
  EXPECT_EQ(mesh[late].response.status(), 504);
  EXPECT_EQ(outcome(mesh.api, late), ErrorCode::request_timeout);
  EXPECT_EQ(mesh.api.counted(Counter::faults_delayed), 2u);
}

TEST(Shaping, a_delay_beyond_the_time_ends_with_it_and_asks_nobody) {
  Mesh mesh(with("timeouts: { request: 1s }, fault: { delay: { time: 1m } }"));
  const int id = mesh.add(request("POST", body(Framing::length, 100)), answer());
  mesh.call({id});
  mesh.wind_down();
  expect_refused(mesh, id, 504);
  EXPECT_EQ(mesh[id].ended_at - mesh[id].sent_at, seconds(1));
  EXPECT_TRUE(mesh[id].deliveries.empty());
}

TEST(Shaping, who_has_left_is_held_up_no_longer) {
  Mesh mesh(with("fault: { delay: { time: 10s } }"));
  auto leaving = request();
  leaving.abort = Abort::waiting;
  leaving.abort_wait = seconds(1);
  const int id = mesh.add(leaving, answer());
  mesh.call({id});
  mesh.pass(milliseconds(999));
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 1);
  mesh.pass(milliseconds(2));
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 0);
  mesh.wind_down();
  EXPECT_TRUE(mesh[id].deliveries.empty());
}

TEST(Shaping, no_breaker_and_no_endpoint_answers_for_an_injected_failure) {
  Mesh mesh(with("fault: { headers: [ { name: x-chaos } ], abort: { status: 503 } }",
                 "    breaker: { consecutive: 1 }\n    outliers: { consecutive: 1 }\n"
                 "    retries: { max: 3, statuses: [503] }\n"));
  auto asked = request();
  asked.fields = {{"x-chaos", "1"}};
  std::vector<int> broken;
  for (int i = 0; i < 5; ++i) broken.push_back(mesh.add(asked, answer()));
  const int whole = mesh.add(request(), answer());
  mesh.call(broken);
  mesh.call({whole}, false, seconds(1));
  mesh.wind_down();
  for (const int id : broken) {
    expect_refused(mesh, id, 503);
    EXPECT_TRUE(mesh[id].deliveries.empty());
    EXPECT_EQ(outcome(mesh.api, id), ErrorCode::fault_injected);
  }
  expect_delivered_once(mesh, whole);
  EXPECT_EQ(mesh.api.counted(Counter::faults_aborted), 5u);
  EXPECT_EQ(mesh.api.counted(Counter::retries), 0u);
}

TEST(Shaping, a_fallback_stands_in_for_its_statuses) {
  for (const int status : {500, 404}) {
    Mesh mesh(with("fault: { abort: { status: " + std::to_string(status) +
                   " } }, fallback: { answer: { status: 203 } }"));
    const int id = mesh.add(request(), answer());
    mesh.call({id});
    mesh.wind_down();
    EXPECT_EQ(mesh[id].response.status(), status == 500 ? 203 : 404) << mesh.story(id);
  }
}

TEST(Shaping, a_call_of_grpc_without_a_deadline_has_its_time_less_the_delay) {
  Mesh mesh(with("timeouts: { request: 2s }, fault: { delay: { time: 1500ms } }"));
  auto call = request("POST", body(Framing::chunked, 10));
  call.http2 = true;
  call.grpc = true;
  auto slow = answer();
  slow.think = milliseconds(600);
  const int id = mesh.add(call, slow);
  mesh.call_http2(Mesh::kService, {id});
  mesh.wind_down();
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::request_timeout) << mesh.story(id);
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
}

}  // namespace
}  // namespace epaulet::sim
