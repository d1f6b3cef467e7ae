#include <fmt/format.h>

#include <algorithm>

#include "inspection.h"

// What must hold of an exchange over HTTP/2. inspection.cc has what holds for every version.
namespace epaulet::sim {
namespace {

constexpr std::uint32_t kRefused = 7;

bool stalls(const Exchanged& exchanged) {
  return exchanged.request.stall.count() > 0 || exchanged.answer.stall.count() > 0;
}

}  // namespace

void Inspection::inspect(const Http2Conversation& conversation) {
  pipelined_ = keeps_silent_ = next_is_cut_ = false;
  outside_ = conversation.outside;
  bare_ = conversation.bare;
  before_ = 0;
  const auto& manners = conversation.calling.manners;
  for (const int id : conversation.ids) {
    id_ = id;
    const Exchanged& exchanged = mesh_[id];
    reads_slowly_ = exchanged.request.stall.count() > 0 || manners.stops_reading_for.count() > 0;
    const bool broken = manners.breaks_after.has_value();
    aborted_ = exchanged.aborted || (broken && !exchanged.answered);
    inspect_deliveries(exchanged);
    inspect_answer(exchanged);
    // It never came to anybody: its connection had ended, or its sidecar refused it.
    const bool unheard =
        exchanged.never_asked || exchanged.connection_lost || exchanged.reset_code == kRefused;
    inspect_reports(exchanged, unheard);
    inspect_stream(exchanged);
    const auto before = problems.size();
    if (is_calm(scenario_)) inspect_calm_stream(conversation, exchanged);
    if (problems.size() > before) {
      const auto& calling = conversation.calling;
      problems.back() +=
          fmt::format("  {}{}silent for {} ms, then for {} ms\n", outside_ ? "from outside, " : "",
                      bare_ ? "to bare, " : "", calling.silence.count() / 1'000'000,
                      calling.manners.settings_late.count() / 1'000'000);
    }
  }
}

/// Exactly one outcome, whatever happens.
void Inspection::inspect_stream(const Exchanged& exchanged) {
  const bool over = exchanged.never_asked || exchanged.answered || exchanged.reset_code ||
                    exchanged.connection_lost;
  expect(over, "nobody has ended this stream");
  expect(!exchanged.upload_stuck, "nobody took the rest of a request, nor stopped it");
  if (exchanged.reset_code == std::uint32_t{0} && !exchanged.aborted) {
    problem("half an answer was ended without an error");
  }
}

/// The call failed, in a head that says so in gRPC's words.
void Inspection::inspect_grpc_refusal(const Exchanged& exchanged) {
  const Message& response = exchanged.response;
  const auto status = response.field("grpc-status");
  expect(status && *status != "0", "a call of nobody went well");
  expect(response.field("x-request-id") == id_text(id_), "a refusal without its request id");
  expect(response.body.empty(), "a refusal with a body");
}

/// Nothing went wrong, so nothing may have failed: one stream more or less is no reason, and who
/// does not read holds up nobody but himself.
void Inspection::inspect_calm_stream(const Http2Conversation& conversation,
                                     const Exchanged& exchanged) {
  const bool leaves = conversation.calling.goodbye_at.has_value();
  if (exchanged.never_asked) {
    // Told to go: the rest of what it wanted to ask goes elsewhere.
    const bool may_go = scenario_.drains || scenario_.trust_changes || leaves;
    return expect(may_go, "never asked, though nothing went wrong");
  }
  // The caller's own GOAWAY overtakes what it has still to send.
  if ((scenario_.drains || leaves) && exchanged.deliveries.empty()) return;
  expect(exchanged.answered, "not answered, though nothing went wrong");
  // More than is kept for another attempt.
  constexpr std::size_t kKept = 64 * 1024;
  if (exchanged.answer.early_after || exchanged.request.body.bytes > kKept) return;
  // Three connections in a row that took nothing more are enough.
  if (scenario_.goodbyes && exchanged.deliveries.empty()) return;
  if (may_fall_back(exchanged) || was_refused_on_purpose()) return;
  if (is_accepted(exchanged)) return inspect_calm_delivery(exchanged);
  expect(exchanged.response.field("x-answers").has_value() || breaker_may_be_open(),
         "refused, though nothing went wrong");
  expect(exchanged.deliveries.size() <= 1 || was_hedged(), "delivered more than once");
  // Where few connections are allowed, one that was told to go and still serves somebody has its
  // permit for as long, and the next one may have it again. Nobody waits for the end of an idle
  // one.
  const bool few = scenario_.options.service.find("limits") != std::string::npos;
  // Where a reload leaves one connection, of one stream, those who stall stand in one line.
  if (stalls(exchanged) || scenario_.limits_come) return;
  const auto before_it = std::count_if(mesh_.ledger.begin(), mesh_.ledger.end(),
                                       [](const auto& one) { return stalls(one.second); });
  expect(exchanged.ended_at - exchanged.sent_at < (few ? before_it + 1 : 1) * kStall,
         "held up by somebody else, who does not read");
}

}  // namespace epaulet::sim
