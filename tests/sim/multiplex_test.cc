// Connections of HTTP/1.1 that streams of one mesh connection carry: `tls: { multiplex: true }`.

#include "scripts.h"

namespace epaulet::sim {
namespace {

MeshOptions multiplexed(std::string service = "") {
  MeshOptions options;
  options.multiplex = true;
  options.service = std::move(service);
  return options;
}

std::uint64_t handshakes(const Mesh& mesh) {
  return mesh.api.counted(Counter::handshakes_outbound);
}

std::vector<int> call_at_once(Mesh& mesh, int callers, const RequestScript& what,
                              const AnswerScript& answered,
                              std::chrono::nanoseconds start = milliseconds(0)) {
  std::vector<int> ids;
  for (int i = 0; i < callers; ++i) {
    ids.push_back(mesh.add(what, answered));
    mesh.call({ids.back()}, false, start);
  }
  return ids;
}

AnswerScript after(std::chrono::milliseconds think, AnswerScript answered = answer()) {
  answered.think = think;
  return answered;
}

TEST(Multiplex, many_callers_share_one_connection) {
  Mesh mesh(multiplexed());
  const auto ids = call_at_once(mesh, 100, request("POST", body(Framing::chunked, 5'000)),
                                after(milliseconds(500), answer(body(Framing::chunked, 3'000))));
  mesh.pass(milliseconds(400));
  EXPECT_EQ(mesh.api.gauge(Gauge::multiplexed_outbound), 100);
  EXPECT_EQ(mesh.api2.gauge(Gauge::multiplexed_inbound), 100);
  EXPECT_EQ(mesh.api2.gauge(Gauge::connections_inbound), 1);
  EXPECT_EQ(mesh.api.gauge(Gauge::upstream_active), 1);
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_EQ(handshakes(mesh), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::upstream_dials), 1u);
  EXPECT_EQ(mesh.api.gauge(Gauge::multiplexed_outbound), 0);
  EXPECT_EQ(mesh.api2.gauge(Gauge::multiplexed_inbound), 0);
  for (const auto& sidecar : {&mesh.api, &mesh.api2}) {
    for (const auto& record : sidecar->exchanges()) EXPECT_TRUE(record.multiplexed);
  }
}

TEST(Multiplex, without_the_key_nothing_is_shared) {
  MeshOptions options;
  Mesh mesh(options);
  const auto ids = call_at_once(mesh, 10, request(), after(milliseconds(500)));
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_EQ(handshakes(mesh), 10u);
  for (const auto& record : mesh.api.exchanges()) EXPECT_FALSE(record.multiplexed);
}

TEST(Multiplex, a_connection_that_is_carried_serves_one_request_after_the_other) {
  Mesh mesh(multiplexed());
  std::vector<int> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(mesh.add(request(), answer()));
  mesh.call(ids);
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_EQ(mesh.api.counted(Counter::multiplexed_outbound), 1u);
  EXPECT_EQ(mesh.api2.counted(Counter::multiplexed_inbound), 1u);
}

TEST(Multiplex, who_finds_every_stream_taken_dials_another_connection) {
  Mesh mesh(multiplexed());
  const auto ids = call_at_once(mesh, 200, request(), after(milliseconds(500)));
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_EQ(handshakes(mesh), 2u);
}

TEST(Multiplex, limits_count_connections_and_not_what_they_carry) {
  Mesh mesh(multiplexed("    limits: { connections: 1 }\n"));
  const auto ids = call_at_once(mesh, 200, request(), after(milliseconds(100)));
  mesh.pass(milliseconds(50));
  EXPECT_EQ(mesh.api.permits(), 1u);
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_EQ(handshakes(mesh), 1u);
}

TEST(Multiplex, a_connection_whose_streams_rest_makes_room_for_another_endpoint) {
  auto options =
      multiplexed("    limits: { connections: 1 }\n    balance: { policy: round_robin }\n");
  options.endpoints = "10.0.0.2:8080, 10.0.0.2:8081";
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
  Mesh mesh(options);
  std::vector<int> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(mesh.add(request(), answer()));
  mesh.call(ids);
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_EQ(handshakes(mesh), 6u);
}

TEST(Multiplex, a_waiting_endpoint_gets_the_permit_once_the_others_streams_are_done) {
  auto options = multiplexed("    limits: { connections: 1 }\n");
  options.endpoints = "10.0.0.2:8080, 10.0.0.2:8081";
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
  Mesh mesh(options);
  const auto ids = call_at_once(mesh, 12, request(), after(milliseconds(300)));
  mesh.wind_down();
  for (const int id : ids) {
    expect_delivered_once(mesh, id);
    EXPECT_LT(mesh[id].head_at - mesh[id].sent_at, seconds(2));
  }
}

TEST(Multiplex, one_that_rests_beside_one_that_ends_keeps_no_permit_from_who_waits) {
  Mesh mesh(multiplexed("    limits: { connections: 1 }\n"));
  const int quick = mesh.add(request(), after(milliseconds(100)));
  const int slow = mesh.add(request(), after(milliseconds(600)));
  mesh.call({quick});
  mesh.call({slow});
  auto asked = request();
  asked.http2 = true;
  const int waits = mesh.add(asked, answer());
  Http2Calling calling;
  calling.start = milliseconds(300);
  mesh.call_http2(Mesh::kService, {waits}, calling);
  mesh.wind_down();
  for (const int id : {quick, slow, waits}) expect_delivered_once(mesh, id);
  EXPECT_LT(mesh[waits].head_at - mesh[waits].sent_at, seconds(2)) << mesh.story(waits);
}

TEST(Multiplex, a_sidecar_that_does_not_know_it_gets_connections_of_their_own) {
  auto options = multiplexed();
  options.knows_multiplexing = false;
  Mesh mesh(options);
  const auto ids =
      call_at_once(mesh, 30, request("POST", body(Framing::length, 700)), after(milliseconds(500)));
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_EQ(handshakes(mesh), 30u);
  EXPECT_EQ(mesh.api.counted(Counter::multiplexed_outbound), 0u);
  for (const auto& record : mesh.api.exchanges()) {
    EXPECT_FALSE(record.multiplexed);
    EXPECT_TRUE(record.mesh_tls);
  }
}

TEST(Multiplex, one_caller_who_does_not_read_holds_up_nobody) {
  Mesh mesh(multiplexed());
  auto stalls = request();
  stalls.abort = Abort::in_response;
  stalls.abort_after = 10;
  stalls.abort_wait = seconds(5);
  const int stalled = mesh.add(stalls, answer(body(Framing::length, 4'000'000)));
  mesh.call({stalled});
  const auto ids =
      call_at_once(mesh, 10, request(), answer(body(Framing::length, 300'000)), milliseconds(500));
  mesh.wind_down();
  for (const int id : ids) {
    expect_delivered_once(mesh, id);
    EXPECT_LT(mesh[id].head_at - mesh[id].sent_at, seconds(1));
  }
  EXPECT_EQ(handshakes(mesh), 1u);
}

TEST(Multiplex, callers_who_give_up_cost_their_streams_alone) {
  Mesh mesh(multiplexed());
  const int slow = mesh.add(request(), after(milliseconds(9'000)));
  mesh.call({slow});
  for (int i = 0; i < 400; ++i) {
    auto leaves = request();
    leaves.abort = Abort::waiting;
    leaves.abort_wait = milliseconds(10);
    mesh.call({mesh.add(leaves, after(milliseconds(30'000)))}, false, milliseconds(20 * i));
  }
  mesh.wind_down();
  expect_delivered_once(mesh, slow);
  EXPECT_EQ(handshakes(mesh), 1u);
  // The app's sidecar has heard of each.
  std::size_t left = 0;
  for (const auto& record : mesh.api2.exchanges())
    left += record.status == 499 || record.status == 0;
  EXPECT_EQ(left, 400u);
}

TEST(Multiplex, requests_that_end_their_connection_end_the_stream_in_order) {
  Mesh mesh(multiplexed());
  auto closes = request();
  closes.keep_alive = false;
  auto closed = answer(body(Framing::until_close, 2'000));
  closed.close = true;
  std::vector<int> ids;
  for (int i = 0; i < 1'500; ++i) {
    ids.push_back(mesh.add(closes, closed));
    mesh.call({ids.back()}, false, milliseconds(i / 4));
  }
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_LE(handshakes(mesh), 3u);
}

TEST(Multiplex, a_post_does_not_meet_the_end_of_a_stream_that_rested_too_long) {
  // The app's sidecar ends it just as the next request is on its way.
  auto options = multiplexed();
  options.serving = "timeouts: { keep_alive: 300ms }\n";
  options.network.delay_max = milliseconds(20);
  for (int late = 280; late <= 330; ++late) {
    Mesh mesh(options);
    const int warm = mesh.add(request(), answer());
    const int id = mesh.add(request("POST", body(Framing::length, 50)), answer());
    mesh.call({warm});
    mesh.call({id}, false, milliseconds(late));
    mesh.wind_down();
    expect_delivered_once(mesh, id);
  }
}

TEST(Multiplex, a_drain_of_the_apps_sidecar_loses_no_request) {
  for (int begin = 0; begin < 60; begin += 3) {
    auto options = multiplexed();
    options.network.delay_max = milliseconds(10);
    Mesh mesh(options);
    std::vector<int> ids;
    for (int i = 0; i < 20; ++i) {
      const int id = mesh.add(request("POST", body(Framing::length, 50)), answer());
      mesh.call({id}, false, milliseconds(3 * i));
      ids.push_back(id);
    }
    mesh.drain(mesh.api2, milliseconds(begin), seconds(1), seconds(10));
    mesh.wind_down();
    for (const int id : ids) expect_delivered_once(mesh, id);
  }
}

TEST(Multiplex, other_trust_ends_what_is_shared_without_losing_a_request) {
  for (const bool at_server : {false, true}) {
    Mesh mesh(multiplexed());
    std::vector<int> ids;
    for (int i = 0; i < 40; ++i) {
      const int id = mesh.add(request("POST", body(Framing::length, 50)), after(milliseconds(20)));
      mesh.call({id}, false, milliseconds(10 * i));
      ids.push_back(id);
    }
    mesh.after(milliseconds(205), [&] { (at_server ? mesh.api2 : mesh.api).change_trust(false); });
    mesh.wind_down();
    for (const int id : ids) expect_delivered_once(mesh, id);
    EXPECT_GE(handshakes(mesh), 2u);
  }
}

TEST(Multiplex, a_reload_takes_it_back_and_brings_it_again) {
  Mesh mesh(multiplexed());
  auto off = mesh.options;
  off.multiplex = false;
  mesh.after(seconds(1), [&, yaml = Mesh::calling_yaml(off)] { mesh.api.reload(yaml); });
  mesh.after(seconds(2), [&, yaml = Mesh::calling_yaml(mesh.options)] { mesh.api.reload(yaml); });
  std::vector<int> ids;
  for (int i = 0; i < 3; ++i) {
    const int id = mesh.add(request(), answer());
    mesh.call({id}, false, milliseconds(500 + 1'000 * i));
    ids.push_back(id);
  }
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  ASSERT_EQ(mesh.api.exchanges().size(), 3u);
  EXPECT_TRUE(mesh.api.exchanges()[0].multiplexed);
  EXPECT_FALSE(mesh.api.exchanges()[1].multiplexed);
  EXPECT_TRUE(mesh.api.exchanges()[2].multiplexed);
}

TEST(Multiplex, each_request_that_is_carried_meets_the_rules) {
  auto options = multiplexed();
  options.access = "[ { name: reads, methods: [GET], allow: [anyone] } ]";
  Mesh mesh(options);
  const int allowed = mesh.add(request(), answer());
  const int denied = mesh.add(request("POST", body(Framing::length, 5)), answer());
  const int again = mesh.add(request(), answer());
  mesh.call({allowed, denied, again});
  mesh.wind_down();
  expect_delivered_once(mesh, allowed);
  expect_refused(mesh, denied, 403);
  expect_delivered_once(mesh, again);
}

TEST(Multiplex, limits_of_the_apps_sidecar_count_what_is_carried) {
  auto options = multiplexed("    retries: { max: 0 }\n");
  options.serving = "limits: { downstream: 8 }\n";
  Mesh mesh(options);
  const auto ids =
      call_at_once(mesh, 20, request("POST", body(Framing::length, 5)), after(milliseconds(200)));
  mesh.wind_down();
  std::size_t served = 0;
  for (const int id : ids) served += mesh[id].deliveries.size();
  EXPECT_EQ(served, 7u);
  EXPECT_GT(mesh.api2.counted(Counter::connections_refused_overload), 0u);
}

}  // namespace
}  // namespace epaulet::sim
