#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "io/dialer.h"
#include "io/listener.h"
#include "path/accept_loop.h"
#include "path/worker.h"
#include "runtime/epoll_loop.h"
#include "server/worker_tls.h"

namespace epaulet::server {

/// A worker with its thread, loop and listeners. Made and destroyed by the control thread; between
/// start() and stop() everything in it belongs to its own thread.
class WorkerThread {
 public:
  /// `telemetry` is this worker's shard and outlives it, as `shared` does.
  WorkerThread(telemetry::Telemetry& telemetry, path::Shared& shared, path::SnapshotPtr snapshot);
  ~WorkerThread();

  /// Before start(). The descriptor stays the ListenerSet's; `on_end` is called on the worker's
  /// thread when nothing will accept from it any more and its queue has been emptied.
  void listen(int descriptor, path::Entry entry, std::function<void()> on_end);
  void start();
  /// Accepts from now on. After what was posted before: nobody is served without certificates and
  /// endpoints that are there already.
  void accept();

  /// Runs `job` on the worker's thread.
  void post(std::function<void(path::Worker&, WorkerTls&)> job);

  // Ends, in this order.

  /// Inbound responses say close, so that callers go elsewhere while all are still served.
  void begin_drain();
  /// Inbound accepts until its queues are empty, then no more; idle inbound connections are closed.
  void drain_inbound();
  /// Outbound too.
  void stop_accepting();
  /// Cuts what is left, whose end is reported.
  void cut();
  /// The same, and ends the thread.
  void stop();

  [[nodiscard]] std::size_t inbound_connections() const {
    return inbound_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t outbound_connections() const {
    return outbound_.load(std::memory_order_relaxed);
  }
  /// Has the worker copy its numbers of connections to where the two above read them.
  void refresh();

 private:
  struct Accepting {
    std::unique_ptr<Listener> listener;
    path::Entry entry;
    std::function<void()> on_end;
  };
  Task<void> accept_from(Accepting& accepting, Scope& scope);

  EpollLoop loop_;
  std::unique_ptr<Dialer> dialer_;
  WorkerTls tls_;
  path::Worker worker_;
  Scope accept_inbound_;
  Scope accept_outbound_;
  std::vector<Accepting> accepting_;
  std::atomic<std::size_t> inbound_{0};
  std::atomic<std::size_t> outbound_{0};
  std::thread thread_;
};

}  // namespace epaulet::server
