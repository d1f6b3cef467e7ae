#include "k8s/injector/serve.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "admin/server.h"
#include "admin/surfaces.h"
#include "io/signals.h"
#include "io/tcp.h"
#include "k8s/injector/server.h"
#include "runtime/asio_loop.h"
#include "telemetry/log_writer.h"
#include "telemetry/metrics.h"

namespace epaulet::injector {
namespace {

constexpr std::chrono::seconds kLookEvery{1};
constexpr std::chrono::seconds kDrainTime{10};
constexpr std::chrono::milliseconds kDrainLook{50};

class Service {
 public:
  explicit Service(const ServeOptions& options)
      : options_(options),
        scope_(loop_),
        log_writer_(STDOUT_FILENO),
        log_(log_writer_.add_ring(), dropped_),
        fd_watch_(make_fd_watch(loop_)),
        files_(options.files),
        server_(std::make_unique<InjectorServer>(loop_, log_)) {}

  ~Service() {
    scope_.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
    status_.reset();
    server_.reset();
    signals_.reset();
  }

  int run() {
    signals_ = std::make_unique<Signals>(*fd_watch_, [this](int signal) { on_signal(signal); });
    const auto now = AsioLoop::read_wall_clock();
    if (auto usable = files_.refresh(now); !usable) return refuse(usable.error());
    put_in_force();
    if (!open(options_.listen, https_)) return 1;
    if (!options_.status.empty() && !open(options_.status, plain_)) return 1;
    server_->listen(*https_.listener);
    if (plain_.listener) start_status();
    log_writer_.start();
    log_.info(now, "started", "the injector is up",
              {{"listen", std::string_view(options_.listen)},
               {"image", std::string_view(options_.settings.image)},
               {"trust_domain", std::string_view(options_.settings.trust_domain)}});
    loop_.spawn(look_after_files());
    loop_.run();
    log_.info(loop_.wall_now(), "stopped", "the injector has ended");
    log_writer_.stop(std::chrono::seconds(1));
    return 0;
  }

 private:
  struct Port {
    OwnedFd socket;
    std::unique_ptr<Listener> listener;
  };

  static int refuse(const Reason& reason) {
    std::fprintf(stderr, "epaulet-injector: %s\n  remedy: %s\n", reason.what.c_str(),
                 reason.remedy.c_str());
    return 1;
  }

  bool open(const std::string& text, Port& port) {
    const auto address = SocketAddress::parse(text);
    if (!address) {
      refuse({text + " is no address with a port", "for example 0.0.0.0:15017 or [::]:15017"});
      return false;
    }
    auto socket = open_listening_socket(*address);
    if (!socket && address->ip == *IpAddress::parse("::"))  // A host without IPv6.
      socket = open_listening_socket({IpAddress::v4(0), address->port});
    if (!socket) {
      refuse({text + " cannot be listened on: " + std::strerror(socket.error().detail),
              "is another program there? --listen and --status change the addresses"});
      return false;
    }
    port.socket = std::move(*socket);
    port.listener = make_tcp_listener(loop_, port.socket.get());
    return true;
  }

  void put_in_force() {
    auto settings = options_.settings;
    settings.roots = files_.roots();
    server_->set_settings(std::make_shared<const InjectorSettings>(std::move(settings)));
    server_->set_tls(files_.tls());
  }

  void start_status() {
    const auto readiness = [this] {
      admin::Readiness answer;
      if (draining_) answer.reasons.emplace_back("the injector is draining");
      if (files_.not_after() <= loop_.wall_now())
        answer.reasons.emplace_back(
            "the serving certificate has ended; the log says why there is "
            "no new one");
      answer.ready = answer.reasons.empty();
      return answer;
    };
    auto surface = admin::health_surface(readiness);
    surface.add("/metrics", [this](const admin::Request&) {
      return admin::Response{200, telemetry::Metrics::kContentType, metrics()};
    });
    status_ = std::make_unique<admin::AdminServer>(loop_, std::move(surface));
    status_->listen(*plain_.listener);
  }

  [[nodiscard]] std::string metrics() const {
    const auto& counts = server_->counts();
    std::string text =
        "# HELP epaulet_injector_reviews_total Pods that were asked about, by the answer\n"
        "# TYPE epaulet_injector_reviews_total counter\n";
    const std::pair<const char*, std::uint64_t> results[] = {{"injected", counts.injected},
                                                             {"untouched", counts.untouched},
                                                             {"refused", counts.refused},
                                                             {"malformed", counts.malformed}};
    for (const auto& [name, value] : results)
      text += fmt::format("epaulet_injector_reviews_total{{result=\"{}\"}} {}\n", name, value);
    const auto single = [&text](std::string_view name, std::string_view type, std::string_view help,
                                std::int64_t value) {
      text += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n{0} {3}\n", name, type, help, value);
    };
    single("epaulet_injector_handshakes_failed_total", "counter",
           "TLS handshakes that failed; the log has each",
           static_cast<std::int64_t>(counts.handshakes_failed));
    single("epaulet_injector_connections_refused_total", "counter",
           "Connections reset because there were too many",
           static_cast<std::int64_t>(counts.connections_full));
    single("epaulet_injector_connections", "gauge", "Open connections",
           static_cast<std::int64_t>(server_->connections()));
    single("epaulet_injector_certificate_seconds_left", "gauge",
           "Until the serving certificate ends",
           std::chrono::floor<std::chrono::seconds>(files_.not_after() - loop_.wall_now()).count());
    return text;
  }

  void look() {
    const auto changed = files_.refresh(loop_.wall_now());
    if (!changed) {
      const auto reason = changed.error().to_string();
      if (reason == said_) return;
      said_ = reason;
      return log_.error(loop_.wall_now(), "files_refused",
                        "the new files are not usable; what was in force stays in force",
                        {{"reason", std::string_view(reason)}});
    }
    said_.clear();
    if (!*changed) return;
    put_in_force();
    log_.info(loop_.wall_now(), "files_changed", "new certificates are in force");
  }

  Task<void> look_after_files() {
    for (;;) {
      const auto waited = co_await sleep_until(scope_, loop_.now() + kLookEvery);
      if (!waited) co_return;
      look();
    }
  }

  void on_signal(int signal) {
    if (signal == SIGHUP) return look();
    if (draining_) return loop_.stop();  // Asked twice: at once.
    draining_ = true;
    log_.info(loop_.wall_now(), "draining", "nobody is accepted any more; who is here may end");
    server_->stop_accepting();
    loop_.spawn(drain());
  }

  Task<void> drain() {
    const auto end = loop_.now() + kDrainTime;
    while (server_->connections() > 0 && loop_.now() < end) {
      const auto waited = co_await sleep_until(scope_, loop_.now() + kDrainLook);
      if (!waited) co_return;
    }
    loop_.stop();
  }

  const ServeOptions& options_;
  AsioLoop loop_;
  Scope scope_;
  telemetry::LogWriter log_writer_;
  telemetry::Cell dropped_;
  telemetry::ProcessLog log_;
  std::unique_ptr<FdWatch> fd_watch_;
  std::unique_ptr<Signals> signals_;
  InjectorFiles files_;
  Port https_;
  Port plain_;
  std::unique_ptr<InjectorServer> server_;
  std::unique_ptr<admin::AdminServer> status_;
  std::string said_;
  bool draining_ = false;
};

}  // namespace

int serve(const ServeOptions& options) {
  Service service(options);
  return service.run();
}

}  // namespace epaulet::injector
