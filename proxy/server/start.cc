#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "accept/loop_guard.h"
#include "accept/pod_address.h"
#include "base/error_table.h"
#include "dns/answers.h"
#include "dns/resolv_conf.h"
#include "io/descriptor_limit.h"
#include "redirect/confirm.h"
#include "server/cpu_quota.h"
#include "server/descriptor_quota.h"
#include "server/key_files.h"
#include "server/memory_quota.h"
#include "server/process.h"

namespace epaulet::server {
namespace {

const IpAddress kLoopback4 = IpAddress::v4(0x7f000001);
const IpAddress kLoopback6 = *IpAddress::parse("::1");
const IpAddress kAny6 = *IpAddress::parse("::");
const IpAddress kAny4 = IpAddress::v4(0);

/// Whether the host has IPv6 at all: without it there is no dual-stack socket.
bool has_ipv6() {
  auto probe = open_listening_socket({kLoopback6, 0}, true);
  return probe.has_value() || probe.error().detail == EADDRNOTAVAIL;
}

/// What apps reach on the loopback, for itself in both families; what others reach, on one
/// dual-stack socket.
std::vector<ListenerSpec> worker_listeners(const ListenSettings& listen) {
  const IpAddress any = has_ipv6() ? kAny6 : kAny4;
  return {{"outbound-v4", {kLoopback4, listen.outbound}, false, false},
          {"outbound-v6", {kLoopback6, listen.outbound}, true, true},
          {"inbound", {any, listen.inbound}, false, false},
          {"direct", {any, listen.direct}, false, false}};
}

std::vector<ListenerSpec> control_listeners(const ListenSettings& listen) {
  const IpAddress any = has_ipv6() ? kAny6 : kAny4;
  return {{"dns-v4", {kLoopback4, listen.dns}, false, false},
          {"dns-v6", {kLoopback6, listen.dns}, true, true},
          {"admin-v4", {kLoopback4, listen.admin}, false, false},
          {"admin-v6", {kLoopback6, listen.admin}, true, true},
          {"metrics", {any, listen.metrics}, false, false},
          {"health", {any, listen.health}, false, false}};
}

}  // namespace

bool Process::load_first() {
  auto files = read_config_files(options_.config);
  auto loaded = load_settings(files);
  if (!loaded.ok()) {
    std::fputs(loaded.format().c_str(), stderr);
    return false;
  }
  started_at_ = AsioLoop::read_wall_clock();
  const auto& settings = *loaded.settings;
  const std::size_t workers = settings.workers ? *settings.workers : workers_by_quota();
  for (std::size_t i = 0; i < workers + 1; ++i) {
    shards_.push_back(std::make_unique<telemetry::WorkerTelemetry>(log_writer_.add_ring(),
                                                                   Random::from_kernel()));
    shards_.back()->configure(settings.log, settings.explain);
    if (i > 0) shards_.back()->set_span_ring(exporter_->add_ring());
  }
  std::vector<const telemetry::WorkerTelemetry*> all;
  for (const auto& shard : shards_) all.push_back(shard.get());
  explain_ = std::make_unique<telemetry::Explain>(std::move(all));
  has_ipv6_ = open_listening_socket({kLoopback6, 0}, true).has_value();
  const auto connections_wanted = settings.connections;
  const auto quota = memory_quota();
  const auto open_files = raise_descriptor_limit();
  const auto shares = share_descriptors(open_files, workers);
  idle_per_worker_ = shares.idle_per_worker;
  connections_that_fit_ = shares.connections;
  if (quota) unread_per_worker_ = *quota / limits::kHttp2UnreadShare / workers;
  const bool memory_is_less = quota && connections_by_quota(*quota) < connections_that_fit_;
  if (memory_is_less) connections_that_fit_ = connections_by_quota(*quota);
  if (!settings.state_dir.empty()) (void)::mkdir(settings.state_dir.c_str(), 0700);
  if (!apply(std::move(*loaded.settings), std::move(files.all))) {
    std::fprintf(stderr, "%s\n", rejection_.c_str());
    return false;
  }
  tell(loaded.notices);
  config_folders_ = std::move(files.folders);
  if (connections_wanted > connections_that_fit_) {
    shards_.front()->log().info(
        started_at_, "connections_limited",
        memory_is_less ? "the memory limit of the control group lowers `limits.downstream`"
                       : "the limit of open files lowers `limits.downstream`",
        {{memory_is_less ? "memory_bytes" : "open_files",
          static_cast<std::int64_t>(memory_is_less ? *quota : open_files)},
         {"connections", std::int64_t{connections_that_fit_}}});
  }
  return true;
}

bool Process::open_listeners() {
  const auto& listen = snapshot_->settings.listen;
  const std::size_t workers = shards_.size() - 1;
  auto opened = listeners_.open(worker_listeners(listen), workers);
  if (opened) opened = listeners_.open(control_listeners(listen), 1);
  if (!opened) {
    std::fprintf(stderr,
                 "epaulet: cannot listen on %s: %s\n  is another sidecar running here? `listen` "
                 "changes the ports\n",
                 listeners_.failed_name().c_str(), std::strerror(opened.error().detail));
    return false;
  }
  for (const auto& address : listeners_.addresses()) shared_.guard.add(address);
  return true;
}

void Process::start_workers() {
  if (const auto pod = pod_address()) shared_.pod_key = balance::session_hash(pod->to_string());
  shared_.release_idle = [this](const path::Worker* asker, telemetry::StringId backend) {
    on_every_worker([asker, backend](path::Worker& worker, WorkerTls&) {
      if (&worker != asker) (void)worker.make_room(backend);
    });
  };
  for (std::size_t i = 0; i + 1 < shards_.size(); ++i) {
    auto worker = std::make_unique<WorkerThread>(*shards_[i + 1], shared_, snapshot_);
    worker->post(
        [most = idle_per_worker_](path::Worker& own, WorkerTls&) { own.pool.set_idle_max(most); });
    worker->post([most = unread_per_worker_](path::Worker& own, WorkerTls&) {
      own.unread.bytes_max = std::min(own.unread.bytes_max, most);
    });
    // One asks the endpoints, for all.
    if (i == 0) worker->post([](path::Worker& own, WorkerTls&) { own.check_health(); });
    const auto listen = [&](const char* name, path::Entry entry) {
      worker->listen(listeners_.descriptor(name, i), entry,
                     [this, name, i] { listeners_.close(name, i); });
    };
    listen("outbound-v4", path::Entry::outbound);
    listen("outbound-v6", path::Entry::outbound);
    listen("inbound", path::Entry::inbound);
    listen("direct", path::Entry::direct);
    workers_.push_back(std::move(worker));
  }
  identity_ = std::make_unique<IdentityKeeper>(
      [this](const std::shared_ptr<const TlsContext>& context) { publish_trust(context); },
      [this](const std::string& reasons) {
        ++counts_.identity_rejected;
        shards_.front()->log().error(
            wall_now(), "identity_refused",
            "the certificate files are not usable; what was in force stays in force",
            {{"reasons", std::string_view(reasons)}});
      });
  identity_->refresh(snapshot_->settings.identity, wall_now());
  log_writer_.start();
  for (auto& worker : workers_) worker->start();
}

/// As `dns.upstream` says, else /etc/resolv.conf; never ourselves.
std::vector<SocketAddress> Process::dns_servers() const {
  const auto& settings = snapshot_->settings;
  const std::vector<SocketAddress> own{{kLoopback4, settings.listen.dns},
                                       {kLoopback6, settings.listen.dns}};
  return upstream_servers(settings.dns, resolv_conf_, own);
}

/// Says when the first backend is not refreshed any more and when the last one is again; /endpoints
/// has each one's error.
void Process::note_endpoints(const EndpointSet& set) {
  const bool was_failing = !backends_not_refreshed_.empty();
  if (set.last_error && set.last_error->code != ErrorCode::dns_name_unknown) {
    backends_not_refreshed_.insert(set.backend);
  } else {
    backends_not_refreshed_.erase(set.backend);
  }
  std::erase_if(backends_not_refreshed_, [this](const std::string& backend) {
    return !snapshot_->settings.backends.contains(backend);
  });
  const bool is_failing = !backends_not_refreshed_.empty();
  if (is_failing == was_failing) return;
  auto& log = shards_.front()->log();
  if (!is_failing) return log.info(wall_now(), "endpoints_refreshed", "DNS answers again");
  log.warning(wall_now(), "endpoints_not_refreshed",
              "no DNS server gives a usable answer: the endpoints known so far stay in use",
              {{"backend", std::string_view(set.backend)},
               {"endpoints", static_cast<std::int64_t>(set.endpoints.size())}});
}

void Process::note_refused_endpoint(const std::string& backend, const IpAddress& address) {
  constexpr std::chrono::seconds kEvery{10};  // The metrics count them all.
  if (refused_endpoint_at_ && loop_.now() < *refused_endpoint_at_ + kEvery) return;
  refused_endpoint_at_ = loop_.now();
  const std::string text = address.to_string();
  shards_.front()->log().warning(
      wall_now(), "endpoint_refused",
      "DNS names an address that can be no endpoint: this host's, a virtual one, or everybody's",
      {{"backend", std::string_view(backend)}, {"address", std::string_view(text)}});
}

void Process::start_dns() {
  const auto& settings = snapshot_->settings;
  if (auto resolv_conf = read_resolv_conf()) resolv_conf_ = std::move(*resolv_conf);
  CaresUpstream::Options options;
  options.servers = dns_servers();
  dns_upstream_ = std::make_unique<CaresUpstream>(loop_, make_fd_watch(loop_), options);
  resolver_ = std::make_unique<UpstreamResolver>(*dns_upstream_, has_route);
  feed_.set_on_routes([this] { take_routes_soon(); });
  feed_.set_on_zone([this] { tell_zone(feed_.zone()); });
  endpoints_ = std::make_unique<Endpoints>(
      loop_, *resolver_, feed_, [this](const std::string& backend, EndpointSetPtr set) {
        note_endpoints(*set);
        on_every_worker([backend, set = std::move(set)](path::Worker& worker, WorkerTls&) {
          worker.set_endpoints(backend, set);
        });
      });
  endpoints_->set_on_storage(
      [this](const std::optional<Error>& error) { note_state(StateFile::endpoints, error); });
  endpoints_->set_on_refused([this](const std::string& backend, const IpAddress& address) {
    note_refused_endpoint(backend, address);
  });
  endpoints_->apply(settings);
  dns_bridge_ = std::make_unique<DnsBridge>(loop_, *shards_.front());
  dns_server_ =
      std::make_unique<DnsServer>(loop_, *endpoints_, *dns_upstream_, *dns_bridge_,
                                  make_dns_view(settings, addresses_, resolv_conf_.search));
  for (const auto* name : {"dns-v4", "dns-v6"}) {
    const int descriptor = listeners_.descriptor(name, 0);
    if (descriptor < 0) continue;
    dns_server_->serve(make_tcp_listener(loop_, descriptor));
    auto datagrams = open_datagram_socket(loop_, *listeners_.address(name));
    if (datagrams) {
      dns_server_->serve(std::move(*datagrams));
    } else {
      shards_.front()->log().error(wall_now(), "dns_socket_failed",
                                   "the in-pod DNS cannot listen on UDP",
                                   {{"errno", std::int64_t{datagrams.error().detail}}});
    }
  }
}

/// With the identity service that the settings name, if they name one. Again after a reload that
/// names another.
void Process::start_enrolling() {
  const auto& settings = snapshot_->settings.identity;
  if (enroll_ && enroll_->settings() == settings) return;
  enroll_.reset();
  if (settings.service.empty()) return;
  std::shared_ptr<const Identity> current;
  if (const auto& context = identity_->context()) {
    if (context->identity().id().trust_domain() == settings.trust_domain)
      current = context->shared_identity();
  }
  enroll_ = std::make_unique<enroll::Client>(
      enroll::Client::Seams{loop_, *resolver_, *dialer_}, settings, std::move(current),
      [this](std::shared_ptr<const Identity> identity) {
        return identity_->take(std::move(identity));
      },
      [this](const std::string& why) {
        shards_.front()->log().warning(
            wall_now(), "identity_not_renewed",
            "the identity service gave no certificate; what is in force stays so until its end",
            {{"reason", std::string_view(why)}});
      });
  enroll_->start();
}

void Process::watch_clock() {
  clock_watch_ = std::make_unique<ClockWatch>(loop_, [this](std::chrono::nanoseconds by) {
    shards_.front()->log().warning(
        wall_now(), "clock_jumped",
        "the wall clock was set; certificates and tokens are judged by it, and nothing else",
        {{"seconds",
          static_cast<std::int64_t>(std::chrono::round<std::chrono::seconds>(by).count())}});
  });
}

/// If rules were installed for us, which somebody may flush.
void Process::watch_rules() {
  const auto report = redirect::read_report(options_.redirect_result);
  const auto health = snapshot_->settings.listen.health;
  if (!report || health == 0) return;
  auto places = redirect::standing_places(*report, health);
  if (places.empty()) return;
  rules_watch_ =
      std::make_unique<RulesWatch>(loop_, *dialer_, std::move(places), [this](bool stand) {
        auto& log = shards_.front()->log();
        if (stand) return log.info(wall_now(), "redirect_back", "the redirect rules stand again");
        log.error(
            wall_now(), "redirect_gone",
            "the redirect rules are gone: the app is reached, and dials, past the sidecar; create "
            "the pod anew, and look for who flushes rules on its node");
      });
}

/// Asks an older directory where we are, if that matters and the settings do not say it: it knows
/// of endpoints alone, so of us as one of them.
void Process::follow_zone() {
  const auto& settings = snapshot_->settings;
  const bool matters =
      std::any_of(settings.backends.begin(), settings.backends.end(),
                  [](const auto& named) { return named.second.balance.locality.has_value(); });
  const auto& service = settings.workload.service;
  if (!matters || !settings.workload.zone.empty() || settings.directory.url.empty() ||
      service.empty()) {
    own_zone_.reset();
    return;
  }
  if (own_zone_ && own_zone_->service() == service) return;
  own_zone_.reset();
  own_zone_ =
      std::make_unique<OwnZone>(feed_, service, is_local_address, [this](const std::string& zone) {
        if (feed_.zone().empty()) tell_zone(zone);
      });
}

void Process::tell_zone(const std::string& zone) {
  if (snapshot_->settings.workload.zone.empty()) {
    shards_.front()->log().info(wall_now(), "zone_known",
                                "the directory tells in which zone this workload runs",
                                {{"zone", std::string_view(zone)}});
  }
  on_every_worker([zone](path::Worker& worker, WorkerTls&) { worker.set_zone(zone); });
}

const std::string& Process::own_zone() const {
  static const std::string kUnknown;
  if (const auto& zone = snapshot_->settings.workload.zone; !zone.empty()) return zone;
  if (!feed_.zone().empty()) return feed_.zone();
  return own_zone_ ? own_zone_->zone() : kUnknown;
}

/// With the directory that the settings name, if they name one. Again after a reload that names
/// another.
void Process::start_directory() {
  const auto& settings = snapshot_->settings.directory;
  if (directory_ && directory_->settings() == settings) return;
  directory_.reset();
  if (settings.url.empty()) return;
  directory::Client::Listener listener;
  listener.on_failure = [this](const std::string& why) {
    shards_.front()->log().warning(
        wall_now(), "directory_away",
        "the directory does not answer: the endpoints known so far stay in use",
        {{"reason", std::string_view(why)}});
  };
  listener.on_recovery = [this] {
    shards_.front()->log().info(wall_now(), "directory_back", "the directory answers again");
  };
  const auto own = [this]() -> std::shared_ptr<const Identity> {
    const auto& context = identity_->context();
    return context == nullptr ? nullptr : context->shared_identity();
  };
  directory_ = std::make_unique<directory::Client>(
      directory::Client::Seams{loop_, *resolver_, *dialer_, feed_}, settings, own,
      std::move(listener));
  directory_->start();
}

}  // namespace epaulet::server
