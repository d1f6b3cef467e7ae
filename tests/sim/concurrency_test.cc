// An app that can do so much at once is asked so much at once.

#include <algorithm>

#include "scripts.h"

namespace epaulet::sim {
namespace {

constexpr milliseconds kThink{10};
constexpr unsigned kThreads = 8;  // So the app answers 800 requests a second.

MeshOptions with(const std::string& concurrency, const std::string& service = "") {
  MeshOptions options;
  options.mesh = MeshKind::fake_tls;
  options.serving = "concurrency: " + concurrency + "\n";
  options.service = service;
  return options;
}

AnswerScript thought_of() {
  auto answered = answer();
  answered.think = kThink;
  return answered;
}

/// So many requests a second for so long, evenly.
std::vector<int> load(Mesh& mesh, unsigned a_second, milliseconds begin, milliseconds time,
                      const RequestScript& asked = request()) {
  std::vector<int> ids;
  const std::chrono::nanoseconds apart = std::chrono::nanoseconds(seconds(1)) / a_second;
  for (std::chrono::nanoseconds at = begin; at < begin + time; at += apart) {
    ids.push_back(mesh.add(asked, thought_of()));
    mesh.call({ids.back()}, false, at);
  }
  return ids;
}

struct Seen {
  std::size_t answered = 0;
  std::size_t refused = 0;
  std::chrono::nanoseconds slowest{0};  ///< Of those that the app answered.
};

/// Of those that were sent after so long.
Seen seen(Mesh& mesh, const std::vector<int>& ids, milliseconds after = milliseconds(0)) {
  Seen out;
  TimePoint first = TimePoint::max();
  for (const int id : ids) first = std::min(first, mesh[id].sent_at);
  for (const int id : ids) {
    const auto& one = mesh[id];
    if (one.sent_at - first < after) continue;
    if (one.response.status() == 503) ++out.refused;
    if (one.response.status() != 200) continue;
    ++out.answered;
    out.slowest = std::max(out.slowest, one.head_at - one.sent_at);
  }
  return out;
}

TEST(Concurrency, without_overload_nothing_is_refused) {
  Mesh mesh(with("{ min: 4 }"));
  mesh.app.threads = kThreads;
  const auto ids = load(mesh, 300, milliseconds(0), seconds(5));
  mesh.wind_down();
  EXPECT_EQ(seen(mesh, ids).answered, ids.size());
}

TEST(Concurrency, twice_what_the_app_can_do_leaves_it_fast_and_busy) {
  // Once without, to see what it is for: a queue that grows by 800 requests a second.
  for (const bool limited : {false, true}) {
    auto options = with("{ min: 4 }");
    if (!limited) options.serving.clear();
    Mesh mesh(options);
    mesh.app.threads = kThreads;
    const auto before = load(mesh, 100, milliseconds(0), seconds(1));
    const auto ids = load(mesh, 1600, milliseconds(1000), seconds(5));
    mesh.wind_down();
    const auto all = seen(mesh, ids, seconds(2));
    EXPECT_EQ(seen(mesh, before).answered, before.size());
    if (!limited) {
      EXPECT_GT(all.slowest, seconds(2));
      continue;
    }
    EXPECT_LT(all.slowest, milliseconds(150)) << "of what the app answers itself in 10 ms";
    EXPECT_GT(all.answered, 3u * 800 * 8 / 10) << "and it has work all the time";
    EXPECT_GT(all.refused, 1000u);
  }
}

TEST(Concurrency, sheddable_requests_go_first_and_critical_ones_get_through) {
  const std::string kinds =
      "{ min: 4, criticality: [ { name: batch, paths: [/batch], is: sheddable } ] }";
  const std::string routes =
      "    routes:\n      - { name: pay, paths: [/pay], criticality: critical }\n";
  Mesh mesh(with(kinds, routes));
  mesh.app.threads = kThreads;
  const auto asking = [](const char* path) {
    auto asked = request();
    asked.path = path;
    return asked;
  };
  const auto before = load(mesh, 100, milliseconds(0), seconds(1));
  const auto critical = load(mesh, 300, milliseconds(1000), seconds(5), asking("/pay"));
  const auto batch = load(mesh, 300, milliseconds(1000), seconds(5), asking("/batch"));
  const auto others = load(mesh, 900, milliseconds(1000), seconds(5));
  mesh.wind_down();
  const auto pay = seen(mesh, critical, seconds(1));
  const auto shed = seen(mesh, batch, seconds(1));
  const auto rest = seen(mesh, others, seconds(1));
  EXPECT_EQ(pay.refused, 0u);
  EXPECT_LT(pay.slowest, milliseconds(150));
  const auto share = [](const Seen& of) {
    return static_cast<double>(of.answered) / static_cast<double>(of.answered + of.refused);
  };
  EXPECT_GT(share(rest), share(shed) + 0.2);
  EXPECT_GT(share(rest), 0.3);
}

TEST(Concurrency, what_a_callers_sidecar_says_of_criticality_is_kept_from_the_app) {
  Mesh mesh(with("{}", "    routes:\n      - { name: pay, criticality: critical }\n"));
  const int id = mesh.add(request(), answer());
  mesh.call({id});
  mesh.wind_down();
  ASSERT_EQ(mesh[id].deliveries.size(), 1u);
  EXPECT_FALSE(mesh[id].deliveries[0].request.field("x-epaulet-criticality"));
}

TEST(Concurrency, an_outsider_is_as_critical_as_anybody) {
  Mesh mesh(with("{ min: 1, max: 1 }"));
  auto asked = request();
  asked.fields = {{"X-Epaulet-Criticality", "critical"}};
  std::vector<int> ids;
  for (int i = 0; i < 2; ++i) {
    ids.push_back(mesh.add(asked, thought_of()));
    mesh.call_from_outside({ids.back()});
  }
  mesh.wind_down();
  const auto all = seen(mesh, ids);
  EXPECT_EQ(all.answered, 1u);
  EXPECT_EQ(all.refused, 1u) << "a critical one would have passed";
}

TEST(Concurrency, a_refusal_is_no_failure_of_the_endpoint_and_says_when_to_come_back) {
  Mesh mesh(with("{ min: 1, max: 1 }",
                 "    outliers: { consecutive: 1 }\n    breaker: { consecutive: 1 }\n"
                 "    retries: { statuses: [503] }\n"));
  std::vector<int> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(mesh.add(request(), thought_of()));
    mesh.call({ids.back()});
  }
  const int later = mesh.add(request(), thought_of());
  mesh.call({later}, false, seconds(1));
  mesh.wind_down();
  EXPECT_EQ(seen(mesh, ids).answered, 1u);
  EXPECT_EQ(mesh[later].response.status(), 200);
  EXPECT_EQ(mesh.api.counted(Counter::retries), 0u) << "there is nobody else to ask";
  for (const auto& worker : mesh.api.workers) EXPECT_TRUE(worker->telemetry.health.empty());
  for (const int id : ids) {
    if (mesh[id].response.status() != 503) continue;
    EXPECT_EQ(outcome(mesh.api, id), ErrorCode::overloaded) << mesh.story(id);
    EXPECT_EQ(outcome(mesh.api2, id), ErrorCode::overloaded);
    EXPECT_EQ(mesh[id].response.field("retry-after"), "1");
    EXPECT_FALSE(mesh[id].response.field("x-envoy-overloaded"));
    EXPECT_TRUE(mesh[id].deliveries.empty());
  }
}

TEST(Concurrency, a_refusal_may_say_to_an_envoy_that_it_is_one_for_load) {
  auto options = with("{ min: 1, max: 1 }");
  options.serving += "limits: { envoy_overloaded: true }\n";
  Mesh mesh(options);
  const std::vector<int> ids{mesh.add(request(), thought_of()), mesh.add(request(), thought_of())};
  for (const int id : ids) mesh.call_from_outside({id});
  mesh.wind_down();
  for (const int id : ids) {
    const bool refused = mesh[id].response.status() == 503;
    EXPECT_EQ(mesh[id].response.field("x-envoy-overloaded").value_or("") == "true", refused);
  }
  EXPECT_EQ(seen(mesh, ids).refused, 1u);
}

// Between sidecars of ours the reason is known, and x-envoy-overloaded keeps nobody from asking
// another endpoint.
TEST(Concurrency, who_is_refused_asks_another_endpoint_whatever_the_method) {
  auto options =
      with("{ min: 1, max: 1, criticality: [ { name: spare, ports: [8081], is: exempt } ] }",
           "    balance: { policy: round_robin }\n");
  options.serving += "limits: { envoy_overloaded: true }\n";
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
  Mesh mesh(options);
  mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
  std::vector<int> ids;
  auto slow = answer();
  slow.think = seconds(1);
  for (int i = 0; i < 8; ++i) {
    ids.push_back(mesh.add(request("POST", body(Framing::length, 10)), slow));
    mesh.call({ids.back()}, false, milliseconds(10) * i);
  }
  mesh.wind_down();
  for (const int id : ids) {
    EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
    EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  }
  EXPECT_EQ(mesh.api.counted(Counter::retries), 3u) << "of four that came to the full one";
}

TEST(Concurrency, places_are_given_back_however_an_exchange_ends) {
  Mesh mesh(with("{ min: 2, max: 2 }", "    timeouts: { request: 1s }\n    retries: { max: 0 }\n"));
  auto aborting = request();
  aborting.abort = Abort::waiting;
  aborting.abort_wait = milliseconds(50);
  auto slow = answer();
  slow.think = seconds(5);
  int at = 0;
  for (const auto fault : {Fault::close_before_response, Fault::reset_before_response,
                           Fault::garbage, Fault::close_in_body, Fault::reset_in_body}) {
    const int id = mesh.add(request(), faulty(fault));
    mesh.call({id}, false, milliseconds(100) * at++);
  }
  for (int i = 0; i < 3; ++i) {
    mesh.call({mesh.add(aborting, slow)}, false, milliseconds(100) * at++);
    mesh.call({mesh.add(request(), slow)}, false, milliseconds(1500) * at++);
  }
  std::vector<int> ids;
  for (int i = 0; i < 2; ++i) {
    ids.push_back(mesh.add(request(), thought_of()));
    mesh.call({ids.back()}, false, seconds(60));
  }
  mesh.wind_down();
  for (const int id : ids) EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
}

/// 300 requests a second of 100 ms, the app being `slower` from 7 s on, when its latency at rest
/// has been looked at; what became of those that came from 11 to 14 s.
Seen behind_a_change(const std::string& concurrency, std::chrono::nanoseconds slower) {
  auto options = with(concurrency);
  Mesh mesh(options);
  std::vector<int> ids;
  auto answered = answer();
  answered.think = milliseconds(100);
  for (std::chrono::nanoseconds at{0}; at < seconds(14); at += milliseconds(1000) / 300) {
    ids.push_back(mesh.add(request(), answered));
    mesh.call({ids.back()}, false, at);
  }
  mesh.after(seconds(7), [&mesh, slower] { mesh.app.slowness = slower; });
  mesh.wind_down();
  return seen(mesh, ids, seconds(11));
}

TEST(Concurrency, tolerance_says_how_much_slower_the_app_may_become) {
  const milliseconds slower{45};
  const auto within = behind_a_change("{ min: 4, tolerance: 50% }", slower);
  EXPECT_EQ(within.refused, 0u);
  EXPECT_GE(within.answered, 850u);
  const auto beyond = behind_a_change("{ min: 4, tolerance: 5% }", slower);
  EXPECT_GE(beyond.refused, 100u) << beyond.answered;
}

TEST(Concurrency, remeasure_says_when_an_app_that_has_become_slow_for_good_is_looked_at) {
  const milliseconds slower{150};
  const auto soon = behind_a_change("{ min: 4, remeasure: 2s }", slower);
  const auto late = behind_a_change("{ min: 4, remeasure: 1m }", slower);
  EXPECT_LE(late.answered, 150u);
  EXPECT_GE(soon.answered, late.answered * 3);
}

}  // namespace
}  // namespace epaulet::sim
