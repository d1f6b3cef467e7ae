#include <csignal>

#include "server/process.h"

namespace epaulet::server {
namespace {

constexpr std::chrono::milliseconds kLookEvery{20};

}  // namespace

void Process::publish_trust(const std::shared_ptr<const TlsContext>& context) {
  ++counts_.identity_loaded;
  shards_.front()->log().info(wall_now(), "identity_loaded", "the certificate files are in force",
                              {{"identity", std::string_view(context->identity().id().text())}});
  on_every_worker([context](path::Worker& worker, WorkerTls& tls) {
    const auto before = tls.trust_generation();
    tls.set_context(context);
    if (tls.trust_generation() != before) worker.trust_changed();
  });
}

void Process::on_signal(int signal) {
  if (signal == SIGHUP) return (void)reload(true);
  if (!draining_) return drain();
  loop_.stop();  // Asked twice: at once.
}

void Process::drain() {
  draining_ = true;
  shards_.front()->log().info(wall_now(), "draining",
                              "no new callers are to come; what runs may end");
  for (auto& worker : workers_) worker->begin_drain();
  loop_.spawn(drain_in_order());
}

/// Readiness has turned (draining_). Inbound serves late arrivals for the grace period, telling all
/// callers to go, then what its queues hold; outbound lives until the app has gone or the time is
/// up.
Task<void> Process::drain_in_order() {
  const auto& settings = snapshot_->settings.drain;
  const auto begin = loop_.now();
  const auto end = begin + settings.grace + settings.timeout;
  (void)co_await sleep_until(root_, begin + settings.grace);
  for (auto& worker : workers_) worker->drain_inbound();
  for (bool busy = true; busy && loop_.now() < end;) {
    for (auto& worker : workers_) worker->refresh();
    const auto slept = co_await sleep_until(root_, loop_.now() + kLookEvery);
    if (!slept) co_return;
    busy = false;
    for (const auto& worker : workers_) {
      busy = busy || worker->inbound_connections() > 0 || worker->outbound_connections() > 0;
    }
  }
  for (auto& worker : workers_) worker->stop_accepting();
  loop_.stop();
}

}  // namespace epaulet::server
