#pragma once

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "accept/listener_set.h"
#include "config/config_files.h"
#include "directory/client.h"
#include "discovery/endpoints.h"
#include "discovery/own_zone.h"
#include "dns/cares_upstream.h"
#include "dns/resolv_conf.h"
#include "dns/resolver.h"
#include "dns/server.h"
#include "dns/virtual_address_store.h"
#include "enroll/client.h"
#include "io/signals.h"
#include "jwks/remote_keys.h"
#include "otlp/exporter.h"
#include "path/snapshot.h"
#include "runtime/asio_loop.h"
#include "server/clock_watch.h"
#include "server/crowd_memory.h"
#include "server/dns_bridge.h"
#include "server/file_watch.h"
#include "server/identity_keeper.h"
#include "server/pressure_log.h"
#include "server/rules_watch.h"
#include "server/worker_thread.h"
#include "telemetry/control_metrics.h"
#include "telemetry/explain.h"
#include "telemetry/log_writer.h"
#include "telemetry/worker_telemetry.h"

namespace epaulet::server {

/// `epaulet run`.
struct RunOptions {
  std::vector<std::string> config;  ///< Files and folders.
  std::string redirect_result =
      "/var/run/epaulet/redirect.json";  ///< Of `epaulet redirect install`.
  std::string version;
};

/// The process: one control thread (the caller's), the workers, their life from start to drain.
/// Everything that can wait or block (files, DNS, certificates, admin, scrapes, signals) is on the
/// control thread, so that it never costs a request.
class Process {
 public:
  explicit Process(RunOptions options);
  ~Process();

  /// Until SIGTERM or SIGINT has drained it. The exit status; messages go to standard error before
  /// the log runs.
  int run();

 private:
  // start.cc
  bool load_first();
  bool open_listeners();
  void start_workers();
  void give_back_memory();
  void start_dns();
  [[nodiscard]] std::vector<SocketAddress> dns_servers() const;
  void note_endpoints(const EndpointSet& set);
  void note_refused_endpoint(const std::string& backend, const IpAddress& address);
  void start_enrolling();
  void start_directory();
  void follow_zone();
  void tell_zone(const std::string& zone);
  [[nodiscard]] const std::string& own_zone() const;
  void add_localities(telemetry::ControlMetrics& metrics) const;
  void start_admin();

  // reload.cc
  bool look_at_files();
  bool reload(bool even_if_unchanged);
  [[nodiscard]] bool is_settled(const ConfigFiles& files);
  bool apply(Settings settings, std::string text);
  void warn(const std::vector<std::string>& skipped_keys);
  void tell(const std::vector<Diagnostic>& notices);
  void take_routes_soon();
  /// What fails to keep its state, or does again.
  enum class StateFile : std::uint8_t { addresses, endpoints, issuer_keys, count_ };
  void note_state(StateFile which, const std::optional<Error>& error);
  void write_state_again();
  void watch_files();
  void watch_clock();
  void watch_rules();

  // issuer_keys.cc
  [[nodiscard]] std::unique_ptr<jwks::RemoteKeys> make_remote_keys();
  void renew_keys_soon();
  void renew_keys();
  void publish_snapshot();
  void forget_snapshots();

  // spans.cc
  [[nodiscard]] std::unique_ptr<otlp::Exporter> make_exporter();
  void apply_tracing();
  Task<void> flush_spans();
  [[nodiscard]] std::optional<telemetry::ControlMetrics::Spans> span_metrics() const;

  // drain.cc
  void on_signal(int signal);
  void begin_drain(bool by_hook);
  Task<void> drain_in_order();
  void publish_trust(const std::shared_ptr<const TlsContext>& context);

  // start_admin.cc
  [[nodiscard]] std::vector<std::string> unready_reasons() const;
  [[nodiscard]] telemetry::ControlMetrics control_metrics() const;
  void note_refused_page(std::string_view page);

  [[nodiscard]] WallTime wall_now() const { return loop_.wall_now(); }
  template <class Job>
  void on_every_worker(const Job& job) {
    for (auto& worker : workers_) worker->post(job);
  }

  const RunOptions options_;
  AsioLoop loop_;
  Scope root_;
  telemetry::LogWriter log_writer_;
  std::vector<std::unique_ptr<telemetry::WorkerTelemetry>>
      shards_;  ///< The control thread's first.
  std::unique_ptr<telemetry::Explain> explain_;

  // What is in force.
  std::string config_text_;
  std::uint64_t version_ = 0;
  path::SnapshotPtr snapshot_;
  std::vector<path::SnapshotPtr> published_;  ///< That some worker may have yet, and the last one.
  std::string text_seen_;                     ///< By the last look at the files.
  std::set<std::string> config_folders_;
  std::vector<ServiceView::Route> routes_;  ///< Of the directory, as they were read last.
  bool taking_routes_ = false;              ///< They are looked at soon.
  std::string said_;                        ///< The rejection that was logged last.
  std::array<std::optional<Error>, static_cast<std::size_t>(StateFile::count_)>
      state_errors_;  ///< Of each StateFile; they are in the log.
  TimePoint state_tried_at_{};
  std::set<std::string> backends_not_refreshed_;  ///< No server answers for them.
  std::optional<TimePoint> refused_endpoint_at_;  ///< When one was in the log.
  std::optional<TimePoint> refused_page_at_;
  std::string rejection_;  ///< Why the file at hand is not in force; empty if it is.
  WallTime started_at_{};
  WallTime configured_at_{};
  std::optional<WallTime> rejected_at_;
  struct Counts {
    std::uint64_t config_loaded = 0;
    std::uint64_t config_rejected = 0;
    std::uint64_t config_deferred = 0;
    std::uint64_t identity_loaded = 0;
    std::uint64_t identity_rejected = 0;
  } counts_;
  resilience::StateTable states_;
  std::map<std::string, std::optional<Sha256>> key_files_;  ///< Digests, of the snapshot in force.
  CallerKeys file_keys_;                                    ///< Of the snapshot in force.
  std::unique_ptr<jwks::RemoteKeys> remote_keys_;           ///< Never null while we run.
  std::unique_ptr<otlp::Exporter> exporter_;                ///< Never null while we run.
  bool renewing_keys_ = false;                              ///< A new snapshot is on its way.
  VirtualAddressStore virtual_addresses_;
  VirtualAddressTablePtr addresses_;

  std::uint32_t connections_that_fit_ = 0;    ///< By descriptors and the memory quota.
  std::size_t unread_per_worker_ = SIZE_MAX;  ///< Of HTTP/2, by the memory limit.
  std::size_t idle_per_worker_ = 0;           ///< Upstream connections, by descriptors.
  bool has_ipv6_ = false;                     ///< Whether apps can reach us over IPv6 at all.

  path::Shared shared_;
  ListenerSet listeners_;
  std::unique_ptr<FdWatch> fd_watch_;
  std::unique_ptr<Signals> signals_;
  std::vector<std::unique_ptr<WorkerThread>> workers_;

  std::unique_ptr<IdentityKeeper> identity_;
  ResolvConf resolv_conf_;
  std::unique_ptr<CaresUpstream> dns_upstream_;
  std::unique_ptr<UpstreamResolver> resolver_;
  DirectoryFeed feed_;
  std::unique_ptr<OwnZone>
      own_zone_;  ///< While some backend wants to know, and the file is silent.
  std::unique_ptr<Endpoints> endpoints_;
  std::unique_ptr<Dialer> dialer_;  ///< Of the control thread.
  std::unique_ptr<enroll::Client> enroll_;
  std::unique_ptr<directory::Client> directory_;
  std::unique_ptr<DnsBridge> dns_bridge_;
  std::unique_ptr<DnsServer> dns_server_;

  struct AdminParts;
  std::unique_ptr<AdminParts> admin_;

  std::unique_ptr<FileWatch> file_watch_;
  std::unique_ptr<PressureLog> pressure_log_;
  std::unique_ptr<ClockWatch> clock_watch_;
  std::unique_ptr<RulesWatch> rules_watch_;  ///< Null: no rules were installed for us.
  std::unique_ptr<CrowdMemory> crowd_memory_;
  std::optional<TimePoint> draining_since_;  ///< No new callers are to come.
  bool drains_by_hook_ = false;              ///< The kubelet said so, before it signals us last.
  bool is_ending_ = false;                   ///< We have been signalled.
};

}  // namespace epaulet::server
