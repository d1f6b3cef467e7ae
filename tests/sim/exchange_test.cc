// The ordinary exchanges, through two sidecars.

#include "scripts.h"

namespace epaulet::sim {
namespace {

TEST(Exchange, a_get_is_answered_and_reported_once_by_each_sidecar) {
  Mesh mesh;
  const int id = mesh.add(request(), answer(body(Framing::length, 12)));
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  ASSERT_EQ(mesh.api.exchanges().size(), 1u);
  ASSERT_EQ(mesh.api2.exchanges().size(), 1u);
  for (const auto& record : {mesh.api.exchanges()[0], mesh.api2.exchanges()[0]}) {
    EXPECT_EQ(record.error.code, ErrorCode::none);
    EXPECT_EQ(record.status, 200);
    EXPECT_FALSE(record.status_is_ours);
    EXPECT_EQ(record.attempts, 1);
    EXPECT_EQ(record.response_bytes, 12u);
    EXPECT_EQ(record.request_id.view(), id_text(id));
  }
}

TEST(Exchange, bodies_arrive_whole_in_both_framings_and_both_directions) {
  for (const auto up : {Framing::length, Framing::chunked}) {
    for (const auto down : {Framing::length, Framing::chunked, Framing::until_close}) {
      for (const std::size_t bytes : {0u, 1u, 4096u, 70'000u, 200'000u}) {
        Mesh mesh;
        const int id =
            mesh.add(request("POST", body(up, bytes, 10'000)), answer(body(down, bytes, 7'000)));
        mesh.call({id});
        mesh.wind_down();
        expect_delivered_once(mesh, id);
      }
    }
  }
}

TEST(Exchange, trailers_pass_in_both_directions) {
  Mesh mesh;
  auto up = body(Framing::chunked, 1000, 100);
  up.trailers = true;
  auto down = body(Framing::chunked, 500, 500);
  down.trailers = true;
  const int id = mesh.add(request("POST", up), answer(down));
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  EXPECT_EQ(mesh[id].response.trailers, trailers_of(id));
  EXPECT_EQ(mesh[id].deliveries[0].request.trailers, trailers_of(id));
}

TEST(Exchange, trailers_say_no_more_of_the_caller_than_its_head_may) {
  auto upload = request("POST", body(Framing::chunked, 1000, 100));
  upload.body.trailers = true;
  upload.body.forged_trailers = {{"X-Hasura-Role", "admin"},
                                 {"x_epaulet_peer", "spiffe://cluster.local/ns/default/sa/root"},
                                 {"l5d-client-id", "root.default"},
                                 {"X-Real-IP", "10.0.0.1"},
                                 {"X-Hop", "1"},
                                 {"Keep-Alive", "timeout=5"}};
  upload.fields = {{"Connection", "X-Hop"}};
  for (const bool from_outside : {false, true}) {
    Mesh mesh;
    const int id = mesh.add(upload);
    from_outside ? mesh.call_from_outside({id}) : mesh.call({id});
    mesh.wind_down();
    expect_delivered_once(mesh, id);
    EXPECT_EQ(mesh[id].deliveries[0].request.trailers, trailers_of(id));
  }
}

TEST(Exchange, a_connection_serves_many_requests_over_one_upstream_connection) {
  Mesh mesh;
  std::vector<int> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(
        mesh.add(i % 3 == 0 ? request("POST", body(Framing::chunked, 5'000, 999)) : request(),
                 answer(body(i % 2 == 0 ? Framing::length : Framing::chunked, 3'000))));
  }
  mesh.call(ids);
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_EQ(mesh.api.counted(Counter::upstream_dials), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::upstream_reused), 19u);
  EXPECT_EQ(mesh.api2.counted(Counter::upstream_dials), 1u);
}

TEST(Exchange, pipelined_requests_are_answered_in_order) {
  Mesh mesh;
  std::vector<int> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(mesh.add(i % 3 == 1 ? request("POST", body(Framing::length, 3'000)) : request(),
                           answer(body(Framing::chunked, 2'000, 300))));
  }
  mesh.call(ids, true);
  mesh.wind_down();
  for (const int id : ids) {
    expect_delivered_once(mesh, id);
    EXPECT_EQ(mesh[id].response.field("x-answers"), id_text(id));
  }
}

TEST(Exchange, head_204_and_304_end_with_their_head) {
  Mesh mesh;
  RequestScript head;
  head.method = "HEAD";
  const int first = mesh.add(head, answer(body(Framing::length, 4'000)));
  const int second = mesh.add(request(), answer(body(Framing::none, 0), 204));
  const int third = mesh.add(request(), answer(body(Framing::length, 900), 304));
  const int last = mesh.add(request(), answer(body(Framing::length, 10)));
  mesh.call({first, second, third, last});
  mesh.wind_down();
  EXPECT_EQ(mesh[first].response.field("content-length"), "4000");
  EXPECT_EQ(mesh[second].response.status(), 204);
  EXPECT_EQ(mesh[third].response.status(), 304);
  expect_delivered_once(mesh, last);
  EXPECT_EQ(mesh.api.counted(Counter::upstream_dials), 1u);
}

TEST(Exchange, informational_responses_pass_before_the_final_one) {
  Mesh mesh;
  auto scripted = answer(body(Framing::length, 5));
  scripted.informational = 3;
  const int id = mesh.add(request(), scripted);
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  ASSERT_EQ(mesh[id].informational.size(), 3u);
  EXPECT_EQ(mesh[id].informational[0].status(), 103);
}

TEST(Exchange, an_http10_caller_gets_no_chunks_and_no_informational_responses) {
  Mesh mesh;
  RequestScript old;
  old.http10 = true;
  old.keep_alive = false;
  auto scripted = answer(body(Framing::chunked, 5'000, 1'000));
  scripted.informational = 1;
  const int id = mesh.add(old, scripted);
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  EXPECT_FALSE(mesh[id].response.field("transfer-encoding"));
  EXPECT_TRUE(mesh[id].informational.empty());
}

TEST(Exchange, an_http10_caller_may_keep_its_connection) {
  Mesh mesh;
  RequestScript old;
  old.http10 = true;
  const int first = mesh.add(old, answer(body(Framing::length, 5)));
  const int second = mesh.add(old, answer(body(Framing::length, 6)));
  mesh.call({first, second});
  mesh.wind_down();
  expect_delivered_once(mesh, first);
  expect_delivered_once(mesh, second);
  EXPECT_EQ(mesh.api.counted(Counter::connections_accepted_outbound), 1u);
}

TEST(Exchange, an_http10_app_is_served) {
  Mesh mesh;
  auto scripted = answer(body(Framing::until_close, 50'000));
  scripted.http10 = true;
  const int id = mesh.add(request(), scripted);
  const int next = mesh.add(request(), scripted);
  mesh.call({id, next});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  expect_delivered_once(mesh, next);
}

TEST(Exchange, a_half_close_behind_the_request_is_no_abort) {
  Mesh mesh;
  auto scripted_request = request("POST", body(Framing::length, 1'000));
  scripted_request.half_close = true;
  auto scripted = answer(body(Framing::length, 2'000));
  scripted.think = milliseconds(300);
  const int id = mesh.add(scripted_request, scripted);
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
}

TEST(Exchange, idle_connections_hold_no_buffer) {
  Mesh mesh;
  std::vector<int> first;
  for (int i = 0; i < 3; ++i) {
    const int id = mesh.add(request("POST", body(Framing::chunked, 30'000, 10'000)),
                            answer(body(Framing::length, 30'000)));
    mesh.client.think = seconds(3);
    mesh.call({id, mesh.add(request())});
    first.push_back(id);
  }
  mesh.pass(seconds(1));
  for (const int id : first) expect_delivered_once(mesh, id);
  EXPECT_EQ(mesh.client.connections_open(), 3u);
  EXPECT_EQ(Block::in_use(), 0u);
  mesh.wind_down();
}

TEST(Exchange, a_switch_of_protocols_that_nobody_asked_for_is_the_apps_failure) {
  Mesh mesh;
  auto unasked = answer(body(Framing::none, 0), 101);
  unasked.fields = {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}};
  const int id = mesh.add(request(), unasked);
  mesh.call({id});
  mesh.wind_down();
  expect_refused(mesh, id, 502);
  EXPECT_EQ(outcome(mesh.api2, id), ErrorCode::response_malformed);
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  EXPECT_EQ(mesh.api2.pooled(), 0u) << "the app's end is in another protocol now";
}

TEST(Exchange, a_reload_that_takes_the_service_or_its_port_away_leaves_no_service) {
  for (const bool whole : {true, false}) {
    Mesh mesh;
    mesh.client.think = seconds(1);
    const int first = mesh.add(request());
    const int second = mesh.add(request());
    mesh.call({first, second});
    mesh.pass(milliseconds(500));
    expect_delivered_once(mesh, first);
    auto yaml = Mesh::calling_yaml(mesh.options);
    const std::string_view gone = whole ? "api2.default:" : "80: http, ";
    yaml.replace(yaml.find(gone), gone.size(), whole ? "other.default:" : "");
    mesh.api.reload(yaml);
    mesh.pass(seconds(2));
    mesh.api.reload(Mesh::calling_yaml(mesh.options));
    mesh.wind_down();
    expect_refused(mesh, second, 503);
    EXPECT_EQ(outcome(mesh.api, second), ErrorCode::no_service);
    EXPECT_TRUE(mesh[second].deliveries.empty());
  }
}

}  // namespace
}  // namespace epaulet::sim
