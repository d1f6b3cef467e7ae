#include "runtime/frame_pool.h"
#include "tests/fuzz/support/connection_story.h"
#include "tests/fuzz/support/http2_script.h"
#include "tests/fuzz/support/naive_http2.h"

// A whole connection of HTTP/2 through a sidecar: support/http2_script.h says what an input means.
// What must hold whatever both ends do: it ends in time, every exchange has one outcome, what a
// sidecar says is HTTP/2, no body holds what the other end has not said, and all that was taken is
// given back.

namespace {

using namespace epaulet;
using namespace epaulet::fuzz;
using naive2::Frame;

std::string_view heard_by_caller(const World& world, const Script& script) {
  std::string_view heard = world.caller.heard;
  if (script.way != Way::inbound_mesh) return heard;
  const auto line = heard.find('\n');
  return line == std::string_view::npos ? std::string_view() : heard.substr(line + 1);
}

bool is_ours(std::string_view body) {
  for (const std::string_view begin : {"epaulet: ", "Refused by the service mesh"}) {
    if (body.starts_with(begin) || begin.starts_with(body)) return true;  // A window may be small.
  }
  return false;
}

/// Every body that arrived is the beginning of one that was sent.
void expect_bodies(const World& world, const std::vector<Frame>& heard,
                   const std::vector<std::vector<Frame>>& said, const char* otherwise) {
  for (const auto& [id, body] : naive2::bodies_of(heard)) {
    bool known = body.empty() || is_ours(body);
    for (const auto& frames : said) {
      if (known) break;
      for (const auto& [other, sent] : naive2::bodies_of(frames)) {
        known = known || std::string_view(sent).starts_with(body);
      }
    }
    if (!known) fail(world, otherwise);
  }
}

void inspect(const World& world, const Script& script) {
  std::string_view rest;
  const auto heard = naive2::frames_of(heard_by_caller(world, script), rest);
  if (const auto* fault = naive2::fault_of(heard)) fail(world, fault);
  std::string_view caller_said = world.caller.said;
  if (!caller_said.starts_with(kPreface)) return;
  caller_said.remove_prefix(kPreface.size());
  const auto asked = naive2::frames_of(caller_said, rest);
  std::set<std::uint32_t> requests;
  for (const Frame& frame : asked) {
    if (frame.type == naive2::kHeaders) requests.insert(frame.stream);
  }
  if (world.exchanges().size() > requests.size()) fail(world, "more outcomes than requests");
  std::vector<std::vector<Frame>> answers;
  for (const Party& app : world.app) {
    std::string_view text = app.heard;
    if (!text.starts_with(kPreface)) continue;
    text.remove_prefix(kPreface.size());
    const auto delivered = naive2::frames_of(text, rest);
    if (const auto* fault = naive2::fault_of(delivered)) fail(world, fault);
    expect_bodies(world, delivered, {asked}, "the app got what no caller has said");
    answers.push_back(naive2::frames_of(app.said, rest));
  }
  expect_bodies(world, heard, answers, "the caller got what no app has said");
}

void run(std::string_view input) {
  const Script script = read_http2_script(input);
  World world(script);
  const bool ended = world.run(script.pauses + std::chrono::minutes(3));
  if (const auto* left = world.left_over()) fail(world, left);
  if (!ended) fail(world, "it did not end in time");
  inspect(world, script);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frames = FramePool::in_use();
  if (size < kOptionBytes) return 0;
  run({reinterpret_cast<const char*>(data), size});
  EPAULET_ASSERT(FramePool::in_use() == frames);
  return 0;
}
