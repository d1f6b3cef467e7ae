#include "server/crowd_memory.h"

#include <utility>

namespace epaulet::server {

using telemetry::Counter;

CrowdMemory::CrowdMemory(Loop& loop, const Shards& shards, const std::atomic<std::uint32_t>& served,
                         std::function<void()> give_back)
    : loop_(loop), shards_(shards), served_(served), give_back_(std::move(give_back)) {
  loop_.timers().arm(*this, loop_.now() + kLookEvery);
}

void CrowdMemory::on_timer() {
  loop_.timers().arm(*this, loop_.now() + kLookEvery);
  std::uint64_t accepted = 0;
  for (const auto& shard : shards_) {
    accepted += shard->metrics().value(Counter::connections_accepted_inbound) +
                shard->metrics().value(Counter::connections_accepted_outbound);
  }
  if (watch_.has_left(served_.load(std::memory_order_relaxed), accepted)) give_back_();
}

}  // namespace epaulet::server
