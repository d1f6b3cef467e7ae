#include "runtime/frame_pool.h"
#include "tests/fuzz/support/connection_inspection.h"

// A whole connection through a sidecar: support/connection_script.h says what an input means. What
// must hold whatever both ends do: it ends in time, every exchange has one outcome, no end hears
// what the other has not said, and all that was taken is given back.

namespace {

using namespace epaulet;
using namespace epaulet::fuzz;

void run(std::string_view input) {
  const Script script = read_script(input);
  World world(script);
  // The last of them may begin when those before had all the time that they may take.
  const auto requests = script.said_bytes / 16 + 2;
  const bool ended =
      world.run(script.pauses + std::chrono::minutes(1) + requests * std::chrono::seconds(20));
  const auto* left = world.left_over();
  if (left != nullptr) fail(world, left);
  const auto is_tunnel = [](const auto& record) {
    return record.kind == telemetry::ConnectionRecord::Kind::tunnel;
  };
  const bool tunnel =
      std::any_of(world.connections().begin(), world.connections().end(), is_tunnel) ||
      (!world.exchanges().empty() && world.exchanges().back().status == 101);
  // Who is silent may wait for a server that is silent, too.
  if (!ended && !tunnel && !world.caller.said.empty()) fail(world, "it did not end in time");
  Inspection(world, script).inspect();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frames = FramePool::in_use();
  if (size < kOptionBytes) return 0;
  run({reinterpret_cast<const char*>(data), size});
  EPAULET_ASSERT(FramePool::in_use() == frames);
  return 0;
}
