#include "server/process.h"

namespace epaulet::server {

/// Before the first configuration: its snapshot names who asks for keys.
std::unique_ptr<jwks::RemoteKeys> Process::make_remote_keys() {
  jwks::RemoteKeys::Listener listener;
  listener.on_keys = [this] { renew_keys_soon(); };
  listener.on_skipped = [this](const std::string& issuer, const std::string& skipped) {
    shards_.front()->log().warning(
        wall_now(), "key_skipped", "a key of an issuer is not used",
        {{"issuer", std::string_view(issuer)}, {"reason", std::string_view(skipped)}});
  };
  listener.on_failure = [this](const jwks::IssuerStatus& status) {
    shards_.front()->log().warning(
        wall_now(), "issuer_keys_not_fetched",
        status.keys > 0 ? "an issuer gives no keys; those at hand stay in force"
                        : "an issuer gives no keys: its tokens are refused until it does",
        {{"issuer", std::string_view(status.issuer)},
         {"url", std::string_view(status.url)},
         {"keys", static_cast<std::int64_t>(status.keys)},
         {"reason", std::string_view(status.last_error)}});
  };
  listener.on_recovery = [this](const jwks::IssuerStatus& status) {
    shards_.front()->log().info(wall_now(), "issuer_keys_fetched", "an issuer's keys have come",
                                {{"issuer", std::string_view(status.issuer)},
                                 {"keys", static_cast<std::int64_t>(status.keys)}});
  };
  listener.on_recall = [this](const jwks::IssuerStatus& status) {
    shards_.front()->log().info(
        AsioLoop::read_wall_clock(), "issuer_keys_recalled",
        "an issuer's keys of before the restart are in force until it answers",
        {{"issuer", std::string_view(status.issuer)},
         {"keys", static_cast<std::int64_t>(status.keys)}});
  };
  listener.on_storage = [this](const std::optional<Error>& error) {
    // Not before there is a snapshot, which has the directory's name.
    loop_.post([this, error] { note_state(StateFile::issuer_keys, error); });
  };
  return std::make_unique<jwks::RemoteKeys>(loop_, std::move(listener));
}

/// Several issuers may answer at once: one snapshot for all of them.
void Process::renew_keys_soon() {
  if (renewing_keys_) return;
  renewing_keys_ = true;
  loop_.post([this] {
    renewing_keys_ = false;
    renew_keys();
  });
}

/// The settings in force with other keys. What stands in files, and may be half written now, takes
/// no part.
void Process::renew_keys() {
  auto keys = file_keys_;
  remote_keys_->add_to(keys);
  snapshot_ = path::Snapshot::build(snapshot_->settings, ++version_, std::move(keys),
                                    addresses_->services_by_address(), states_);
  publish_snapshot();
  states_.collect();
  shards_.front()->log().info(wall_now(), "issuer_keys_changed", "other keys are in force",
                              {{"version", static_cast<std::int64_t>(version_)}});
}

void Process::publish_snapshot() {
  published_.push_back(snapshot_);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    auto* shard = shards_[i + 1].get();
    workers_[i]->post([shard, snapshot = snapshot_](path::Worker& worker, WorkerTls&) {
      shard->configure(snapshot->settings.log, snapshot->settings.explain);
      worker.set_snapshot(snapshot);
    });
  }
}

/// Ten thousand services take 90 ms to take apart. That is done here, and not by whichever worker
/// was the last to have them.
void Process::forget_snapshots() {
  std::erase_if(published_, [](const path::SnapshotPtr& one) { return one.use_count() == 1; });
}

}  // namespace epaulet::server
