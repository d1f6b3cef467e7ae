// Either end gives up, in each half of an exchange.

#include "scripts.h"

namespace epaulet::sim {
namespace {

TEST(Abort, of_the_caller_in_the_upload_reaches_the_app_as_an_incomplete_request) {
  for (const auto framing : {Framing::length, Framing::chunked}) {
    Mesh mesh;
    auto upload = request("POST", body(framing, 100'000, 10'000));
    upload.abort = Abort::in_body;
    upload.abort_after = 50'000;
    const int id = mesh.add(upload, answer());
    mesh.call({id});
    mesh.wind_down();
    SCOPED_TRACE(mesh.story(id));
    ASSERT_LE(mesh[id].deliveries.size(), 1u);
    for (const auto& delivery : mesh[id].deliveries) EXPECT_FALSE(delivery.whole);
    EXPECT_EQ(outcome(mesh.api, id), ErrorCode::downstream_reset);
    EXPECT_EQ(outcome(mesh.api2, id), ErrorCode::downstream_reset);
  }
}

TEST(Abort, of_the_caller_while_it_waits_is_noticed_at_once_on_both_hops) {
  Mesh mesh;
  auto waiting = request();
  waiting.abort = Abort::waiting;
  waiting.abort_wait = milliseconds(100);
  auto slow = answer();
  slow.think = seconds(10);
  const int id = mesh.add(waiting, slow);
  mesh.call({id});
  mesh.pass(milliseconds(200));
  SCOPED_TRACE(mesh.story(id));
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::downstream_reset);
  EXPECT_EQ(outcome(mesh.api2, id), ErrorCode::downstream_reset);
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 0);
  EXPECT_EQ(mesh.api2.gauge(Gauge::exchanges_active), 0);
  mesh.wind_down();
}

TEST(Abort, of_a_caller_behind_pipelined_bytes_is_noticed_too) {
  // The bytes of a next request lie between the abort and whoever watches for it.
  MeshOptions options;
  options.network.read_max = 7;
  Mesh mesh(options);
  auto slow = answer();
  slow.think = seconds(10);
  const int id = mesh.add(request(), slow);
  auto second = request("POST", body(Framing::length, 1'000));
  second.abort = Abort::waiting;
  second.abort_wait = milliseconds(100);
  const int next = mesh.add(second, answer());
  mesh.call({id, next}, true);
  mesh.pass(milliseconds(200));
  SCOPED_TRACE(mesh.story(id));
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::downstream_reset);
  mesh.wind_down();
}

TEST(Abort, of_the_caller_in_the_response_ends_the_upstream_half) {
  Mesh mesh;
  auto giving_up = request();
  giving_up.abort = Abort::in_response;
  giving_up.abort_after = 20'000;
  auto long_answer = answer(body(Framing::length, 1'000'000, 10'000));
  long_answer.body.pause = milliseconds(10);
  const int id = mesh.add(giving_up, long_answer);
  mesh.call({id});
  mesh.pass(milliseconds(500));
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::downstream_reset);
  EXPECT_EQ(outcome(mesh.api2, id), ErrorCode::downstream_reset);
  mesh.wind_down();
}

TEST(Abort, of_the_app_in_its_response_is_never_a_complete_looking_message) {
  for (const auto framing : {Framing::length, Framing::chunked}) {
    for (const auto fault : {Fault::close_in_body, Fault::reset_in_body}) {
      Mesh mesh;
      const int id = mesh.add(request(), faulty(fault, 1, body(framing, 100'000, 10'000)));
      mesh.call({id});
      mesh.wind_down();
      SCOPED_TRACE(mesh.story(id));
      EXPECT_FALSE(mesh[id].answered);
      EXPECT_EQ(mesh[id].response.status(), 200);
      EXPECT_EQ(mesh[id].deliveries.size(), 1u) << "retried behind a committed head";
      EXPECT_NE(outcome(mesh.api, id), ErrorCode::none);
      EXPECT_NE(outcome(mesh.api2, id), ErrorCode::none);
    }
  }
}

TEST(Abort, a_reset_cuts_a_response_that_only_its_end_delimits) {
  Mesh mesh;
  const int id = mesh.add(
      request(), faulty(Fault::reset_in_body, 1, body(Framing::until_close, 100'000, 10'000)));
  mesh.call({id});
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_FALSE(mesh[id].answered);
}

TEST(Abort, of_the_app_before_its_response_is_an_explained_502_for_a_post) {
  for (const auto fault : {Fault::close_before_response, Fault::reset_before_response}) {
    Mesh mesh;
    const int id = mesh.add(request("POST", body(Framing::length, 100)), faulty(fault));
    mesh.call({id});
    mesh.wind_down();
    expect_refused(mesh, id, 502);
    EXPECT_EQ(mesh[id].deliveries.size(), 1u);
    EXPECT_NE(mesh[id].response.body.find("epaulet explain " + id_text(id)), std::string::npos)
        << mesh[id].response.body << mesh.story(id);
  }
}

TEST(Abort, garbage_instead_of_a_response_is_a_502) {
  Mesh mesh;
  const int id = mesh.add(request(), faulty(Fault::garbage));
  mesh.call({id});
  mesh.wind_down();
  expect_refused(mesh, id, 502);
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  EXPECT_EQ(outcome(mesh.api2, id), ErrorCode::response_malformed);
}

TEST(Abort, of_the_sidecar_itself_cuts_everything_and_leaks_nothing) {
  Mesh mesh;
  auto slow = answer();
  slow.think = seconds(10);
  const int id = mesh.add(request("POST", body(Framing::length, 50'000)), slow);
  mesh.call({id});
  mesh.pass(milliseconds(100));
  const Error cut{ErrorCode::drain_timeout, Side::self, Stage::shutdown};
  for (auto& worker : mesh.api.workers) worker->worker.cut(cut);
  mesh.pass(milliseconds(100));
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::drain_timeout);
  EXPECT_EQ(mesh.api.gauge(Gauge::connections_outbound), 0);
  mesh.wind_down();
}

// Seed 324646: the reset that ends a drain overtakes an answer, if its caller has asked for more.
TEST(Abort, the_end_of_a_drain_gives_each_request_of_a_pipeline_one_outcome) {
  unsigned overtaken = 0;
  for (int timeout = 1; timeout < 60; ++timeout) {
    MeshOptions options;
    options.network.delay_max = milliseconds(10);
    options.seed = static_cast<std::uint64_t>(timeout);
    Mesh mesh(options);
    std::vector<int> ids;
    for (int i = 0; i < 4; ++i) ids.push_back(mesh.add(request()));
    mesh.call(ids, true);
    mesh.drain(mesh.api, milliseconds(0), milliseconds(0), milliseconds(timeout));
    mesh.wind_down();
    for (const int id : ids) {
      SCOPED_TRACE(mesh.story(id));
      EXPECT_TRUE(body_text(id, false, 10).starts_with(mesh[id].response.body));
      std::size_t reports = 0;
      for (const auto& record : mesh.api.exchanges()) {
        if (record.request_id.view() != id_text(id)) continue;
        ++reports;
        overtaken += record.error.code == ErrorCode::none && !mesh[id].answered ? 1 : 0;
      }
      EXPECT_LE(reports, 1u);
      EXPECT_TRUE(reports == 1 || (mesh[id].deliveries.empty() && !mesh[id].answered));
    }
  }
  EXPECT_GT(overtaken, 0u) << "none of them was of the kind that this is about";
}

}  // namespace
}  // namespace epaulet::sim
