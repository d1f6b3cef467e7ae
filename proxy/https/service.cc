#include "https/service.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "admin/server.h"
#include "io/tcp.h"
#include "telemetry/metrics.h"

namespace epaulet::https {
namespace {

constexpr std::chrono::seconds kLookEvery{1};
constexpr std::chrono::seconds kDrainTime{10};
constexpr std::chrono::milliseconds kDrainLook{50};

}  // namespace

Service::Service(ServiceNames names, std::string listen, std::string status)
    : names_(std::move(names)),
      listen_(std::move(listen)),
      status_text_(std::move(status)),
      scope_(loop_),
      log_writer_(STDOUT_FILENO),
      log_(log_writer_.add_ring(), dropped_),
      fd_watch_(make_fd_watch(loop_)) {}

Service::~Service() {
  scope_.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
  status_.reset();
  signals_.reset();
}

int Service::run() {
  signals_ = std::make_unique<Signals>(*fd_watch_, [this](int signal) { on_signal(signal); });
  const auto now = AsioLoop::read_wall_clock();
  if (auto usable = prepare(now); !usable) return refuse(usable.error());
  if (!open(listen_, https_)) return 1;
  if (!status_text_.empty() && !open(status_text_, plain_)) return 1;
  server().listen(*https_.listener);
  if (plain_.listener) start_status();
  log_writer_.start();
  started(now);
  loop_.spawn(look_each_second());
  loop_.run();
  log_.info(loop_.wall_now(), "stopped", names_.what + " has ended");
  log_writer_.stop(std::chrono::seconds(1));
  return 0;
}

int Service::refuse(const Reason& reason) const {
  std::fprintf(stderr, "%s: %s\n  remedy: %s\n", names_.program.c_str(), reason.what.c_str(),
               reason.remedy.c_str());
  return 1;
}

bool Service::open(const std::string& text, Port& port) {
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

void Service::start_status() {
  const auto readiness = [this] {
    admin::Readiness answer;
    if (draining_) answer.reasons.emplace_back(names_.what + " is draining");
    add_reasons(answer.reasons);
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

Task<void> Service::look_each_second() {
  for (;;) {
    const auto waited = co_await sleep_until(scope_, loop_.now() + kLookEvery);
    if (!waited) co_return;
    look();
  }
}

void Service::on_signal(int signal) {
  if (signal == SIGHUP) return look();
  if (draining_) return loop_.stop();  // Asked twice: at once.
  draining_ = true;
  loop_.spawn(drain());
}

Task<void> Service::drain() {
  if (const auto linger = lingers(); linger.count() > 0) {
    log_.info(loop_.wall_now(), "leaving", "callers are served until they are led elsewhere",
              {{"seconds", std::int64_t{linger.count()}}});
    const auto waited = co_await sleep_until(scope_, loop_.now() + linger);
    if (!waited) co_return;
  }
  log_.info(loop_.wall_now(), "draining", "nobody is accepted any more; who is here may end");
  server().stop_accepting();
  draining();
  const auto end = loop_.now() + kDrainTime;
  while (server().connections() > 0 && loop_.now() < end) {
    const auto waited = co_await sleep_until(scope_, loop_.now() + kDrainLook);
    if (!waited) co_return;
  }
  loop_.stop();
}

std::string metric(std::string_view name, std::string_view type, std::string_view help,
                   std::int64_t value) {
  return fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n{0} {3}\n", name, type, help, value);
}

}  // namespace epaulet::https
