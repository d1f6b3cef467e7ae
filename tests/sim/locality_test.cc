// The own zone first, and what spills over from it.

#include "health_scripts.h"

namespace epaulet::sim {
namespace {

/// Two endpoints of our own zone, each of which can fail for itself, and one that is elsewhere.
MeshOptions zoned(const std::string& keys = "") {
  MeshOptions options;
  options.mesh = MeshKind::plain;
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
  options.zones =
      "a: { addresses: ['10.0.0.2:8081', '10.0.0.3:8080'] }, "
      "b: { addresses: ['10.0.0.2:8080'] }";
  options.workload = "workload: { zone: a }\n";
  options.service =
      "    balance: { policy: round_robin, locality: {} }\n    outliers: { max_ejected: 100% }\n" +
      keys;
  return options;
}

/// Attempts in our zone and in the other one.
struct Picks {
  std::uint64_t own = 0;
  std::uint64_t other = 0;
};
Picks picks(const Mesh& mesh) {
  return {mesh.api.counted(Counter::zone_picks_own), mesh.api.counted(Counter::zone_picks_other)};
}
Picks operator-(const Picks& a, const Picks& b) {
  return {a.own - b.own, a.other - b.other};
}

TEST(Locality, endpoints_of_the_own_zone_die_one_by_one_and_no_caller_hears_of_it) {
  for (const unsigned workers : {1u, 2u}) {
    auto options = zoned("    retries: { max: 2, statuses: [503], backoff: { initial: 1ms } }\n");
    options.workers = workers;
    Mesh mesh(options);
    const auto ids = call_every(mesh, 2400, milliseconds(50));  // Two minutes.
    std::vector<Picks> at;
    const auto note = [&] { at.push_back(picks(mesh)); };
    mesh.after(seconds(30), [&] { note(), mesh.second_app.failing_status = 503; });
    mesh.after(seconds(35), note);  // It is known to have failed.
    mesh.after(seconds(60), [&] { note(), mesh.bare_app.failing_status = 503; });
    mesh.after(seconds(65), note);
    mesh.after(seconds(85), [&] {
      note();
      mesh.second_app.failing_status = mesh.bare_app.failing_status = 0;
    });
    mesh.wind_down();
    EXPECT_EQ(count_with(mesh, ids, 200), 2400u);
    ASSERT_EQ(at.size(), 5u);
    EXPECT_EQ(at[0].other, 0u);
    EXPECT_NEAR(static_cast<double>(at[0].own), 600, 2);
    // One of two: 70 %, but for what finds out whether the other is back.
    const auto half = at[2] - at[1];
    EXPECT_NEAR(static_cast<double>(half.own), 350, 8);
    EXPECT_NEAR(static_cast<double>(half.other), 150, 8);
    const auto none = at[4] - at[3];
    EXPECT_LE(none.own, 8u);
    EXPECT_GE(none.other, 395u);
    // Both are tried again within a minute and a half of their second failure, and are well.
    EXPECT_EQ(said(mesh, "endpoint_restored"), 2u);
    const auto rest = picks(mesh) - at[4];
    EXPECT_GE(rest.own, 100u);
  }
}

TEST(Locality, a_zone_that_dies_at_once_costs_retries_and_no_answer) {
  auto options = zoned("    retries: { budget: 100% }\n");
  options.zones =
      "a: { addresses: ['10.0.0.77:1', '10.0.0.77:2'] }, "
      "b: { addresses: ['10.0.0.2:8080', '10.0.0.2:8081'] }";
  Mesh mesh(options);
  const auto ids =
      call_every(mesh, 200, milliseconds(50), request("POST", body(Framing::length, 10)));
  mesh.wind_down();
  EXPECT_EQ(count_with(mesh, ids, 200), 200u);
  EXPECT_EQ(said(mesh, "endpoint_ejected"), 2u);
  // Three failures of each, each retried in the other zone at once.
  EXPECT_EQ(picks(mesh).own, 6u);
  EXPECT_EQ(mesh.api.counted(Counter::retries), 6u);
}

TEST(Locality, the_factor_says_how_much_the_rest_of_the_zone_bears) {
  const auto own_share = [](const std::string& factor) {
    auto options = zoned(
        "    retries: { max: 2, budget_floor: 10, statuses: [503], backoff: { initial: 1ms } }\n");
    const auto at = options.service.find("locality: {}");
    options.service.replace(at, 12, "locality: { overprovisioning_factor: " + factor + " }");
    Mesh mesh(options);
    const auto ids = call_every(mesh, 500, milliseconds(50));
    mesh.second_app.failing_status = 503;
    Picks before;
    mesh.after(seconds(5), [&] { before = picks(mesh); });
    mesh.wind_down();
    EXPECT_EQ(count_with(mesh, ids, 200), 500u);
    const auto behind = picks(mesh) - before;
    return static_cast<double>(behind.own) / static_cast<double>(behind.own + behind.other);
  };
  EXPECT_NEAR(own_share("1"), 0.5, 0.03);
  EXPECT_NEAR(own_share("1.4"), 0.7, 0.03);
  EXPECT_NEAR(own_share("2"), 1, 0.03);
}

TEST(Locality, a_failed_exchange_tells_why_it_left_the_zone) {
  auto options = zoned("    retries: { max: 1, statuses: [503], backoff: { initial: 1ms } }\n");
  Mesh mesh(options);
  mesh.app.failing_status = mesh.second_app.failing_status = mesh.bare_app.failing_status = 503;
  const int id = mesh.add(request());
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 503);
  bool told = false;
  for (const auto& record : mesh.api.exchanges()) {
    for (std::size_t i = 0; i < record.trace.size(); ++i) {
      const auto& entry = record.trace[i];
      if (entry.event != telemetry::Event::left_zone) continue;
      told = true;
      EXPECT_EQ(telemetry::text_of(entry.a), "b");
      EXPECT_EQ(entry.b, telemetry::in_zone(2, 2));  // Neither is left out for one failure.
    }
  }
  EXPECT_TRUE(told);
}

TEST(Locality, a_reload_may_turn_it_off_and_move_us) {
  auto options = zoned();
  Mesh mesh(options);
  const auto ids = call_every(mesh, 300, milliseconds(50));
  std::vector<Picks> at;
  mesh.after(seconds(5), [&] {
    at.push_back(picks(mesh));
    options.workload = "workload: { zone: b }\n";
    mesh.api.reload(Mesh::calling_yaml(options));
  });
  mesh.after(seconds(10), [&] {
    at.push_back(picks(mesh));
    options.service = "    balance: { policy: round_robin }\n";
    mesh.api.reload(Mesh::calling_yaml(options));
  });
  mesh.wind_down();
  EXPECT_EQ(count_with(mesh, ids, 200), 300u);
  ASSERT_EQ(at.size(), 2u);
  EXPECT_NEAR(static_cast<double>(at[1].own), 200, 3);
  EXPECT_EQ(at[1].other, 0u);
  EXPECT_NEAR(static_cast<double>(attempts_at(mesh, Mesh::kApp)), 100 + 33, 4);
  EXPECT_NEAR(static_cast<double>(picks(mesh).own), 200, 3);  // Not counted any more.
}

}  // namespace
}  // namespace epaulet::sim
