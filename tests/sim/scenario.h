#pragma once

#include <chrono>
#include <deque>
#include <vector>

#include "dice.h"
#include "mesh.h"

/// What a seed draws: the two sidecars, what they suffer, who calls and what is answered.
namespace epaulet::sim {

/// What goes wrong in a simulation. `calm`: nothing, and every request must succeed.
enum class Weather { calm, app_faults, aborts, resets, all };

/// Of a sidecar's connections between requests, where it is not the default.
inline constexpr std::chrono::milliseconds kShortKeepAlive{300};

struct Scenario {
  MeshOptions options;
  Weather weather = Weather::calm;
  std::chrono::nanoseconds request_timeout{0};
  std::chrono::nanoseconds attempt_timeout{0};  ///< Zero: none. Reloads keep both.
  std::chrono::nanoseconds first_byte{0};       ///< The same.
  std::chrono::nanoseconds stream_idle{0};      ///< The same.
  std::chrono::nanoseconds app_keep_alive{0};
  bool answers_silence = false;  ///< The app: 408.
  std::chrono::nanoseconds client_think{0};
  std::size_t body_most = 0;
  std::size_t retries_most = 0;  ///< The largest `retries.max` that any configuration has.
  bool drains = false;
  bool trust_changes = false;
  bool goodbyes = false;  ///< Apps say GOAWAY behind a few requests, perhaps again and again.
  bool endpoints_change = false;
  bool limits_come = false;    ///< A reload may allow a few connections alone.
  bool breaker_comes = false;  ///< A reload may bring one.
  bool idle_ends = false;  ///< Somebody may end an idle connection when a request is on its way.
};

[[nodiscard]] inline bool is_calm(const Scenario& scenario) {
  return scenario.weather == Weather::calm;
}

/// One connection of the client.
struct Conversation {
  std::vector<int> ids;
  Manner manner;
  bool outside = false;  ///< Not through the caller's sidecar.
};

/// What one exchange is made of.
[[nodiscard]] RequestScript draw_request(Dice& dice, const Scenario& scenario);
[[nodiscard]] AnswerScript draw_answer(Dice& dice, const Scenario& scenario);
/// Draws connections whose server speaks first, and starts them.
[[nodiscard]] std::deque<Talk> draw_talks(Dice& dice, Mesh& mesh);
/// Half of the seeds make spans of all exchanges. Not drawn, so that seeds mean what they did.
[[nodiscard]] inline bool is_traced(const MeshOptions& options) {
  return options.seed % 2 == 0;
}
/// A third of them asks a second endpoint soon. Not drawn either.
[[nodiscard]] inline bool is_hedged(std::uint64_t seed) {
  return seed % 3 == 0;
}
/// Draws the caller's sidecar's settings: where it dials, with which limits and retries.
void draw_calling(Dice& dice, Scenario& scenario, MeshOptions& options);
/// Draws the settings of the app's sidecar.
void draw_serving(Dice& dice, const Scenario& scenario, MeshOptions& options);
[[nodiscard]] Scenario draw_scenario(Dice& dice, std::uint64_t seed);
/// Draws the connections of the client and starts them.
[[nodiscard]] std::vector<Conversation> draw_conversations(Dice& dice, Scenario& scenario,
                                                           Mesh& mesh);

}  // namespace epaulet::sim
