// What fails is left alone for a while: breakers, endpoints that are left out, Retry-After.

#include <map>

#include "health_scripts.h"

namespace epaulet::sim {
namespace {

MeshOptions with(const std::string& service) {
  MeshOptions options;
  options.mesh = MeshKind::fake_tls;
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
  // Who fails has its turn all the same: what is tested is who is left out.
  options.service = "    balance: { policy: round_robin }\n" + service;
  return options;
}

TEST(Health, one_dead_endpoint_of_two_costs_no_caller_an_answer) {
  for (const unsigned workers : {1u, 2u}) {
    auto options = with("    timeouts: { request: 10s }\n");
    options.workers = workers;
    Mesh mesh(options);
    mesh.api.publish("api2.default", {kDead, Mesh::kApp});
    const auto ids =
        call_every(mesh, 400, milliseconds(50), request("POST", body(Framing::length, 10)));
    mesh.wind_down();
    EXPECT_EQ(count_with(mesh, ids, 200), 400u);
    EXPECT_GE(said(mesh, "endpoint_ejected"), 2u);  // Within 20 s: at once, and after 10 s.
    EXPECT_LE(said(mesh, "endpoint_ejected"), 3u);
    EXPECT_LE(attempts_at(mesh, kDead), 8u);
  }
}

TEST(Health, an_endpoint_that_is_back_is_asked_again_within_a_bound) {
  Mesh mesh(
      with("    retries: { max: 1, budget: 100%, statuses: [503], backoff: { initial: 1ms } }\n"));
  mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
  mesh.second_app.failing_status = 503;
  const auto ids = call_every(mesh, 650, milliseconds(50));
  mesh.after(seconds(15), [&] { mesh.second_app.failing_status = 0; });
  mesh.wind_down();
  EXPECT_EQ(count_with(mesh, ids, 200), 650u);
  EXPECT_EQ(said(mesh, "endpoint_restored"), 1u);  // It was due soon after 30 s.
}

TEST(Health, an_endpoint_that_answers_503_is_left_out) {
  Mesh mesh(with("    retries: { max: 0 }\n"));
  mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
  // Whatever reaches the first app fails.
  mesh.app.failing_status = 503;
  const auto ids = call_every(mesh, 100, milliseconds(50));
  mesh.wind_down();
  EXPECT_EQ(count_with(mesh, ids, 503), 5u);
  EXPECT_EQ(count_with(mesh, ids, 200), 95u);
  EXPECT_EQ(said(mesh, "endpoint_ejected"), 1u);
}

TEST(Health, the_last_endpoint_is_asked_whatever_it_does) {
  Mesh mesh(with("    retries: { max: 0 }\n"));
  const auto ids = call_every(mesh, 50, milliseconds(50), request(), answer({}, 503));
  mesh.wind_down();
  for (const int id : ids) EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  EXPECT_EQ(count_with(mesh, ids, 503), 50u);
  EXPECT_EQ(said(mesh, "endpoint_ejected"), 0u);
}

constexpr const char* kBreaker =
    "    breaker: { consecutive: 3, open_for: 10s }\n    retries: { max: 0 }\n";

TEST(Health, a_breaker_sheds_the_load_of_a_failing_service_and_closes_when_it_is_well) {
  Mesh mesh(with(kBreaker));
  mesh.app.failing_status = 500;
  const auto ids = call_every(mesh, 600, milliseconds(50));
  mesh.after(seconds(15), [&] { mesh.app.failing_status = 0; });
  mesh.wind_down();
  std::size_t delivered = 0;
  std::size_t failed = 0;
  for (const int id : ids) {
    delivered += mesh[id].deliveries.size();
    failed += mesh[id].response.status() == 500 ? 1 : 0;
    if (mesh[id].response.status() != 503) continue;
    expect_refused(mesh, id, 503);
    EXPECT_TRUE(mesh[id].deliveries.empty());
    const auto after = mesh[id].response.field("retry-after");
    ASSERT_TRUE(after);
    EXPECT_GE(std::stoi(std::string(*after)), 1);
    EXPECT_LE(std::stoi(std::string(*after)), 20);
    EXPECT_EQ(outcome(mesh.api, id), ErrorCode::breaker_open);
  }
  EXPECT_EQ(failed, 4u);  // Three that opened it, one probe after 10 s.
  // The probe at 30 s closes it: nothing but the last is left for it.
  EXPECT_EQ(said(mesh, "breaker_open"), 2u);
  EXPECT_LE(delivered, 5u);
}

TEST(Health, a_breaker_that_has_closed_lets_everything_through) {
  Mesh mesh(with(kBreaker));
  mesh.app.failing_status = 500;
  const auto ids = call_every(mesh, 400, milliseconds(50));
  mesh.after(seconds(5), [&] { mesh.app.failing_status = 0; });
  mesh.wind_down();
  EXPECT_EQ(said(mesh, "breaker_closed"), 1u);
  EXPECT_EQ(count_with(mesh, ids, 500), 3u);
  EXPECT_GE(count_with(mesh, ids, 200), 195u);  // From 10 s on.
}

TEST(Health, our_own_overflow_opens_nothing) {
  Mesh mesh(
      with("    breaker: { consecutive: 1, open_for: 10s }\n"
           "    limits: { connections: 1, pending: 0 }\n    retries: { max: 0 }\n"));
  auto slow = answer();
  slow.think = seconds(1);
  const int first = mesh.add(request(), slow);
  const int refused = mesh.add(request());
  const int later = mesh.add(request());
  mesh.call({first});
  mesh.call({refused}, false, milliseconds(500));
  mesh.call({later}, false, seconds(2));
  mesh.wind_down();
  EXPECT_EQ(outcome(mesh.api, refused), ErrorCode::limit_pending);
  expect_delivered_once(mesh, later);
}

/// Dialled for a caller that has said nothing yet, and never got a connection to dial with.
TEST(Health, our_own_overflow_opens_nothing_where_no_request_waits) {
  Mesh mesh(
      with("    breaker: { consecutive: 1, open_for: 10s }\n"
           "    limits: { connections: 1 }\n    timeouts: { connect: 1s }\n"));
  auto slow = answer();
  slow.think = seconds(3);
  const int first = mesh.add(request(), slow);
  const int later = mesh.add(request());
  mesh.call({first});
  Manner silent;
  silent.start = milliseconds(500);
  silent.silence = seconds(2);
  mesh.client.connect({Mesh::kService.ip, 81}, {}, silent);
  mesh.call({later}, false, seconds(2));
  mesh.wind_down();
  EXPECT_EQ(said(mesh, "breaker_open"), 0u);
  expect_delivered_once(mesh, later);
}

TEST(Health, callers_that_leave_open_nothing) {
  Mesh mesh(with("    breaker: { consecutive: 1, open_for: 10s }\n"));
  auto leaving = request();
  leaving.abort = Abort::waiting;
  leaving.abort_wait = milliseconds(100);
  auto slow = answer();
  slow.think = seconds(1);
  const int gone = mesh.add(leaving, slow);
  const int later = mesh.add(request());
  mesh.call({gone});
  mesh.call({later}, false, seconds(3));
  mesh.wind_down();
  expect_delivered_once(mesh, later);
  EXPECT_EQ(said(mesh, "breaker_open"), 0u);
}

TEST(Health, callers_that_leave_in_the_backoff_hide_no_failure) {
  Mesh mesh(
      with("    breaker: { consecutive: 1, open_for: 10s }\n"
           "    retries: { max: 1, backoff: { initial: 5s, jitter: none } }\n"));
  auto leaving = request();
  leaving.abort = Abort::waiting;
  leaving.abort_wait = milliseconds(500);
  const int gone = mesh.add(leaving, faulty(Fault::reset_before_response));
  const int later = mesh.add(request());
  mesh.call({gone});
  mesh.call({later}, false, seconds(1));
  mesh.wind_down();
  EXPECT_EQ(outcome(mesh.api, gone), ErrorCode::downstream_reset);
  EXPECT_EQ(outcome(mesh.api, later), ErrorCode::breaker_open) << mesh.story(later);
}

TEST(Health, what_a_retry_has_saved_does_not_count_for_the_breaker) {
  Mesh mesh(
      with("    breaker: { consecutive: 1, open_for: 10s }\n"
           "    retries: { max: 1, backoff: { initial: 1ms } }\n"));
  const int saved = mesh.add(request(), faulty(Fault::reset_before_response, 1));
  const int later = mesh.add(request());
  mesh.call({saved});
  mesh.call({later}, false, seconds(1));
  mesh.wind_down();
  EXPECT_EQ(mesh[saved].response.status(), 200);
  expect_delivered_once(mesh, later);
}

TEST(Health, answers_that_come_late_open_a_breaker) {
  Mesh mesh(with("    breaker: { min_requests: 3, slow: { over: 1s }, open_for: 10s }\n"));
  auto slow = answer();
  slow.think = milliseconds(1100);
  const auto ids = call_every(mesh, 4, seconds(2), request(), slow);
  mesh.wind_down();
  EXPECT_EQ(count_with(mesh, ids, 200), 3u);
  EXPECT_EQ(outcome(mesh.api, ids[3]), ErrorCode::breaker_open);
}

TEST(Health, a_route_has_a_breaker_of_its_own) {
  Mesh mesh(
      with("    retries: { max: 0 }\n"
           "    routes: [ { name: posts, methods: [POST], breaker: { consecutive: 1 } } ]\n"));
  const auto post = request("POST", body(Framing::length, 10));
  const int failing = mesh.add(post, answer({}, 500));
  const int refused = mesh.add(post);
  const int other = mesh.add(request());
  mesh.call({failing});
  mesh.call({refused}, false, seconds(1));
  mesh.call({other}, false, seconds(1));
  mesh.wind_down();
  EXPECT_EQ(outcome(mesh.api, refused), ErrorCode::breaker_open);
  expect_delivered_once(mesh, other);
}

TEST(Health, a_reload_keeps_a_breakers_state_unless_its_numbers_change) {
  for (const bool changes : {false, true}) {
    Mesh mesh(with(kBreaker));
    mesh.app.failing_status = 500;
    (void)call_every(mesh, 3, milliseconds(10));
    const int later = mesh.add(request());
    mesh.after(seconds(1), [&] {
      mesh.app.failing_status = 0;
      auto next = mesh.options;
      next.service = changes ? "    breaker: { consecutive: 4, open_for: 10s }\n" : kBreaker;
      next.services +=
          "  another.default: { ports: { 80: http }, endpoints: { addresses: "
          "[10.9.9.9:1] }, tls: { mode: none } }\n";
      mesh.api.reload(Mesh::calling_yaml(next));
    });
    mesh.call({later}, false, seconds(2));
    mesh.wind_down();
    EXPECT_EQ(mesh[later].response.status(), changes ? 200 : 503);
  }
}

// Retry-After.

AnswerScript asks_for_a_pause(const char* value, unsigned deliveries) {
  auto script = answer();
  script.failing_status = 503;
  script.faulty_deliveries = deliveries;
  script.fields = {{"Retry-After", value}};
  return script;
}
constexpr const char* kRetrying =
    "    timeouts: { request: 10s }\n"
    "    retries: { max: 2, statuses: [503], backoff: { initial: 1ms, jitter: none } }\n";

constexpr const char* kRetryingFreely =
    "    outliers: { enabled: false }\n"
    "    retries: { max: 1, budget: 100%, budget_floor: 20, statuses: [503], "
    "backoff: { initial: 1ms, jitter: none } }\n";

TEST(RetryAfter, a_retry_waits_for_it_where_there_is_nobody_else) {
  Mesh mesh(with(kRetrying));
  const int id = mesh.add(request(), asks_for_a_pause("2", 1));
  mesh.call({id});
  mesh.wind_down();
  ASSERT_EQ(mesh[id].deliveries.size(), 2u) << mesh.story(id);
  EXPECT_EQ(mesh[id].response.status(), 200);
  const auto pause = mesh[id].deliveries[1].at - mesh[id].deliveries[0].at;
  EXPECT_GE(pause, seconds(2));
  EXPECT_LE(pause, milliseconds(2600));  // With a quarter of it, so that not all come at once.
}

/// When those came again that were told the same pause at the same time, since then.
std::vector<std::chrono::nanoseconds> returns_after(const std::string& service, const char* pause) {
  Mesh mesh(with(service));
  std::vector<int> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(mesh.add(request(), asks_for_a_pause(pause, 1)));
    mesh.call({ids.back()});
  }
  mesh.wind_down();
  std::vector<std::chrono::nanoseconds> returns;
  for (const int id : ids) {
    EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
    if (mesh[id].deliveries.size() != 2u) continue;
    returns.emplace_back(mesh[id].deliveries[1].at - mesh[id].deliveries[0].at);
  }
  EXPECT_EQ(returns.size(), ids.size());
  return returns;
}

TEST(RetryAfter, who_waits_for_the_same_moment_comes_back_over_a_quarter_of_the_pause) {
  const auto returns =
      returns_after(std::string(kRetryingFreely) + "    timeouts: { request: 60s }\n", "8");
  const auto [first, last] = std::minmax_element(returns.begin(), returns.end());
  EXPECT_GE(*first, seconds(8));
  EXPECT_LE(*last, milliseconds(10'100));
  EXPECT_GE(*last - *first, seconds(1));
}

TEST(RetryAfter, who_has_little_time_left_behind_the_pause_uses_half_of_it_at_most) {
  const auto returns =
      returns_after(std::string(kRetryingFreely) + "    timeouts: { request: 8500ms }\n", "8");
  const auto [first, last] = std::minmax_element(returns.begin(), returns.end());
  EXPECT_GE(*first, seconds(8));
  EXPECT_LE(*last, milliseconds(8'300));
  EXPECT_GE(*last - *first, milliseconds(100));
}

/// Ten calls a second for five seconds, which are all told to come again `pause` later, and the
/// calls of `more` seconds behind them, all of which go well.
struct Paused {
  Paused(Mesh& mesh_, const char* pause, int more) : mesh(mesh_) {
    for (int i = 0; i < 50 + 10 * more; ++i) {
      const int id = mesh.add(request(), i < 50 ? asks_for_a_pause(pause, 1) : answer());
      if (i < 50) ids.push_back(id);
      mesh.call({id}, false, milliseconds(100) * i);
    }
    mesh.wind_down();
  }
  [[nodiscard]] std::size_t sent_again() const {
    std::size_t again = 0;
    for (const int id : ids) again += mesh[id].deliveries.size() - 1;
    return again;
  }
  Mesh& mesh;
  std::vector<int> ids;
};

constexpr const char* kPatient =
    "    outliers: { enabled: false }\n"
    "    timeouts: { request: 60s }\n"
    "    retries: { max: 1, budget: 20%, budget_floor: 2, statuses: [503] }\n";

TEST(RetryAfter, the_budget_bounds_what_is_sent_and_not_what_was_decided) {
  // By then nobody else asks: of the ten that fitted when they were decided only the floor does.
  Mesh mesh(with(kPatient));
  const Paused paused(mesh, "16", 0);
  EXPECT_EQ(paused.sent_again(), 2u);
  std::size_t given = 0;
  for (const int id : paused.ids) {
    SCOPED_TRACE(mesh.story(id));
    EXPECT_TRUE(mesh[id].answered);
    if (mesh[id].deliveries.size() == 2) {
      EXPECT_EQ(mesh[id].response.status(), 200);
      continue;
    }
    // What it was told at least by its status; most, whom the budget refused at once, whole.
    EXPECT_EQ(mesh[id].response.status(), 503);
    given += mesh[id].response.field("x-answers") ? 1 : 0;
  }
  EXPECT_EQ(given, 40u);
  EXPECT_EQ(mesh.api.counted(Counter::retries), 2u);
}

TEST(RetryAfter, where_traffic_goes_on_all_that_was_decided_is_sent) {
  Mesh mesh(with(kPatient));
  const Paused paused(mesh, "16", 20);
  EXPECT_EQ(paused.sent_again(), 10u);
}

TEST(RetryAfter, what_does_not_fit_the_deadline_is_passed_on_at_once) {
  Mesh mesh(with(kRetrying));
  const int id = mesh.add(request(), asks_for_a_pause("20", 1));
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  EXPECT_EQ(mesh[id].response.status(), 503);
  EXPECT_EQ(mesh[id].response.field("retry-after"), "20");
  EXPECT_LT(mesh[id].ended_at - mesh[id].sent_at, seconds(1));
}

/// The limit of one user says nothing of the others.
TEST(RetryAfter, a_429_spares_nobody_and_pauses_its_own_retry) {
  Mesh mesh(
      with("    timeouts: { request: 10s }\n"
           "    retries: { max: 1, statuses: [429], backoff: { initial: 1ms, jitter: none } }\n"));
  mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
  auto limited = asks_for_a_pause("60", 1000);
  limited.failing_status = 429;
  const auto of_one = call_every(mesh, 5, milliseconds(20), request(), limited);
  std::vector<int> others;
  for (int i = 1; i <= 20; ++i) {
    others.push_back(mesh.add(request("POST", body(Framing::length, 5))));
    mesh.call({others.back()}, false, seconds(1) + milliseconds(100) * i);
  }
  mesh.wind_down();
  EXPECT_EQ(count_with(mesh, of_one, 429), 5u);
  EXPECT_EQ(count_with(mesh, others, 200), 20u);
  EXPECT_EQ(said(mesh, "endpoint_spared"), 0u);
  const auto asked = [&](SocketAddress endpoint) { return attempts_at(mesh, endpoint); };
  EXPECT_GE(std::min(asked(Mesh::kApp), asked(Mesh::kSecondApp)), 12u);
}

TEST(RetryAfter, a_retry_of_a_429_waits_where_there_is_nobody_else) {
  Mesh mesh(
      with("    timeouts: { request: 10s }\n"
           "    retries: { max: 1, statuses: [429], backoff: { initial: 1ms, jitter: none } }\n"));
  auto limited = asks_for_a_pause("2", 1);
  limited.failing_status = 429;
  const int id = mesh.add(request(), limited);
  const int other = mesh.add(request());
  mesh.call({id});
  mesh.call({other}, false, seconds(1));
  mesh.wind_down();
  ASSERT_EQ(mesh[id].deliveries.size(), 2u) << mesh.story(id);
  EXPECT_EQ(mesh[id].response.status(), 200);
  EXPECT_GE(mesh[id].deliveries[1].at - mesh[id].deliveries[0].at, seconds(2));
  expect_delivered_once(mesh, other);
}

TEST(RetryAfter, no_answers_of_one_moment_lead_everything_to_the_last_endpoint) {
  auto options = with(kRetrying);
  options.mesh = MeshKind::plain;
  Mesh mesh(options);
  mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp, Mesh::kBareApp});
  (void)call_every(mesh, 6, milliseconds(10), request(), asks_for_a_pause("60", 1000));
  std::vector<int> later;
  for (int i = 1; i <= 20; ++i) {
    later.push_back(mesh.add(request()));
    mesh.call({later.back()}, false, seconds(1) + milliseconds(100) * i);
  }
  mesh.wind_down();
  std::map<SocketAddress, std::size_t> asked;
  for (const auto& record : mesh.api.exchanges()) {
    if (record.error.code == ErrorCode::none && record.status == 200) ++asked[record.upstream];
  }
  EXPECT_EQ(count_with(mesh, later, 200), 20u);
  EXPECT_EQ(asked.size(), 2u) << "a third of three may be spared";
}

TEST(RetryAfter, another_endpoint_is_asked_meanwhile) {
  Mesh mesh(with(kRetrying));
  mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
  const int id = mesh.add(request(), asks_for_a_pause("5", 1));
  std::vector<int> others;
  mesh.call({id});
  for (int i = 1; i <= 10; ++i) {
    others.push_back(mesh.add(request()));
    mesh.call({others.back()}, false, milliseconds(400) * i);
  }
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 200);
  EXPECT_LT(mesh[id].ended_at - mesh[id].sent_at, seconds(1));
  // All that came within the 5 s went to the other one.
  const std::size_t most =
      std::max(attempts_at(mesh, Mesh::kApp), attempts_at(mesh, Mesh::kSecondApp));
  EXPECT_EQ(most, 11u);
}

}  // namespace
}  // namespace epaulet::sim
