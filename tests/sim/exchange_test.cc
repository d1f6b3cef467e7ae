// The ordinary exchanges, through two sidecars.

#include <gtest/gtest.h>

#include "mesh.h"

namespace epaulet::sim {
namespace {

using Framing = BodyScript::Framing;
using telemetry::Counter;

BodyScript body(Framing framing, std::size_t bytes, std::size_t piece = SIZE_MAX) {
  BodyScript script;
  script.framing = framing;
  script.bytes = bytes;
  script.piece = piece;
  return script;
}

RequestScript get() {
  return {};
}
RequestScript post(BodyScript script) {
  RequestScript request;
  request.method = "POST";
  request.body = script;
  return request;
}
AnswerScript answer(BodyScript script, int status = 200) {
  AnswerScript scripted;
  scripted.status = status;
  scripted.body = script;
  return scripted;
}

void expect_delivered_once(Mesh& mesh, int id) {
  const Exchanged& exchanged = mesh[id];
  SCOPED_TRACE(mesh.story(id));
  EXPECT_TRUE(exchanged.answered);
  EXPECT_EQ(exchanged.response.status(), exchanged.answer.status);
  EXPECT_TRUE(exchanged.response.body == body_text(id, false, exchanged.answer.body.bytes))
      << exchanged.response.body.size() << " of " << exchanged.answer.body.bytes;
  ASSERT_EQ(exchanged.deliveries.size(), 1u);
  EXPECT_TRUE(exchanged.deliveries[0].whole);
  EXPECT_TRUE(exchanged.deliveries[0].request.body ==
              body_text(id, true, exchanged.request.body.bytes))
      << exchanged.deliveries[0].request.body.size() << " of " << exchanged.request.body.bytes;
}

TEST(Exchange, a_get_is_answered_and_reported_once_by_each_sidecar) {
  Mesh mesh;
  const int id = mesh.add(get(), answer(body(Framing::length, 12)));
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
        const int id = mesh.add(post(body(up, bytes, 10'000)), answer(body(down, bytes, 7'000)));
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
  const int id = mesh.add(post(up), answer(down));
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  EXPECT_EQ(mesh[id].response.trailers, trailers_of(id));
  EXPECT_EQ(mesh[id].deliveries[0].request.trailers, trailers_of(id));
}

TEST(Exchange, a_connection_serves_many_requests_over_one_upstream_connection) {
  Mesh mesh;
  std::vector<int> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(mesh.add(i % 3 == 0 ? post(body(Framing::chunked, 5'000, 999)) : get(),
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
    ids.push_back(mesh.add(i % 3 == 1 ? post(body(Framing::length, 3'000)) : get(),
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
  const int second = mesh.add(get(), answer(body(Framing::none, 0), 204));
  const int third = mesh.add(get(), answer(body(Framing::length, 900), 304));
  const int last = mesh.add(get(), answer(body(Framing::length, 10)));
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
  const int id = mesh.add(get(), scripted);
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  ASSERT_EQ(mesh[id].informational.size(), 3u);
  EXPECT_EQ(mesh[id].informational[0].status(), 103);
}

TEST(Exchange, an_http10_caller_gets_no_chunks_and_no_informational_responses) {
  Mesh mesh;
  RequestScript request;
  request.http10 = true;
  request.keep_alive = false;
  auto scripted = answer(body(Framing::chunked, 5'000, 1'000));
  scripted.informational = 1;
  const int id = mesh.add(request, scripted);
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  EXPECT_FALSE(mesh[id].response.field("transfer-encoding"));
  EXPECT_TRUE(mesh[id].informational.empty());
}

TEST(Exchange, an_http10_caller_may_keep_its_connection) {
  Mesh mesh;
  RequestScript request;
  request.http10 = true;
  const int first = mesh.add(request, answer(body(Framing::length, 5)));
  const int second = mesh.add(request, answer(body(Framing::length, 6)));
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
  const int id = mesh.add(get(), scripted);
  const int next = mesh.add(get(), scripted);
  mesh.call({id, next});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  expect_delivered_once(mesh, next);
}

TEST(Exchange, a_half_close_behind_the_request_is_no_abort) {
  Mesh mesh;
  auto request = post(body(Framing::length, 1'000));
  request.half_close = true;
  auto scripted = answer(body(Framing::length, 2'000));
  scripted.think = std::chrono::milliseconds(300);
  const int id = mesh.add(request, scripted);
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
}

TEST(Exchange, idle_connections_hold_no_buffer) {
  Mesh mesh;
  std::vector<int> first;
  for (int i = 0; i < 3; ++i) {
    const int id = mesh.add(post(body(Framing::chunked, 30'000, 10'000)),
                            answer(body(Framing::length, 30'000)));
    mesh.client.think = std::chrono::seconds(3);
    mesh.call({id, mesh.add(get())});
    first.push_back(id);
  }
  mesh.pass(std::chrono::seconds(1));
  for (const int id : first) expect_delivered_once(mesh, id);
  EXPECT_EQ(mesh.client.connections_open(), 3u);
  EXPECT_EQ(Block::in_use(), 0u);
  mesh.wind_down();
}

}  // namespace
}  // namespace epaulet::sim
