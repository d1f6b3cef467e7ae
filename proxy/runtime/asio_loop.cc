#include "runtime/asio_loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace epaulet {

struct AsioLoop::Reactor {
  // One thread runs the context; posting from others needs its locks, so the hint is 1 and not
  // "unsafe".
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      context.get_executor()};
  boost::asio::steady_timer wakeup{context};
  TimePoint wakeup_at = TimePoint::max();
  bool stopped = false;
};

AsioLoop::AsioLoop() : Loop(Random::from_kernel()), reactor_(std::make_unique<Reactor>()) {
  read_time();
}

AsioLoop::~AsioLoop() {
  destroy_spawned();
  reactor_->wakeup.cancel();
}

boost::asio::io_context& AsioLoop::context() {
  return reactor_->context;
}

TimePoint AsioLoop::read_clock() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now());
}

WallTime AsioLoop::read_wall_clock() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

void AsioLoop::read_time() {
  set_time(read_clock(), read_wall_clock());
}

void AsioLoop::arm_wakeup() {
  const auto next = timers().next();
  // A wake-up that is too early costs one idle turn; moving it back for each new exchange would
  // cost a system call each time.
  if (!next || *next >= reactor_->wakeup_at) return;
  reactor_->wakeup_at = *next;
  reactor_->wakeup.expires_at(*next);
  reactor_->wakeup.async_wait([this](const boost::system::error_code& error) {
    if (!error) reactor_->wakeup_at = TimePoint::max();
  });
}

void AsioLoop::run() {
  reactor_->stopped =
      false;  // Of an earlier run; a stop() meant for this one is a job in the queue.
  while (!reactor_->stopped) {
    run_ready();
    if (has_next_turn()) {
      reactor_->context.poll();
    } else {
      arm_wakeup();
      reactor_->context.run_one();
    }
    read_time();
    timers().fire_due(now());
    begin_turn();
  }
}

void AsioLoop::stop() {
  post([this] { reactor_->stopped = true; });
}

void AsioLoop::post(std::function<void()> job) {
  boost::asio::post(reactor_->context, std::move(job));
}

}  // namespace epaulet
