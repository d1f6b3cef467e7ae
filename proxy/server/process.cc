#include "server/process.h"

#include <malloc.h>
#include <unistd.h>

#include "io/block.h"
#include "io/tcp.h"
#include "runtime/frame_pool.h"
#include "server/admin_parts.h"
#include "server/start_pages.h"

namespace epaulet::server {

Process::Process(RunOptions options)
    : options_(std::move(options)),
      root_(loop_),
      log_writer_(STDOUT_FILENO),
      remote_keys_(make_remote_keys()),
      exporter_(make_exporter()),
      fd_watch_(make_fd_watch(loop_)) {}

Process::~Process() {
  // In the order of dependence: what serves goes before what it asks, all before the loop.
  root_.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
  file_watch_.reset();
  crowd_memory_.reset();
  pressure_log_.reset();
  clock_watch_.reset();
  rules_watch_.reset();
  admin_.reset();
  workers_.clear();
  exporter_.reset();
  directory_.reset();
  enroll_.reset();
  remote_keys_.reset();
  dns_server_.reset();
  endpoints_.reset();
  resolver_.reset();
  dns_upstream_.reset();
  signals_.reset();
}

int Process::run() {
  // Before any thread: all of them inherit the blocked signals.
  signals_ = std::make_unique<Signals>(*fd_watch_, [this](int signal) { on_signal(signal); });
  if (!load_first() || !open_listeners()) return 1;
  start_workers();
  start_dns();
  if (!dialer_) dialer_ = make_tcp_dialer(loop_);
  remote_keys_->start({*resolver_, *dialer_});
  exporter_->start({*resolver_, *dialer_});
  start_enrolling();
  follow_zone();
  start_directory();
  for (auto& worker : workers_) worker->accept();
  watch_clock();
  watch_rules();
  start_admin();
  watch_files();
  pressure_log_ = std::make_unique<PressureLog>(loop_, shards_);
  crowd_memory_ = std::make_unique<CrowdMemory>(loop_, shards_, shared_.connections,
                                                [this] { give_back_memory(); });
  auto& log = shards_.front()->log();
  log.info(wall_now(), "started", "the sidecar is up",
           {{"version", std::string_view(options_.version)},
            {"workers", static_cast<std::int64_t>(workers_.size())},
            {"config", std::string_view(options_.config.front())}});
  give_back_start_pages();
  loop_.run();
  log.info(wall_now(), "stopped", "the sidecar has drained");
  workers_.clear();
  log_writer_.stop(std::chrono::seconds(1));
  return 0;
}

/// The workers' free blocks first, then malloc's free pages: on this thread, since that takes as
/// long as there are pages, and a worker that serves needs malloc for handshakes alone.
void Process::give_back_memory() {
  const auto left = std::make_shared<std::size_t>(workers_.size());
  on_every_worker([this, left](path::Worker&, WorkerTls&) {
    FramePool::trim();
    Block::trim();
    loop_.post([left] {
      if (--*left == 0) malloc_trim(0);
    });
  });
}

}  // namespace epaulet::server
