#include "telemetry/log_writer.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/assert.h"
#include "runtime/asio_loop.h"
#include "telemetry/json_line.h"
#include "telemetry/plain_text.h"

namespace epaulet::telemetry {
namespace {

/// A pipe that polls writable takes PIPE_BUF bytes without blocking (pipe(7)); more may block.
constexpr std::size_t kPipeBytes = 4096;
constexpr std::size_t kFileBytes = 64 * limits::kKiB;
constexpr std::chrono::milliseconds kPatienceStep{10};
/// Between two lines that tell of missing ones.
constexpr std::chrono::milliseconds kTellEvery{1000};

void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

LogWriter::LogWriter(int descriptor) : descriptor_(descriptor) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) return;
  if (S_ISREG(status.st_mode)) kind_ = Kind::file;
  if (S_ISSOCK(status.st_mode)) kind_ = Kind::socket;
}

LogWriter::~LogWriter() {
  stop(std::chrono::milliseconds(0));
}

LogRing& LogWriter::add_ring() {
  EPAULET_ASSERT(!thread_.joinable());
  return *rings_.emplace_back(std::make_unique<LogRing>(wake_));
}

void LogWriter::start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "log");
    // Signals are the main thread's; this one gets EPIPE as an error.
    block_signals();
    run();
  });
}

void LogWriter::stop(std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return;
  patience_ms_.store(patience.count(), std::memory_order_relaxed);
  stopping_.store(true, std::memory_order_release);
  wake_.signal();
  thread_.join();
}

void LogWriter::run() {
  for (;;) {
    const bool last = stopping_.load(std::memory_order_acquire);
    const bool wrote = drain_all();
    tell_of_missing();
    if (last) return;
    if (wrote) {
      pause();  // A busy log comes in batches, not line by line.
    } else {
      sleep();
    }
  }
}

bool LogWriter::drain_all() {
  bool any = false;
  for (auto& ring : rings_) any = drain(*ring) || any;
  return any;
}

bool LogWriter::anything_waits() const {
  return std::any_of(rings_.begin(), rings_.end(),
                     [](const auto& ring) { return ring->waiting().size() > 0; });
}

void LogWriter::sleep() {
  wake_.about_to_sleep();
  if (!anything_waits() && !stopping_.load(std::memory_order_acquire)) {
    pollfd signalled{wake_.descriptor(), POLLIN, 0};
    // What is missing and not told yet waits for its second to be over.
    const bool has_to_tell = !is_failing_ && missing() != told_;
    (void)::poll(&signalled, 1, has_to_tell ? static_cast<int>(kTellEvery.count()) : -1);
  }
  wake_.awake();
}

void LogWriter::pause() {
  pollfd signalled{wake_.descriptor(), POLLIN, 0};
  (void)::poll(&signalled, 1, static_cast<int>(limits::kLogBatchTime.count()));
  wake_.awake();
}

bool LogWriter::drain(LogRing& ring) {
  // Whole lines of one ring before the next one's: what came meanwhile waits for its turn.
  const auto waiting = ring.waiting();
  for (std::string_view part : {waiting.first, waiting.second}) {
    while (!part.empty()) {
      const std::size_t done = write_some(part);
      ring.release(done);
      part.remove_prefix(done);
    }
  }
  return waiting.size() > 0;
}

std::size_t LogWriter::write_some(std::string_view text) {
  if (!wait_writable()) {
    lose(text);
    return text.size();
  }
  if (line_is_torn_) {
    if (::write(descriptor_, "\n", 1) == 1) line_is_torn_ = within_line_ = false;
  }
  const std::size_t most = kind_ == Kind::file ? kFileBytes : kPipeBytes;
  const std::size_t size = std::min(text.size(), most);
  const ssize_t written = kind_ == Kind::socket
                              ? ::send(descriptor_, text.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL)
                              : ::write(descriptor_, text.data(), size);
  if (written > 0) {
    const auto bytes = static_cast<std::size_t>(written);
    within_line_ = text[bytes - 1] != '\n';
    is_failing_ = false;
    return bytes;
  }
  if (written < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  lose(text);
  return text.size();
}

/// False: stopping, and the patience is over.
bool LogWriter::wait_writable() {
  for (;;) {
    std::array<pollfd, 2> events{{{descriptor_, POLLOUT, 0}, {wake_.descriptor(), POLLIN, 0}}};
    const bool stopping = stopping_.load(std::memory_order_acquire);
    // While it stops there is nothing more to be signalled, only the time to watch.
    const int ready = ::poll(events.data(), stopping ? 1 : 2,
                             stopping ? static_cast<int>(kPatienceStep.count()) : -1);
    if (ready < 0 && errno != EINTR) return true;  // The write will say what is wrong.
    if (events[0].revents != 0 && ready > 0) return true;
    if (stopping) {
      const auto left = patience_ms_.load(std::memory_order_relaxed);
      if (left <= 0) return false;
      patience_ms_.store(left - kPatienceStep.count(), std::memory_order_relaxed);
    } else {
      wake_.awake();
    }
  }
}

void LogWriter::lose(std::string_view text) {
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  lines_lost_.store(lines_lost() + lines, std::memory_order_relaxed);
  // The next line must not be glued to the half of this one that was written.
  line_is_torn_ = line_is_torn_ || within_line_;
  is_failing_ = true;
}

LogWriter::Missing LogWriter::missing() const {
  Missing all{0, lines_lost()};
  for (const auto& ring : rings_) all.ring_full += ring->dropped();
  return all;
}

/// Whoever reads the log must not take it for complete.
void LogWriter::tell_of_missing() {
  const Missing now = missing();
  if (is_failing_ || now == told_) return;
  const TimePoint time = AsioLoop::read_clock();
  if (told_ != Missing() && time < told_at_ + kTellEvery) return;
  JsonLine line;
  line.text("time", TimeText(AsioLoop::read_wall_clock()).view()).text("level", "warning");
  line.text("kind", "process").text("event", "log_lines_dropped");
  line.text("message", "lines are missing here: standard output could not take them");
  line.number("ring_full", now.ring_full - told_.ring_full);
  line.number("write_failed", now.write_failed - told_.write_failed);
  told_ = now;
  told_at_ = time;
  for (std::string_view rest = line.finish(); !rest.empty();) rest.remove_prefix(write_some(rest));
}

}  // namespace epaulet::telemetry
