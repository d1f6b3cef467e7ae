#include "server/worker_thread.h"

#include <pthread.h>

#include "io/tcp.h"

namespace epaulet::server {
namespace {

const Error kDraining{ErrorCode::draining, Side::self, Stage::shutdown};

}  // namespace

WorkerThread::WorkerThread(telemetry::Telemetry& telemetry, path::Shared& shared,
                           path::SnapshotPtr snapshot)
    : dialer_(make_tcp_dialer(loop_)),
      worker_(loop_, *dialer_, tls_, telemetry, shared, std::move(snapshot)),
      accept_inbound_(worker_.root),
      accept_outbound_(worker_.root) {}

WorkerThread::~WorkerThread() {
  stop();
}

void WorkerThread::listen(int descriptor, path::Entry entry, std::function<void()> on_end) {
  if (descriptor < 0) return;
  accepting_.push_back({make_tcp_listener(loop_, descriptor), entry, std::move(on_end)});
}

void WorkerThread::start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "worker");
    loop_.run();
  });
}

void WorkerThread::accept() {
  loop_.post([this] {
    for (auto& accepting : accepting_) {
      Scope& scope = accepting.entry == path::Entry::outbound ? accept_outbound_ : accept_inbound_;
      loop_.spawn(accept_from(accepting, scope));
    }
  });
}

Task<void> WorkerThread::accept_from(Accepting& accepting, Scope& scope) {
  co_await path::accept_loop(worker_, *accepting.listener, accepting.entry, scope);
  accepting.listener.reset();
  accepting.on_end();
}

void WorkerThread::post(std::function<void(path::Worker&, WorkerTls&)> job) {
  loop_.post([this, job = std::move(job)] { job(worker_, tls_); });
}

void WorkerThread::begin_drain() {
  loop_.post([this] { worker_.begin_drain(); });
}

void WorkerThread::drain_inbound() {
  loop_.post([this] {
    accept_inbound_.cancel(kDraining);
    worker_.end_idle_inbound();
  });
}

void WorkerThread::stop_accepting() {
  loop_.post([this] { accept_outbound_.cancel(kDraining); });
}

void WorkerThread::refresh() {
  loop_.post([this] {
    inbound_.store(worker_.inbound_connections, std::memory_order_relaxed);
    outbound_.store(worker_.outbound_connections, std::memory_order_relaxed);
  });
}

void WorkerThread::cut() {
  loop_.post([this] { worker_.cut({ErrorCode::drain_timeout, Side::self, Stage::shutdown}); });
}

void WorkerThread::stop() {
  if (!thread_.joinable()) return;
  loop_.post([this] {
    worker_.cut({ErrorCode::drain_timeout, Side::self, Stage::shutdown});
    // Cancelled work resumes through the loop: it gets its turns before the loop ends.
    loop_.post([this] { loop_.stop(); });
  });
  thread_.join();
}

}  // namespace epaulet::server
