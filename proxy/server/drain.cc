#include <algorithm>
#include <csignal>

#include "path/drain.h"
#include "path/health_checks.h"
#include "server/process.h"

namespace epaulet::server {
namespace {

constexpr std::chrono::milliseconds kLookEvery{20};
constexpr std::chrono::milliseconds kCutTime{500};  ///< For what was cut to be reported.

}  // namespace

void Process::publish_trust(const std::shared_ptr<const TlsContext>& context) {
  ++counts_.identity_loaded;
  shards_.front()->log().info(
      wall_now(), "identity_loaded", "a new certificate is in force",
      {{"identity", std::string_view(context->identity().id().text())},
       {"source", std::string_view(identity_->is_from_service() ? "service" : "files")}});
  on_every_worker([context](path::Worker& worker, WorkerTls& tls) {
    const auto before = tls.trust_generation();
    tls.set_context(context);
    if (tls.trust_generation() != before) worker.trust_changed();
  });
}

void Process::on_signal(int signal) {
  if (signal == SIGHUP) return (void)reload(true);
  if (std::exchange(is_ending_, true)) return loop_.stop();  // Asked twice: at once.
  begin_drain(false);
  // A hook comes while the app works on, for an hour perhaps: until then they go on.
  on_every_worker([](path::Worker& worker, WorkerTls&) {
    if (worker.health_checks) worker.health_checks->stop();
  });
  loop_.spawn(drain_in_order());
}

/// Readiness turns, and callers hear that they are to go.
void Process::begin_drain(bool by_hook) {
  if (draining_since_) return;
  draining_since_ = loop_.now();
  drains_by_hook_ = by_hook;
  shards_.front()->log().info(wall_now(), "draining",
                              "no new callers are to come; what runs may end",
                              {{"by", by_hook ? "hook" : "signal"}});
  for (auto& worker : workers_) worker->begin_drain();
}

/// begin_drain() was. Kubelets whose hooks call us signal us when the app has gone: nobody is left
/// to serve late arrivals for.
Task<void> Process::drain_in_order() {
  class AllWorkers final : public path::DrainedWorkers {
   public:
    explicit AllWorkers(std::vector<std::unique_ptr<WorkerThread>>& workers) : workers_(workers) {}
    void drain_inbound() override {
      for (auto& worker : workers_) worker->drain_inbound();
    }
    void refresh() override {
      for (auto& worker : workers_) worker->refresh();
    }
    [[nodiscard]] bool busy() const override {
      return std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) {
        return worker->inbound_connections() > 0 || worker->outbound_connections() > 0;
      });
    }
    void stop_accepting() override {
      for (auto& worker : workers_) worker->stop_accepting();
    }

   private:
    std::vector<std::unique_ptr<WorkerThread>>& workers_;
  };
  const auto& settings = snapshot_->settings.drain;
  AllWorkers all(workers_);
  const std::chrono::nanoseconds grace = drains_by_hook_ ? Duration(0) : settings.grace;
  const bool done = co_await path::drain_in_order(all, root_, grace, settings.timeout);
  if (!done) co_return;
  if (all.busy()) {
    // Before spans are flushed: what is cut makes some.
    for (auto& worker : workers_) worker->cut();
    const auto latest = loop_.now() + kCutTime;
    while (all.busy() && loop_.now() < latest) {
      all.refresh();
      const auto slept = co_await sleep_until(root_, loop_.now() + kLookEvery);
      if (!slept) co_return;
    }
  }
  co_await flush_spans();
  loop_.stop();
}

}  // namespace epaulet::server
