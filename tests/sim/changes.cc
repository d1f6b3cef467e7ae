#include "changes.h"

namespace epaulet::sim {
namespace {

using std::chrono::milliseconds;
using Nanoseconds = std::chrono::nanoseconds;
using Addresses = std::vector<SocketAddress>;

/// A new configuration of either sidecar.
void draw_reload(Dice& dice, Scenario& scenario, Mesh& mesh, Nanoseconds at) {
  MeshOptions next = mesh.options;
  if (dice.chance(0.6)) {
    draw_calling(dice, scenario, next);
    const auto brings = [&next](std::string_view key) {
      return next.service.find(key) != std::string::npos;
    };
    scenario.limits_come = scenario.limits_come || brings("limits");
    scenario.breaker_comes = scenario.breaker_comes || brings("breaker");
    mesh.after(at, [&mesh, yaml = Mesh::calling_yaml(next)] { mesh.api.reload(yaml); });
  } else {
    draw_serving(dice, scenario, next);
    mesh.after(at, [&mesh, yaml = Mesh::serving_yaml(next)] { mesh.api2.reload(yaml); });
  }
}

void draw_endpoints(Dice& dice, Scenario& scenario, Mesh& mesh, Nanoseconds at) {
  scenario.endpoints_change = true;
  static const SocketAddress kNobody{IpAddress::v4(0x0A00004D), 1};
  Addresses addresses =
      dice.one_of<Addresses>({{Mesh::kApp}, {Mesh::kSecondApp}, {Mesh::kApp, Mesh::kSecondApp}});
  if (!is_calm(scenario) && dice.chance(0.3)) {
    addresses = dice.one_of<Addresses>({{}, {kNobody}, {kNobody, Mesh::kApp}});
  }
  mesh.after(at, [&mesh, addresses] { mesh.api.post_endpoints("api2.default", addresses); });
}

void draw_trust(Dice& dice, Scenario& scenario, Mesh& mesh, Nanoseconds at) {
  scenario.trust_changes = true;
  const bool root_leaves = !is_calm(scenario) && dice.chance(0.4);
  Sidecar& sidecar = dice.chance(0.5) ? mesh.api : mesh.api2;
  mesh.after(at, [&sidecar, root_leaves] { sidecar.change_trust(root_leaves); });
}

void draw_drain(Dice& dice, Scenario& scenario, Mesh& mesh) {
  Sidecar& sidecar = dice.chance(0.7) ? mesh.api2 : mesh.api;
  const auto begin = milliseconds(dice.number(0, dice.one_of<std::size_t>({100, 1'500, 9'000})));
  const auto grace = dice.one_of<Nanoseconds>({Nanoseconds(0), milliseconds(5), milliseconds(500)});
  // In calm weather nobody takes longer than this.
  const auto timeout =
      is_calm(scenario)
          ? Nanoseconds(std::chrono::minutes(2))
          : dice.one_of<Nanoseconds>({milliseconds(1), milliseconds(300), std::chrono::seconds(5)});
  scenario.drains = true;
  mesh.drain(sidecar, begin, grace, timeout);
}

}  // namespace

void draw_changes(Dice& dice, Scenario& scenario, Mesh& mesh) {
  if (dice.chance(0.15)) draw_drain(dice, scenario, mesh);
  if (dice.chance(0.3)) return;
  const std::size_t count = dice.size(12);
  const std::size_t span = dice.one_of<std::size_t>({50, 1'000, 8'000});
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = milliseconds(dice.number(0, span));
    const auto kind = dice.number(0, 9);
    if (kind < 5) {
      draw_reload(dice, scenario, mesh, at);
    } else if (kind < 8) {
      draw_endpoints(dice, scenario, mesh, at);
    } else {
      draw_trust(dice, scenario, mesh, at);
    }
  }
}

}  // namespace epaulet::sim
