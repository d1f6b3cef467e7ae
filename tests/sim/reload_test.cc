// What is kept through a reload: what was learnt, what was kept, and what was accepted.

#include "health_scripts.h"

namespace epaulet::sim {
namespace {

MeshOptions with(const std::string& service) {
  MeshOptions options;
  options.mesh = MeshKind::fake_tls;
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
  options.service = "    outliers: { enabled: false }\n" + service;
  return options;
}

/// Another configuration: a service more, in front of ours, which may have changed too.
void reload(Mesh& mesh, const std::string& service) {
  auto next = mesh.options;
  next.service = service;
  next.services +=
      "  another.default: { ports: { 80: http }, endpoints: { addresses: [10.9.9.9:1] }, "
      "tls: { mode: none } }\n";
  mesh.api.reload(Mesh::calling_yaml(next));
}

TEST(Reload, keeps_last_good_responses_unless_their_rules_change) {
  for (const bool changes : {false, true}) {
    const std::string before =
        "    retries: { max: 0 }\n"
        "    routes: [ { name: kept, fallback: { last_good: { keep: 1m } } } ]\n";
    const std::string after =
        "    retries: { max: 0 }\n"
        "    routes: [ { name: kept, fallback: { last_good: { keep: 2m } } } ]\n";
    Mesh mesh(with(before));
    const int first = mesh.add(request(), answer());
    const int second = mesh.add(request(), answer());
    mesh.call({first});
    mesh.after(seconds(1), [&] {
      mesh.app.failing_status = 500;
      reload(mesh, "    outliers: { enabled: false }\n" + (changes ? after : before));
    });
    mesh.call({second}, false, seconds(2));
    mesh.wind_down();
    SCOPED_TRACE(mesh.story(second));
    EXPECT_EQ(mesh[first].response.status(), 200);
    EXPECT_EQ(mesh[second].response.status(), changes ? 500 : 200);
    EXPECT_EQ(mesh[second].deliveries.size(), 1u);
  }
}

TEST(Reload, keeps_how_long_answers_take_unless_the_quantile_changes) {
  for (const bool changes : {false, true}) {
    const std::string before =
        "    balance: { policy: round_robin }\n"
        "    retries: { hedge: { quantile: 90% }, budget: 100% }\n";
    const std::string after =
        "    balance: { policy: round_robin }\n"
        "    retries: { hedge: { quantile: 80% }, budget: 100% }\n";
    Mesh mesh(with(before));
    mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
    mesh.api.remember_answers(milliseconds(10));
    mesh.app.slowness = seconds(2);
    mesh.after(seconds(1), [&] {
      reload(mesh, "    outliers: { enabled: false }\n" + (changes ? after : before));
    });
    std::vector<int> ids;
    for (int i = 0; i < 2; ++i) {  // One of them is given to who is slow.
      ids.push_back(mesh.add(request(), answer()));
      mesh.call({ids.back()}, false, seconds(2) + milliseconds(100) * i);
    }
    mesh.wind_down();
    EXPECT_EQ(count_with(mesh, ids, 200), 2u);
    EXPECT_EQ(mesh.api.counted(Counter::hedges) > 0, !changes);
  }
}

TEST(Reload, that_lowers_the_limit_of_connections_counts_those_that_there_are) {
  for (const bool are_idle : {false, true}) {
    Mesh mesh(with("    limits: { connections: 3 }\n"));
    auto slow = answer();
    slow.think = are_idle ? milliseconds(100) : seconds(5);
    std::vector<int> ids;
    for (int i = 0; i < 3; ++i) {
      ids.push_back(mesh.add(request(), slow));
      mesh.call({ids.back()});
    }
    mesh.after(seconds(1), [&] {
      EXPECT_EQ(mesh.api.permits(), 3u);
      reload(mesh, "    outliers: { enabled: false }\n    limits: { connections: 1 }\n");
    });
    mesh.after(seconds(2), [&] { EXPECT_EQ(mesh.api.permits(), are_idle ? 1u : 3u); });
    auto late = answer();
    late.think = seconds(5);
    for (int i = 0; i < 2; ++i) {
      ids.push_back(mesh.add(request(), late));
      mesh.call({ids.back()}, false, seconds(3));
    }
    mesh.after(seconds(4), [&] { EXPECT_EQ(mesh.api.permits(), are_idle ? 1u : 3u); });
    mesh.after(seconds(9), [&] { EXPECT_EQ(mesh.api.permits(), 1u); });
    mesh.wind_down();
    EXPECT_EQ(count_with(mesh, ids, 200), ids.size());
  }
}

std::string later(const std::string& background) {
  return "    timeouts: { attempt: 1s, request: 2s }\n    retries: { max: 0 }\n"
         "    routes: [ { name: later, background: { backoff: { initial: 100ms, max: 1s }, " +
         background + " } } ]\n";
}

TEST(Reload, keeps_the_bound_of_what_waits_for_its_delivery) {
  const auto service = later("tries: 100, queue: 5");
  Mesh mesh(with(service));
  mesh.api.publish("api2.default", {kDead});
  const auto asked = request("POST", body(Framing::length, 10));
  const auto waiting = call_every(mesh, 5, milliseconds(10), asked);
  mesh.after(seconds(1), [&] { reload(mesh, "    outliers: { enabled: false }\n" + service); });
  const int refused = mesh.add(asked, answer());
  const int accepted = mesh.add(asked, answer());
  mesh.call({refused}, false, seconds(2));
  mesh.after(seconds(3), [&] { mesh.api.publish("api2.default", {Mesh::kApp}); });
  mesh.call({accepted}, false, seconds(10));
  mesh.wind_down();
  EXPECT_EQ(count_with(mesh, waiting, 202), 5u);
  for (const int id : waiting) EXPECT_EQ(mesh[id].deliveries.size(), 1u) << mesh.story(id);
  expect_refused(mesh, refused, 503);
  EXPECT_TRUE(mesh[refused].deliveries.empty());
  EXPECT_EQ(mesh[accepted].deliveries.size(), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::background_delivered), 6u);
}

TEST(Reload, that_takes_a_route_away_leaves_what_it_had_accepted_to_be_tried_to_the_end) {
  enum class Then { elsewhere, nowhere, back };
  for (const auto then : {Then::elsewhere, Then::nowhere, Then::back}) {
    const auto service = later("tries: 6");
    Mesh mesh(with(service));
    mesh.api.publish("api2.default", {kDead});
    const auto ids =
        call_every(mesh, 3, milliseconds(1), request("POST", body(Framing::length, 10)));
    mesh.after(milliseconds(5), [&] {
      const bool leads_on = then == Then::elsewhere;  // By the service's own route.
      reload(mesh, leads_on ? "" : "    routes: [ { name: none, refuse: { status: 503 } } ]\n");
      mesh.api.publish("api2.default", {Mesh::kApp});
    });
    if (then == Then::back) mesh.after(milliseconds(300), [&] { reload(mesh, service); });
    mesh.wind_down();
    EXPECT_EQ(count_with(mesh, ids, 202), 3u);
    const bool is_lost = then == Then::nowhere;
    for (const int id : ids)
      EXPECT_EQ(mesh[id].deliveries.size(), is_lost ? 0u : 1u) << mesh.story(id);
    EXPECT_EQ(mesh.api.counted(Counter::background_delivered), is_lost ? 0u : 3u);
    EXPECT_EQ(mesh.api.counted(Counter::background_dropped_tries), is_lost ? 3u : 0u);
    EXPECT_EQ(mesh.api.gauge(Gauge::background_waiting), 0);
    const auto records = mesh.api.exchanges();
    const auto misses = std::count_if(records.begin(), records.end(), [](const auto& record) {
      return record.error.code == ErrorCode::no_route;
    });
    EXPECT_EQ(misses > 0, then != Then::elsewhere);
    if (is_lost) {
      EXPECT_GE(misses, 3 * 4);  // All but what was tried before.
    }
  }
}

/// So many that a worker needs several turns to take them over.
void reload_with_many(Mesh& mesh, const std::string& service) {
  auto next = mesh.options;
  next.service = service;
  for (std::size_t i = 0; i < 3 * path::UpcomingView::kBackendsATurn; ++i) {
    next.services += "  many" + std::to_string(i) +
                     ".default: { ports: { 80: http }, endpoints: { addresses: [10.9.9.9:1] }, "
                     "tls: { mode: none } }\n";
  }
  mesh.api.reload(Mesh::calling_yaml(next));
}

TEST(Reload, with_very_many_backends_has_what_is_told_meanwhile_and_the_last_one_counts) {
  Mesh mesh(with("    retries: { max: 0 }\n"));
  mesh.api.publish("api2.default", {kDead});
  const int before = mesh.add(request(), answer());
  mesh.call({before});
  const path::Worker& worker = mesh.api.workers.front()->worker;
  mesh.after(seconds(1), [&] {
    const auto version = worker.view->snapshot().version;
    reload_with_many(mesh, "    routes: [ { name: none, refuse: { status: 503 } } ]\n");
    reload_with_many(mesh, "    retries: { max: 1 }\n");
    mesh.api.post_endpoints("api2.default", {Mesh::kApp});
    EXPECT_EQ(worker.view->snapshot().version, version) << "it is in force some turns later";
  });
  const int after = mesh.add(request(), answer());
  mesh.call({after}, false, seconds(2));
  mesh.wind_down();
  EXPECT_NE(mesh[before].response.status(), 200);
  EXPECT_EQ(mesh[after].response.status(), 200) << mesh.story(after);
  EXPECT_GT(worker.view->snapshot().services.size(), 3 * path::UpcomingView::kBackendsATurn);
}

}  // namespace
}  // namespace epaulet::sim
