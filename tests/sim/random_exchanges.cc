#include "random_exchanges.h"

#include <fmt/format.h>

#include "changes.h"
#include "http2_scenario.h"
#include "inspection.h"
#include "io/block.h"
#include "random_models.h"
#include "runtime/frame_pool.h"

namespace epaulet::sim {

std::string replay_command(std::uint64_t seed) {
  return fmt::format("sim_run --seeds 1 --from {}", seed);
}

namespace {

std::vector<std::string> run(std::uint64_t seed, bool tells_all) {
  Dice dice(seed);
  Scenario scenario = draw_scenario(dice, seed);
  Mesh mesh(scenario.options);
  mesh.second_app.keep_alive = mesh.app.keep_alive = scenario.app_keep_alive;
  mesh.second_app.answers_silence = mesh.app.answers_silence = scenario.answers_silence;
  mesh.client.think = scenario.client_think;
  if (is_hedged(seed)) mesh.api.remember_answers(std::chrono::milliseconds(seed % 7 * 3));
  const auto conversations = draw_conversations(dice, scenario, mesh);
  const auto http2_conversations = draw_http2_conversations(dice, scenario, mesh);
  const auto talks = draw_talks(dice, mesh);
  draw_changes(dice, scenario, mesh);
  auto problems = mesh.end();
  Inspection inspection(mesh, scenario);
  inspection.take_copies_out();
  for (const auto& conversation : conversations) inspection.inspect(conversation);
  for (const auto& conversation : http2_conversations) inspection.inspect(conversation);
  inspection.inspect(talks);
  inspection.inspect_all();
  problems.insert(problems.end(), inspection.problems.begin(), inspection.problems.end());
  if (!problems.empty()) {
    if (tells_all) {
      for (const auto& one : mesh.ledger) problems.push_back(mesh.story(one.first));
    }
    problems.push_back(fmt::format(
        "weather {}, configuration:\n{}and of api2:\n{}", static_cast<int>(scenario.weather),
        Mesh::calling_yaml(mesh.options), Mesh::serving_yaml(mesh.options)));
  }
  return problems;
}

}  // namespace

std::vector<std::string> simulate(std::uint64_t seed, bool tells_all) {
  const auto frames = FramePool::in_use();
  const auto streams = test::MemoryStream::in_use();
  auto problems = run(seed, tells_all);
  for (auto& broken : model_problems(seed)) problems.push_back(std::move(broken));
  if (Block::in_use() != 0)
    problems.push_back(fmt::format("{} buffers behind it", Block::in_use()));
  if (test::MemoryStream::in_use() != streams)
    problems.emplace_back("ends of connections behind it");
  if (FramePool::in_use() != frames) {
    problems.push_back(
        fmt::format("{} coroutine frames before, {} behind it", frames, FramePool::in_use()));
  }
  return problems;
}

}  // namespace epaulet::sim
