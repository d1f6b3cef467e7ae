#include "base/error_table.h"
#include "config/config_files.h"
#include "dns/answers.h"
#include "server/admin_parts.h"
#include "server/directory_routes.h"
#include "server/key_files.h"

namespace epaulet::server {

/// Builds the snapshot of valid settings and puts it into force everywhere, or leaves everything as
/// it is and sets `rejection_`.
bool Process::apply(Settings settings, std::string text) {
  auto key_files = load_key_files(settings);
  if (!key_files.problems.empty()) {
    rejection_ = key_files.problems;
    return false;
  }
  // Where nobody can dial such an address, apps must not wait for it in vain.
  if (!has_ipv6_) settings.dns.virtual_v6.reset();
  settings.connections = std::min(settings.connections, connections_that_fit_);
  addresses_ = virtual_addresses_.apply(settings, AsioLoop::read_wall_clock());
  file_keys_ = std::move(key_files.keys);
  remote_keys_->apply(settings.issuers, settings.state_dir, AsioLoop::read_wall_clock());
  auto keys = file_keys_;
  remote_keys_->add_to(keys);
  snapshot_ = path::Snapshot::build(std::move(settings), ++version_, std::move(keys),
                                    addresses_->services_by_address(), states_);
  key_files_ = std::move(key_files.digests);
  config_text_ = std::move(text);
  rejection_.clear();
  said_.clear();
  configured_at_ = AsioLoop::read_wall_clock();
  ++counts_.config_loaded;

  const auto& now = snapshot_->settings;
  shards_.front()->configure(now.log, now.explain);
  apply_tracing();
  publish_snapshot();
  warn(key_files.warnings);
  // Before the endpoints, whose new names are asked for at once.
  if (dns_upstream_) dns_upstream_->set_servers(dns_servers());
  if (endpoints_) endpoints_->apply(now);
  if (dns_server_) dns_server_->apply(make_dns_view(now, addresses_, resolv_conf_.search));
  if (identity_) identity_->refresh(now.identity, wall_now());
  if (enroll_ || (identity_ && resolver_)) start_enrolling();
  if (endpoints_) follow_zone();
  if (dialer_ && resolver_) start_directory();
  if (admin_) {
    admin_->probes->set(now.workload.probes);
    admin_->app_metrics->set(now.workload.metrics);
  }
  states_.collect();
  return true;
}

/// What is in force, but not as whoever wrote it may think.
void Process::warn(const std::vector<std::string>& skipped_keys) {
  auto& log = shards_.front()->log();
  const WallTime now = AsioLoop::read_wall_clock();  // The loop may not run yet.
  for (const auto& skipped : skipped_keys) {
    log.warning(now, "key_skipped", "a key of an issuer is not used",
                {{"reason", std::string_view(skipped)}});
  }
  for (const auto& service : virtual_addresses_.without_address()) {
    log.warning(now, "no_virtual_address",
                "the service gets no address: `dns.virtual_v4` or the table is full",
                {{"service", std::string_view(service)}});
  }
  note_state(StateFile::addresses, virtual_addresses_.storage_error());
}

/// Says it when it begins and when it is over, not at each attempt.
void Process::note_state(StateFile which, const std::optional<Error>& error) {
  auto& known = state_errors_[static_cast<std::size_t>(which)];
  if (known == error) return;
  known = error;
  const auto another_has = [&](const std::optional<Error>& wanted) {
    for (const auto& other : state_errors_) {
      if (&other != &known && other && (!wanted || other == wanted)) return true;
    }
    return false;
  };
  auto& log = shards_.front()->log();
  const WallTime now = AsioLoop::read_wall_clock();
  const std::string_view directory =
      snapshot_ ? std::string_view(snapshot_->settings.state_dir) : std::string_view();
  if (error && !another_has(error)) {
    log.warning(now, "state_not_kept",
                "the state directory cannot be read or written: what is learnt is lost at the next "
                "restart",
                {{"directory", directory},
                 {"error", describe(error->code).name},
                 {"errno", std::int64_t{error->detail}}});
  } else if (!error && !another_has(std::nullopt)) {
    log.info(now, "state_kept", "the state directory works again", {{"directory", directory}});
  }
}

/// A full disk may be emptied. Endpoints do the same for their file.
void Process::write_state_again() {
  constexpr std::chrono::seconds kEvery{5};
  if (loop_.now() - state_tried_at_ < kEvery) return;
  state_tried_at_ = loop_.now();
  virtual_addresses_.write_again();
  note_state(StateFile::addresses, virtual_addresses_.storage_error());
}

/// As often as the configuration is applied; a mesh's routes may be many.
void Process::tell(const std::vector<Diagnostic>& notices) {
  constexpr std::size_t kNoticesMax = 20;
  auto& log = shards_.front()->log();
  for (std::size_t i = 0; i < notices.size() && i < kNoticesMax; ++i) {
    const auto place = notices[i].origin.to_string();
    log.warning(
        wall_now(), "config_left_out", notices[i].message,
        {{"place", std::string_view(place)}, {"all", static_cast<std::int64_t>(notices.size())}});
  }
}

/// Whether a changed text is whole: half a configuration may well be valid. Nobody may be writing
/// it; where the kernel does not tell of writers, the look before this one must have seen the same.
bool Process::is_settled(const ConfigFiles& files) {
  bool is_being_written = false;
  for (const auto& file : files.files) {
    is_being_written = is_being_written || file_watch_->is_being_written(file.path);
  }
  for (const auto& [path, digest] : key_files_) {
    is_being_written = is_being_written || file_watch_->is_being_written(path);
  }
  const bool is_seen_twice = text_seen_ == files.all;
  text_seen_ = files.all;
  if (is_being_written) ++counts_.config_deferred;
  return !is_being_written && (file_watch_->was_told() || is_seen_twice);
}

/// False: there is a change that is not finished yet.
bool Process::reload(bool even_if_unchanged) {
  auto files = read_config_files(options_.config);
  bool keys_changed = false;
  for (const auto& [path, digest] : key_files_) {
    keys_changed = keys_changed || digest_of_key_file(path) != digest;
  }
  const bool changed = keys_changed || files.all != config_text_;
  if (!even_if_unchanged && changed && !is_settled(files)) return false;
  text_seen_ = files.all;
  auto routes = feed_.routes();
  if (!even_if_unchanged && !changed && routes == routes_) return true;
  routes_ = std::move(routes);
  auto& log = shards_.front()->log();
  auto [loaded, left_out] = load_with_routes(files, routes_);
  for (const auto& each : left_out) {
    log.warning(wall_now(), "route_left_out", "a route of the directory does not go with the rest",
                {{"route", std::string_view(each.name)}, {"reason", std::string_view(each.why)}});
  }
  std::string problems;
  if (!loaded.ok()) {
    problems = loaded.format();
  } else if (apply(std::move(*loaded.settings), files.all)) {
    config_folders_ = std::move(files.folders);
    log.info(wall_now(), "config_applied", "the new configuration is in force",
             {{"version", static_cast<std::int64_t>(version_)}});
    tell(loaded.notices);
    watch_files();
    return true;
  } else {
    problems = std::exchange(rejection_, {});
  }
  config_text_ = std::move(files.all);
  // Said once, not at each poll of a file that stays wrong.
  if (problems == said_ && !even_if_unchanged) return true;
  said_ = rejection_ = problems;
  rejected_at_ = wall_now();
  ++counts_.config_rejected;
  log.error(wall_now(), "config_rejected",
            "the new configuration is not valid; the old one stays in force",
            {{"errors", std::string_view(rejection_)}});
  return true;
}

/// Several services may come at once, and a file that is written now is waited for.
void Process::take_routes_soon() {
  if (taking_routes_) return;
  taking_routes_ = true;
  loop_.post([this] {
    taking_routes_ = false;
    if (!is_ending_) (void)reload(false);
  });
}

/// False: something is half written.
bool Process::look_at_files() {
  write_state_again();
  forget_snapshots();
  const bool is_finished = reload(false);
  const auto& identity = snapshot_->settings.identity;
  if (identity.dir.empty()) return is_finished;
  for (const auto name : IdentityStore::kNames) {
    if (file_watch_->is_being_written(in_folder(identity.dir, name))) return false;
  }
  identity_->refresh(identity, wall_now());
  return is_finished;
}

void Process::watch_files() {
  if (!file_watch_) {
    file_watch_ =
        std::make_unique<FileWatch>(loop_, *fd_watch_, [this] { return look_at_files(); });
  }
  auto folders = config_folders_;
  for (const auto& [path, digest] : key_files_) folders.insert(folder_of(path));
  if (!snapshot_->settings.identity.dir.empty()) folders.insert(snapshot_->settings.identity.dir);
  file_watch_->set_folders(folders);
}

}  // namespace epaulet::server
