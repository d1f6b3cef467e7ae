#include "server/pressure_log.h"

namespace epaulet::server {
namespace {

using telemetry::Counter;

struct Line {
  Counter counter;
  const char* event;
  const char* message;
};

constexpr std::array<Line, 3> kLines{{
    {Counter::connections_refused_overload, "connections_refused",
     "as many connections are served as `limits.downstream`, the memory limit or the limit of "
     "open descriptors allows; others are reset"},
    {Counter::accept_failed_descriptors, "descriptors_exhausted",
     "no descriptor is left for new connections, which wait; raise the limit of open files"},
    {Counter::accept_failed_memory, "memory_exhausted",
     "no memory is left for new connections, which wait"},
}};

}  // namespace

PressureLog::PressureLog(Loop& loop, const Shards& shards) : loop_(loop), shards_(shards) {
  loop_.timers().arm(*this, loop_.now() + kLookEvery);
}

void PressureLog::on_timer() {
  const auto now = loop_.now();
  loop_.timers().arm(*this, now + kLookEvery);
  for (std::size_t i = 0; i < kLines.size(); ++i) {
    std::uint64_t count = 0;
    for (const auto& shard : shards_) count += shard->metrics().value(kLines[i].counter);
    Watched& last = watched_[i];
    const bool is_due = last.said == 0 || now - last.said_at >= kAgain;
    if (count == last.said || !is_due) continue;
    shards_.front()->log().warning(loop_.wall_now(), kLines[i].event, kLines[i].message,
                                   {{"count", static_cast<std::int64_t>(count - last.said)}});
    last = {count, now};
  }
}

}  // namespace epaulet::server
