#include "certs-tool/service/serve.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "admin/server.h"
#include "admin/surfaces.h"
#include "certs-tool/service/kubernetes_reviewer.h"
#include "certs-tool/service/metrics_text.h"
#include "certs-tool/service/server.h"
#include "certs-tool/service/token_proof.h"
#include "io/signals.h"
#include "io/tcp.h"
#include "telemetry/log_writer.h"
#include "telemetry/metrics.h"

namespace epaulet::certs {
namespace {

constexpr std::chrono::seconds kLookEvery{1};
constexpr std::chrono::minutes kSweepEvery{10};
constexpr std::chrono::seconds kDrainTime{10};
constexpr std::chrono::milliseconds kDrainLook{50};

std::int64_t seconds_until(WallTime end, WallTime now) {
  return std::chrono::floor<std::chrono::seconds>(end - now).count();
}

class Service {
 public:
  explicit Service(const ServeOptions& options)
      : options_(options),
        scope_(loop_),
        log_writer_(STDOUT_FILENO),
        log_(log_writer_.add_ring(), dropped_),
        fd_watch_(make_fd_watch(loop_)),
        signer_(options.ca_folder, options.lifetime),
        tokens_(signer_.folder().file("tokens")),
        requests_(signer_, proofs()),
        server_(std::make_unique<IdentityServer>(
            loop_, signer_, requests_, log_,
            RateLimit::Rate{static_cast<double>(options.rate), 4.0 * options.rate})) {}

  ~Service() {
    scope_.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
    status_.reset();
    server_.reset();
    signals_.reset();
  }

  int run() {
    if (options_.kubernetes) {
      if (auto added = add_service_accounts(); !added) return refuse(added.error());
    }
    signals_ = std::make_unique<Signals>(*fd_watch_, [this](int signal) { on_signal(signal); });
    const auto now = AsioLoop::read_wall_clock();
    if (auto usable = signer_.refresh(now); !usable) return refuse(usable.error());
    if (!open(options_.listen, https_)) return 1;
    if (!options_.status.empty() && !open(options_.status, plain_)) return 1;
    server_->listen(*https_.listener);
    if (plain_.listener) start_status();
    log_writer_.start();
    log_.info(now, "started", "the identity service is up",
              {{"listen", std::string_view(options_.listen)},
               {"trust_domain", std::string_view(signer_.ca()->signer.trust_domain())}});
    loop_.spawn(look_after_folder());
    loop_.run();
    log_.info(loop_.wall_now(), "stopped", "the identity service has ended");
    log_writer_.stop(std::chrono::seconds(1));
    return 0;
  }

 private:
  struct Port {
    OwnedFd socket;
    std::unique_ptr<Listener> listener;
  };

  [[nodiscard]] std::vector<std::unique_ptr<Proof>> proofs() const {
    std::vector<std::unique_ptr<Proof>> list;
    list.push_back(std::make_unique<TokenProof>(tokens_));
    return list;
  }

  /// The CA's folder, read first, says for whom they prove anything.
  Checked<void> add_service_accounts() {
    const auto address = kube::api_address(options_.kubernetes_api);
    if (!address) return address.error();
    if (auto usable = signer_.refresh(AsioLoop::read_wall_clock()); !usable) return usable.error();
    dialer_ = make_tcp_dialer(loop_);
    kube::ApiAccess access;
    access.address = *address;
    access.ca_file = options_.kubernetes_credentials + "/ca.crt";
    access.token_file = options_.kubernetes_credentials + "/token";
    reviewer_ = std::make_unique<KubernetesReviewer>(*dialer_, std::move(access));
    requests_.add(std::make_unique<ServiceAccountProof>(
        *reviewer_, std::string(signer_.ca()->signer.trust_domain()), options_.token_audience));
    return {};
  }

  static int refuse(const Reason& reason) {
    std::fprintf(stderr, "epaulet-certs: %s\n  remedy: %s\n", reason.what.c_str(),
                 reason.remedy.c_str());
    return 1;
  }

  bool open(const std::string& text, Port& port) {
    const auto address = SocketAddress::parse(text);
    if (!address) {
      refuse({text + " is no address with a port", "for example 0.0.0.0:15014 or [::]:15014"});
      return false;
    }
    auto socket = open_listening_socket(*address);
    if (!socket && address->ip == *IpAddress::parse("::")) {
      // A host without IPv6.
      socket = open_listening_socket({IpAddress::v4(0), address->port});
    }
    if (!socket) {
      refuse({text + " cannot be listened on: " + std::strerror(socket.error().detail),
              "is another service there? --listen and --status change the addresses"});
      return false;
    }
    port.socket = std::move(*socket);
    port.listener = make_tcp_listener(loop_, port.socket.get());
    return true;
  }

  void start_status() {
    const auto readiness = [this] {
      admin::Readiness answer;
      if (draining_) answer.reasons.emplace_back("the service is draining");
      if (!signer_.refusal().empty() || !signer_.ca())
        answer.reasons.emplace_back("the CA's folder is not usable; the log says why");
      answer.ready = answer.reasons.empty();
      return answer;
    };
    auto surface = admin::health_surface(readiness);
    surface.add("/metrics", [this](const admin::Request&) {
      return admin::Response{200, telemetry::Metrics::kContentType, metrics_text(facts())};
    });
    status_ = std::make_unique<admin::AdminServer>(loop_, std::move(surface));
    status_->listen(*plain_.listener);
  }

  [[nodiscard]] ServiceFacts facts() const {
    ServiceFacts facts;
    facts.counts = server_->counts();
    facts.connections = server_->connections();
    facts.can_sign = signer_.ca() && signer_.refusal().empty();
    const auto now = loop_.wall_now();
    if (signer_.ca())
      facts.signer_seconds_left =
          seconds_until(signer_.ca()->signer.certificate().not_after(), now);
    if (signer_.tls())
      facts.own_seconds_left = seconds_until(signer_.tls()->identity().not_after(), now);
    return facts;
  }

  void look() {
    const auto root = signer_.ca() ? signer_.ca()->root : "";
    const auto roots = signer_.ca() ? signer_.ca()->bundle.size() : 0;
    const auto usable = signer_.refresh(loop_.wall_now());
    if (!usable) {
      const auto reason = usable.error().to_string();
      if (reason == said_) return;
      said_ = reason;
      return log_.error(loop_.wall_now(), "ca_refused",
                        "the CA's folder is not usable; what was in force stays in force",
                        {{"reason", std::string_view(reason)}});
    }
    said_.clear();
    if (signer_.ca()->root == root && signer_.ca()->bundle.size() == roots) return;
    log_.info(loop_.wall_now(), "ca_changed", "the CA's folder has changed and is in force",
              {{"roots", static_cast<std::int64_t>(signer_.ca()->bundle.size())},
               {"root", std::string_view(signer_.ca()->root)}});
  }

  Task<void> look_after_folder() {
    auto sweep_at = loop_.now();
    for (;;) {
      const auto waited = co_await sleep_until(scope_, loop_.now() + kLookEvery);
      if (!waited) co_return;
      look();
      if (loop_.now() < sweep_at) continue;
      tokens_.sweep(loop_.wall_now());
      sweep_at = loop_.now() + kSweepEvery;
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
  Signer signer_;
  TokenStore tokens_;
  std::unique_ptr<Dialer> dialer_;
  std::unique_ptr<TokenReviewer> reviewer_;
  Requests requests_;
  Port https_;
  Port plain_;
  std::unique_ptr<IdentityServer> server_;
  std::unique_ptr<admin::AdminServer> status_;
  std::string said_;
  bool draining_ = false;
};

}  // namespace

int serve(const ServeOptions& options) {
  Service service(options);
  return service.run();
}

}  // namespace epaulet::certs
