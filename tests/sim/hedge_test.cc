// A second attempt beside one that takes long: the first answer counts, and nothing else is to be
// seen.

#include <algorithm>

#include "scripts.h"

namespace epaulet::sim {
namespace {

using telemetry::Hedged;

constexpr milliseconds kUsual{10};  // What answers of the route have taken so far.

MeshOptions with(const std::string& more = "", const std::string& retries = "budget: 100%") {
  MeshOptions options;
  options.mesh = MeshKind::fake_tls;
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
  options.service =
      "    balance: { policy: round_robin }\n    retries: { hedge: {}, " + retries + " }\n" + more;
  return options;
}

void give_two_endpoints(Mesh& mesh) {
  mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
  mesh.api.remember_answers(kUsual);
}

std::vector<int> call_every(Mesh& mesh, int count, milliseconds apart,
                            const RequestScript& asked = request(),
                            const AnswerScript& answered = answer()) {
  std::vector<int> ids;
  for (int i = 0; i < count; ++i) {
    ids.push_back(mesh.add(asked, answered));
    mesh.call({ids.back()}, false, apart * i);
  }
  return ids;
}

std::size_t count_hedged(const Mesh& mesh, Hedged hedged) {
  const auto records = mesh.api.exchanges();
  return static_cast<std::size_t>(std::count_if(
      records.begin(), records.end(), [&](const auto& record) { return record.hedged == hedged; }));
}

bool said_nothing(const Mesh& mesh) {
  return std::all_of(mesh.api.workers.begin(), mesh.api.workers.end(),
                     [](const auto& worker) { return worker->telemetry.health.empty(); });
}

TEST(Hedge, who_takes_long_is_overtaken_by_another_and_not_blamed) {
  for (const unsigned workers : {1u, 2u}) {
    auto options = with("    outliers: { consecutive: 1 }\n    breaker: { consecutive: 1 }\n");
    options.workers = workers;
    Mesh mesh(options);
    give_two_endpoints(mesh);
    mesh.app.slowness = seconds(2);
    const auto ids = call_every(mesh, 20, milliseconds(300));
    mesh.wind_down();
    for (const int id : ids) {
      EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
      EXPECT_LT(mesh[id].head_at - mesh[id].sent_at, milliseconds(200));
      EXPECT_EQ(outcome(mesh.api, id), ErrorCode::none);
    }
    EXPECT_GE(count_hedged(mesh, Hedged::won), 8u);
    EXPECT_EQ(mesh.api.counted(Counter::hedges), mesh.api.counted(Counter::hedges_won));
    EXPECT_EQ(mesh.api.counted(Counter::hedges), count_hedged(mesh, Hedged::won));
    EXPECT_EQ(mesh.api.counted(Counter::retries), 0u);
    EXPECT_TRUE(said_nothing(mesh));
  }
}

TEST(Hedge, the_first_may_still_be_the_first) {
  std::size_t won = 0;
  std::size_t lost = 0;
  for (const bool is_turned : {false, true}) {  // Once the one begins, once the other.
    Mesh mesh(with("    outliers: { consecutive: 1 }\n"));
    give_two_endpoints(mesh);
    mesh.app.slowness = is_turned ? milliseconds(50) : seconds(5);
    mesh.second_app.slowness = is_turned ? seconds(5) : milliseconds(50);
    const int id = mesh.add(request(), answer());
    mesh.call({id});
    mesh.wind_down();
    EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
    EXPECT_LT(mesh[id].head_at - mesh[id].sent_at, milliseconds(300));
    EXPECT_EQ(mesh[id].deliveries.size(), 2u);
    EXPECT_TRUE(said_nothing(mesh));
    won += count_hedged(mesh, Hedged::won);
    lost += count_hedged(mesh, Hedged::lost);
  }
  EXPECT_EQ(won, 1u);
  EXPECT_EQ(lost, 1u);
}

TEST(Hedge, begins_when_most_answers_would_have_come) {
  Mesh mesh(with());
  give_two_endpoints(mesh);
  mesh.app.slowness = mesh.second_app.slowness = seconds(5);
  const int id = mesh.add(request(), answer());
  mesh.call({id});
  mesh.wind_down();
  ASSERT_EQ(mesh[id].deliveries.size(), 2u);
  const auto apart = mesh[id].deliveries[1].at - mesh[id].deliveries[0].at;
  EXPECT_GE(apart, milliseconds(9));
  EXPECT_LT(apart, milliseconds(40));
}

TEST(Hedge, what_is_not_idempotent_has_a_session_or_no_second_endpoint_is_not_hedged) {
  const auto asked_once = [](Mesh& mesh, const RequestScript& asked) {
    mesh.app.slowness = mesh.second_app.slowness = milliseconds(500);
    const int id = mesh.add(asked, answer());
    mesh.call({id});
    mesh.wind_down();
    EXPECT_EQ(mesh[id].response.status(), 200);
    EXPECT_EQ(mesh[id].deliveries.size(), 1u) << mesh.story(id);
    EXPECT_EQ(mesh.api.counted(Counter::hedges), 0u);
  };
  Mesh posted(with());
  give_two_endpoints(posted);
  asked_once(posted, request("POST", body(Framing::length, 10)));
  Mesh alone(with());
  alone.api.remember_answers(kUsual);
  asked_once(alone, request());
  auto options = with();
  options.service =
      "    balance: { policy: sticky, by: { source: true } }\n    retries: { hedge: {} }\n";
  Mesh sticky(options);
  give_two_endpoints(sticky);
  asked_once(sticky, request());
  Mesh unknown(with());
  unknown.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
  asked_once(unknown, request());
}

TEST(Hedge, a_key_makes_a_post_idempotent_and_bodies_go_whole_to_both) {
  Mesh mesh(with());
  give_two_endpoints(mesh);
  mesh.app.slowness = mesh.second_app.slowness = milliseconds(500);
  auto asked = request("POST", body(Framing::chunked, 30'000, 7'000));
  asked.fields = {{"Idempotency-Key", "k"}};
  const int id = mesh.add(asked, answer());
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
  ASSERT_EQ(mesh[id].deliveries.size(), 2u);
  for (const auto& delivery : mesh[id].deliveries) {
    EXPECT_TRUE(delivery.whole);
    EXPECT_EQ(delivery.request.body, body_text(id, true, 30'000));
  }
}

TEST(Hedge, what_is_too_large_to_be_sent_twice_is_sent_once) {
  Mesh mesh(with());
  give_two_endpoints(mesh);
  mesh.app.slowness = mesh.second_app.slowness = milliseconds(500);
  const int id = mesh.add(request("PUT", body(Framing::length, 300'000)), answer());
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 200);
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
}

TEST(Hedge, the_budget_is_that_of_retries) {
  Mesh mesh(with("", "budget: 10%, budget_floor: 2"));
  give_two_endpoints(mesh);
  mesh.app.slowness = mesh.second_app.slowness = milliseconds(100);
  mesh.api.remember_answers(milliseconds(1));
  const auto ids = call_every(mesh, 100, milliseconds(90));  // All within 10 s.
  mesh.wind_down();
  EXPECT_LE(mesh.api.counted(Counter::hedges), 10u);
  EXPECT_GE(mesh.api.counted(Counter::hedges), 2u);
  EXPECT_GT(mesh.api.counted(Counter::hedges_over_budget), 0u);
  for (const int id : ids) EXPECT_EQ(mesh[id].response.status(), 200);
}

TEST(Hedge, a_first_that_fails_meanwhile_leaves_it_to_the_second) {
  Mesh mesh(with("    outliers: { consecutive: 1 }\n"));
  give_two_endpoints(mesh);
  mesh.app.slowness = mesh.second_app.slowness = milliseconds(100);
  // The first delivery, which is the first attempt's, ends without an answer.
  const int id = mesh.add(request(), faulty(Fault::close_before_response, 1));
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
  EXPECT_EQ(mesh[id].deliveries.size(), 2u);
  EXPECT_EQ(count_hedged(mesh, Hedged::won), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::retries), 0u);
}

TEST(Hedge, a_second_that_fails_leaves_it_to_the_first) {
  Mesh mesh(with());
  // With three, one that answers is followed by the one that refuses.
  mesh.api.publish("api2.default",
                   {Mesh::kApp, Mesh::kSecondApp, *SocketAddress::parse("10.0.0.77:1")});
  mesh.api.remember_answers(kUsual);
  mesh.app.slowness = mesh.second_app.slowness = milliseconds(500);
  const auto ids = call_every(mesh, 6, seconds(5));
  mesh.wind_down();
  std::size_t left_to_the_first = 0;
  for (const int id : ids) {
    EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
    const auto records = mesh.api.exchanges();
    const auto mine = std::find_if(records.begin(), records.end(), [id](const auto& record) {
      return record.request_id.view() == id_text(id);
    });
    ASSERT_NE(mine, records.end());
    if (mine->hedged == Hedged::lost && mesh[id].deliveries.size() == 1) ++left_to_the_first;
  }
  EXPECT_GE(left_to_the_first, 1u);
}

TEST(Hedge, a_pause_that_the_one_who_loses_asks_for_is_kept) {
  std::uint64_t hedges = 0;
  for (const bool is_turned : {false, true}) {  // Once the one begins, once the other.
    Mesh mesh(with());
    give_two_endpoints(mesh);
    auto& good = is_turned ? mesh.second_app : mesh.app;
    auto& full = is_turned ? mesh.app : mesh.second_app;
    good.slowness = milliseconds(100);
    full.failing_status = 503;
    auto answered = answer();
    answered.fields = {{"Retry-After", "5"}};
    const auto first = call_every(mesh, 1, seconds(0), request(), answered);
    mesh.after(seconds(1), [&] { good.slowness = seconds(0); });
    std::vector<int> ids;
    for (int i = 0; i < 10; ++i) {
      ids.push_back(mesh.add(request(), answered));
      mesh.call({ids.back()}, false, seconds(1) + milliseconds(300) * i);
    }
    mesh.wind_down();
    for (const int id : ids) EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
    hedges += mesh.api.counted(Counter::hedges);
  }
  EXPECT_EQ(hedges, 1u);
}

TEST(Hedge, the_second_is_as_slow_as_it_is_from_its_own_beginning) {
  Mesh mesh(with());
  give_two_endpoints(mesh);
  mesh.api.remember_answers(milliseconds(400));
  mesh.app.slowness = seconds(1);
  mesh.second_app.slowness = milliseconds(10);
  mesh.second_app.failing_status = 500;  // Does not win, and is no failure for its balancer.
  (void)call_every(mesh, 2, seconds(5));
  const auto& view = *mesh.api.workers[0]->worker.view;
  const auto loads = view.loads(path::index_of(view.snapshot().backends, "api2.default"));
  ASSERT_EQ(loads.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    mesh.pass(seconds(i == 0 ? 2 : 5));
    EXPECT_LT(loads[1]->latency(mesh.api.workers[0]->loop.now()), 50e6) << "it took 10 ms";
  }
  EXPECT_GT(loads[0]->latency(mesh.api.workers[0]->loop.now()), 500e6);
  EXPECT_EQ(mesh.api.counted(Counter::hedges), 1u);
  mesh.wind_down();
}

TEST(Hedge, an_error_does_not_win_while_an_answer_may_come) {
  Mesh mesh(with());
  give_two_endpoints(mesh);
  mesh.app.slowness = milliseconds(100);
  mesh.second_app.failing_status = 500;
  const auto ids = call_every(mesh, 3, seconds(5));
  mesh.wind_down();
  std::size_t hedged = 0;
  for (const int id : ids) {
    const bool began_with_the_good_one = mesh[id].deliveries.size() == 2;
    hedged += began_with_the_good_one ? 1 : 0;
    EXPECT_EQ(mesh[id].response.status(), began_with_the_good_one ? 200 : 500) << mesh.story(id);
  }
  EXPECT_GE(hedged, 1u);
}

TEST(Hedge, who_waits_for_a_connection_holds_up_nobody) {
  Mesh mesh(with("    limits: { connections: 1 }\n"));
  give_two_endpoints(mesh);
  mesh.app.slowness = mesh.second_app.slowness = milliseconds(100);
  mesh.app.failing_status = mesh.second_app.failing_status = 500;
  const int id = mesh.add(request(), answer());
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 500);
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  EXPECT_LT(mesh[id].head_at - mesh[id].sent_at, milliseconds(300));
}

TEST(Hedge, both_that_fail_are_one_outcome) {
  Mesh mesh(with("", "budget: 100%, max: 1"));
  give_two_endpoints(mesh);
  mesh.app.slowness = mesh.second_app.slowness = milliseconds(100);
  const int id = mesh.add(request(), faulty(Fault::close_before_response));
  mesh.call({id});
  mesh.wind_down();
  expect_refused(mesh, id, 502);
  EXPECT_EQ(mesh[id].deliveries.size(), 2u) << "the second attempt was the retry";
  EXPECT_NE(outcome(mesh.api, id), ErrorCode::none);
}

TEST(Hedge, the_deadline_ends_both) {
  for (const char* timeouts : {"request: 2s", "request: 5s, attempt: 2s"}) {
    Mesh mesh(with(std::string("    timeouts: { ") + timeouts + " }\n", "budget: 100%, max: 1"));
    give_two_endpoints(mesh);
    const int id = mesh.add(request(), faulty(Fault::silence));
    mesh.call({id});
    mesh.wind_down();
    expect_refused(mesh, id, 504);
    EXPECT_EQ(mesh[id].deliveries.size(), 2u);
    const auto took = mesh[id].head_at - mesh[id].sent_at;
    EXPECT_GE(took, milliseconds(2000));
    EXPECT_LT(took, milliseconds(2100));
  }
}

TEST(Hedge, a_caller_that_leaves_ends_both) {
  Mesh mesh(with());
  give_two_endpoints(mesh);
  mesh.app.slowness = mesh.second_app.slowness = seconds(5);
  auto asked = request();
  asked.abort = Abort::waiting;
  for (const auto wait : {milliseconds(5), milliseconds(12), milliseconds(100)}) {
    asked.abort_wait = wait;
    mesh.call({mesh.add(asked, answer())});
  }
  mesh.wind_down();
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 0);
}

TEST(Hedge, over_http2_one_stream_is_reset_and_the_other_answered) {
  Mesh mesh(with());
  give_two_endpoints(mesh);
  auto asked = request();
  asked.http2 = true;
  auto slow = answer();
  slow.think = milliseconds(200);
  std::vector<int> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(mesh.add(asked, slow));
  mesh.call_http2(Mesh::kService, ids);
  mesh.wind_down();
  for (const int id : ids) EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
  EXPECT_GE(mesh.api.counted(Counter::hedges), 1u);
  EXPECT_TRUE(said_nothing(mesh));
}

TEST(Hedge, each_attempt_has_timeouts_first_byte_of_its_own) {
  Mesh mesh(with("    timeouts: { first_byte: 1s }\n", "max: 1, budget: 100%"));
  give_two_endpoints(mesh);
  const int id = mesh.add(request(), faulty(Fault::silence));
  mesh.call({id});
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_EQ(mesh[id].deliveries.size(), 2u);
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::first_byte_timeout);
  const auto took = mesh[id].head_at - mesh[id].sent_at;
  EXPECT_GE(took, seconds(1));
  EXPECT_LT(took, milliseconds(1'100));
}

}  // namespace
}  // namespace epaulet::sim
