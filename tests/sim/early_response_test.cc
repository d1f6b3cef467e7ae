// The app answers before it has read the request.

#include "scripts.h"

namespace epaulet::sim {
namespace {

TEST(EarlyResponse, it_reaches_the_caller_during_the_upload) {
  Mesh mesh;
  auto upload = request("POST", body(Framing::length, 300'000, 3'000));
  upload.body.pause = milliseconds(20);  // 2 s in all.
  auto early = answer(body(Framing::length, 100), 413);
  early.early_after = 5'000;
  early.close = true;
  early.reads_rest = false;
  const int id = mesh.add(upload, early);
  mesh.call({id});
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_TRUE(mesh[id].answered);
  EXPECT_EQ(mesh[id].response.status(), 413);
  EXPECT_LT(mesh[id].head_at - mesh[id].sent_at, milliseconds(200));
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::none);
  EXPECT_EQ(outcome(mesh.api2, id), ErrorCode::none);
}

TEST(EarlyResponse, a_small_rest_of_the_request_does_not_cost_the_callers_connection) {
  Mesh mesh;
  auto upload = request("POST", body(Framing::length, 20'000, 4'000));
  upload.body.pause = milliseconds(5);
  auto early = answer(body(Framing::length, 100), 404);
  early.early_after = 4'000;
  const int id = mesh.add(upload, early);
  const int next = mesh.add(request());
  mesh.call({id, next});
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_EQ(mesh[id].response.status(), 404);
  expect_delivered_once(mesh, next);
  EXPECT_EQ(mesh.api.counted(Counter::connections_accepted_outbound), 1u);
}

TEST(EarlyResponse, both_bodies_flow_at_once) {
  Mesh mesh;
  // The app sends most of its answer while the request still comes, like a streaming echo.
  auto upload = request("POST", body(Framing::chunked, 150'000, 5'000));
  upload.body.pause = milliseconds(10);
  auto early = answer(body(Framing::chunked, 150'000, 5'000));
  early.early_after = 1;
  early.body.pause = milliseconds(20);  // Ends after the request.
  const int id = mesh.add(upload, early);
  const int next = mesh.add(request());
  mesh.call({id, next});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  expect_delivered_once(mesh, next);
  EXPECT_LT(mesh[id].head_at - mesh[id].sent_at, milliseconds(100));
}

TEST(EarlyResponse, a_large_rest_ends_the_connection_but_not_the_answer) {
  for (const bool reads_rest : {false, true}) {
    Mesh mesh;
    auto upload = request("PUT", body(Framing::length, 2'000'000, 16'000));
    auto early = answer(body(Framing::length, 30'000), 403);
    early.early_after = 10;
    early.reads_rest = reads_rest;
    early.close = !reads_rest;
    const int id = mesh.add(upload, early);
    mesh.call({id});
    mesh.wind_down();
    SCOPED_TRACE(mesh.story(id));
    EXPECT_TRUE(mesh[id].answered);
    EXPECT_EQ(mesh[id].response.status(), 403);
    EXPECT_TRUE(mesh[id].response.body == body_text(id, false, 30'000));
  }
}

TEST(EarlyResponse, a_caller_that_aborts_after_it_leaves_nothing_behind) {
  Mesh mesh;
  auto upload = request("POST", body(Framing::chunked, 400'000, 4'000));
  upload.body.pause = milliseconds(10);
  upload.abort = Abort::in_body;
  upload.abort_after = 100'000;
  auto early = answer(body(Framing::chunked, 500'000, 5'000));
  early.early_after = 8'000;
  early.body.pause = milliseconds(10);
  const int id = mesh.add(upload, early);
  mesh.call({id});
  mesh.wind_down();
  EXPECT_FALSE(mesh[id].answered);
  EXPECT_NE(outcome(mesh.api, id), ErrorCode::none);
  EXPECT_NE(outcome(mesh.api2, id), ErrorCode::none);
}

}  // namespace
}  // namespace epaulet::sim
