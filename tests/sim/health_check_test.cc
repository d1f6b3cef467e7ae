// Endpoints are asked whether they are well, also while nobody else asks them.

#include "config/health_check_settings.h"
#include "health_scripts.h"

namespace epaulet::sim {
namespace {

MeshOptions with(const std::string& check, const std::string& more = {}) {
  MeshOptions options;
  options.mesh = MeshKind::fake_tls;
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }, 8083: { tls: permissive }";
  options.service =
      "    balance: { policy: round_robin }\n    retries: { max: 0 }\n    health_check: { " +
      check + " }\n" + more;
  return options;
}
constexpr const char* kOften =
    "http: { path: /healthz }, interval: 1s, healthy_after: 2, unhealthy_after: 2";

const resilience::HealthBoard& board(const Mesh& mesh) {
  return *mesh.api.workers.front()->worker.view->snapshot().backends.front().checks;
}

/// So many requests from `start` on.
std::vector<int> call_from(Mesh& mesh, milliseconds start, int count) {
  std::vector<int> ids;
  for (int i = 0; i < count; ++i) {
    ids.push_back(mesh.add(request()));
    mesh.call({ids.back()}, false, start + milliseconds(50) * i);
  }
  return ids;
}

TEST(HealthChecks, who_fails_them_gets_no_request_and_does_again_when_it_passes) {
  for (const unsigned workers : {1u, 2u}) {
    auto options = with(kOften);
    options.workers = workers;
    Mesh mesh(options);
    mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
    mesh.second_app.health_status = 503;
    const auto early = call_from(mesh, seconds(10), 40);  // The first requests of all.
    std::size_t attempts = 0;
    mesh.after(seconds(13), [&] {
      attempts = attempts_at(mesh, Mesh::kSecondApp);
      mesh.second_app.health_status = 204;
    });
    const auto late = call_from(mesh, seconds(20), 40);
    mesh.wind_down();
    EXPECT_EQ(attempts, 0u);
    EXPECT_EQ(count_with(mesh, early, 200) + count_with(mesh, late, 200), 80u);
    EXPECT_GE(attempts_at(mesh, Mesh::kSecondApp), 15u);
    EXPECT_EQ(said(mesh, "endpoint_unhealthy"), 1u);
    EXPECT_EQ(said(mesh, "endpoint_healthy"), 1u);  // Not that they were to begin with.
    EXPECT_EQ(mesh.api.exchanges().size(), 80u);    // Checks are none.
    // One worker checks for all.
    EXPECT_GE(mesh.app.checks(), 15u);
    EXPECT_LE(mesh.app.checks(), 28u);
  }
}

TEST(HealthChecks, a_dead_endpoint_costs_no_request_an_attempt) {
  for (const char* how : {"http: {}", "tcp: {}"}) {
    Mesh mesh(with(std::string(how) + ", interval: 1s", "    outliers: { enabled: false }\n"));
    // Nobody listens behind the sidecar at the third.
    const auto unserved = *SocketAddress::parse("10.0.0.2:8083");
    const bool is_tcp = std::string_view(how) == "tcp: {}";
    mesh.api.publish("api2.default", is_tcp ? std::vector{Mesh::kApp, Mesh::kSecondApp, unserved}
                                            : std::vector{Mesh::kApp, Mesh::kSecondApp, kDead});
    const auto ids = call_from(mesh, seconds(10), 30);
    mesh.wind_down();
    EXPECT_EQ(count_with(mesh, ids, 200), 30u);
    EXPECT_EQ(attempts_at(mesh, is_tcp ? unserved : kDead), 0u);
    EXPECT_EQ(said(mesh, "endpoint_unhealthy"), 1u);
  }
}

TEST(HealthChecks, where_most_fail_they_are_not_heeded) {
  Mesh mesh(with(kOften));
  mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
  mesh.app.health_status = mesh.second_app.health_status = 500;
  const auto ids = call_from(mesh, seconds(10), 40);
  mesh.wind_down();
  EXPECT_EQ(count_with(mesh, ids, 200), 40u);
  EXPECT_GE(attempts_at(mesh, Mesh::kApp), 15u);
  EXPECT_GE(attempts_at(mesh, Mesh::kSecondApp), 15u);
  EXPECT_EQ(said(mesh, "health_checks_not_heeded"), 1u);
}

TEST(HealthChecks, a_reload_keeps_what_they_say_and_another_question_begins_anew) {
  for (const bool other_question : {false, true}) {
    Mesh mesh(with(kOften));
    mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
    mesh.second_app.health_status = 503;
    std::size_t unhealthy = 0;
    mesh.after(seconds(10), [&] {
      auto next = mesh.options;
      next.service = with(other_question ? "http: { path: /other }, interval: 1m"
                                         : "http: { path: /healthz }, interval: 1m, jitter: 0%, "
                                           "healthy_after: 2, unhealthy_after: 2",
                          "    outliers: { consecutive: 7 }\n")
                         .service;
      mesh.api.reload(Mesh::calling_yaml(next));
    });
    const auto ids = call_from(mesh, milliseconds(10100), 20);
    mesh.after(seconds(12), [&] { unhealthy = board(mesh).totals().unhealthy; });
    mesh.call({mesh.add(request())}, false, seconds(15));
    mesh.wind_down();
    EXPECT_EQ(unhealthy, other_question ? 0u : 1u);
    if (!other_question) {
      EXPECT_EQ(attempts_at(mesh, Mesh::kSecondApp), 0u);
    }
    EXPECT_EQ(count_with(mesh, ids, 200), 20u);
  }
}

TEST(HealthChecks, who_leaves_is_not_checked_any_more_and_who_stays_keeps_its_state) {
  Mesh mesh(with(kOften));
  mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp, kDead});
  mesh.second_app.health_status = 503;
  std::size_t checks = 0;
  mesh.after(seconds(10), [&] {
    mesh.api.post_endpoints("api2.default", {Mesh::kApp, Mesh::kSecondApp});
  });
  const auto ids = call_from(mesh, milliseconds(10010), 20);
  mesh.after(seconds(15), [&] {
    mesh.api.post_endpoints("api2.default", {Mesh::kApp});
    checks = mesh.second_app.checks();
  });
  mesh.call({mesh.add(request())}, false, seconds(30));
  mesh.wind_down();
  EXPECT_EQ(attempts_at(mesh, Mesh::kSecondApp), 0u);
  EXPECT_LE(mesh.second_app.checks(), checks + 1);
  EXPECT_EQ(board(mesh).entries().size(), 1u);
  EXPECT_EQ(count_with(mesh, ids, 200), 20u);
}

// IPv6 comes first in the order of addresses.
TEST(HealthChecks, who_leaves_by_ipv6_is_not_checked_any_more) {
  const auto six = *SocketAddress::parse("[fd00::77]:8080");
  for (const bool by_reload : {false, true}) {
    Mesh mesh(with(kOften));
    mesh.api.publish("api2.default", {six, Mesh::kApp});
    std::size_t entries = 0;
    mesh.after(seconds(5), [&] { entries = board(mesh).entries().size(); });
    mesh.after(seconds(10), [&] {
      if (!by_reload) return mesh.api.post_endpoints("api2.default", {Mesh::kApp});
      auto next = mesh.options;
      next.service = "    retries: { max: 0 }\n";
      mesh.api.reload(Mesh::calling_yaml(next));
    });
    std::size_t dials = 0;
    mesh.after(seconds(12), [&] { dials = mesh.network.dials(six); });
    mesh.call({mesh.add(request())}, false, seconds(30));
    mesh.wind_down();
    EXPECT_EQ(entries, 2u);
    EXPECT_GE(dials, 5u);
    EXPECT_EQ(mesh.network.dials(six), dials) << by_reload;
  }
}

TEST(HealthChecks, a_newcomer_that_waits_gets_its_first_request_after_its_first_pass) {
  Mesh mesh(with("http: {}, interval: 1s, initially: unhealthy"));
  mesh.second_app.health_status = 503;
  mesh.after(seconds(5), [&] {
    mesh.api.post_endpoints("api2.default", {Mesh::kApp, Mesh::kSecondApp});
  });
  const auto ids = call_from(mesh, milliseconds(4990), 100);
  std::size_t before = 0;
  mesh.after(milliseconds(7500), [&] {
    before = attempts_at(mesh, Mesh::kSecondApp);
    mesh.second_app.health_status = 200;
  });
  const auto late = call_from(mesh, seconds(15), 20);
  mesh.wind_down();
  EXPECT_EQ(before, 0u);
  EXPECT_GE(attempts_at(mesh, Mesh::kSecondApp), 8u);
  EXPECT_EQ(count_with(mesh, ids, 200), 100u);
}

TEST(HealthChecks, a_rule_that_refuses_the_check_is_a_failure_that_says_so) {
  auto options = with(kOften);
  options.access =
      "[ { name: not-you, deny: [anyone], paths: [/healthz] }, "
      "{ name: all, allow: [anyone] } ]";
  Mesh mesh(options);
  const auto ids = call_from(mesh, seconds(10), 5);
  mesh.wind_down();
  EXPECT_EQ(count_with(mesh, ids, 200), 5u);  // The only one there is.
  const auto entries = board(mesh).entries();
  ASSERT_TRUE(entries.at(0).last_failure);
  EXPECT_EQ(entries[0].last_failure->status, 403);
  EXPECT_EQ(entries[0].last_failure->code, ErrorCode::forbidden);
  EXPECT_NE(entries[0].last_failure->text.find("not-you"), std::string::npos)
      << entries[0].last_failure->text;
}

TEST(HealthChecks, a_drain_ends_them) {
  Mesh mesh(with(kOften));
  std::size_t checks = 0;
  mesh.drain(mesh.api, seconds(10), seconds(1), seconds(5));
  mesh.after(milliseconds(10100), [&] { checks = mesh.app.checks(); });
  mesh.call({mesh.add(request())}, false, seconds(8));
  mesh.after(seconds(30), [&] { EXPECT_EQ(mesh.app.checks(), checks); });
  mesh.wind_down();
  EXPECT_GE(checks, 5u);
}

TEST(HealthChecks, who_says_nothing_is_given_up_in_time) {
  Mesh mesh(with("http: {}, interval: 1s, timeout: 200ms, unhealthy_after: 1"));
  mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
  mesh.second_app.health_status = 0;
  const auto ids = call_from(mesh, seconds(5), 20);
  mesh.wind_down();
  EXPECT_EQ(count_with(mesh, ids, 200), 20u);
  EXPECT_EQ(attempts_at(mesh, Mesh::kSecondApp), 0u);
  const auto entries = board(mesh).entries();
  ASSERT_TRUE(entries.at(1).last_failure);
  EXPECT_EQ(entries[1].last_failure->text, "no answer within health_check.timeout (200 ms)");
}

}  // namespace
}  // namespace epaulet::sim
