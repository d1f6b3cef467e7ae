#include "runtime/epoll_loop.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "runtime/frame_pool.h"

namespace epaulet {

class EpollLoop::Watched final : public Readiness, public ListNode {
 public:
  static void* operator new(std::size_t bytes) { return FramePool::allocate(bytes); }
  static void operator delete(void* block, std::size_t bytes) noexcept {
    FramePool::deallocate(block, bytes);
  }

  Watched(EpollLoop& loop, int fd, Owner& owner) : loop_(loop), fd_(fd), owner_(&owner) {
    tell(EPOLL_CTL_ADD);
  }
  ~Watched() = default;

  int fd() const override { return fd_; }
  void await_readable() override {}  // Every change is reported.
  void await_writable() override {
    if ((interest_ & EPOLLOUT) != 0) return;
    interest_ |= EPOLLOUT;
    tell(EPOLL_CTL_MOD);  // Reports the present state too.
  }
  bool may_have_more() const override { return may_have_more_; }

  void close() override {
    ::close(std::exchange(fd_, -1));  // Which takes it out of the epoll.
    retire();
  }
  void give_back() override {
    tell(EPOLL_CTL_DEL);
    retire();
  }

  void on_events(std::uint32_t events) {
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0) may_have_more_ = true;
    if (owner_ != nullptr && (events & ~std::uint32_t{EPOLLOUT}) != 0) owner_->on_readable();
    // The owner may have gone meanwhile.
    if (owner_ != nullptr && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
      owner_->on_writable();
  }

 private:
  void tell(int operation) {
    epoll_event event{};
    event.events = interest_;
    event.data.ptr = this;
    if (::epoll_ctl(loop_.epoll_, operation, fd_, &event) == 0 || operation == EPOLL_CTL_DEL)
      return;
    // Memory or the user's limit of watches is out (epoll(7)), and nobody would tell the owner of
    // anything: the connection is at its end.
    ::shutdown(fd_, SHUT_RDWR);
  }
  void retire() {
    owner_ = nullptr;
    loop_.closed_.push_back(*this);
  }

  EpollLoop& loop_;
  int fd_;
  std::uint32_t interest_ = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET;
  bool may_have_more_ = false;
  Owner* owner_;
};

EpollLoop::EpollLoop(bool precise_wait)
    : IoLoop(Random::from_kernel()),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wakeup_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      has_precise_wait_(precise_wait) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (epoll_ < 0 || wakeup_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll");
  read_time();
}

EpollLoop::~EpollLoop() {
  destroy_spawned();
  bury();
  ::close(wakeup_);
  ::close(epoll_);
}

Readiness* EpollLoop::watch(int fd, Readiness::Owner& owner) {
  return new Watched(*this, fd, owner);
}

void EpollLoop::run() {
  stopped_ = false;  // Of an earlier run; a stop() meant for this one is a job in the queue.
  while (!stopped_) {
    run_ready();
    const std::size_t count = wait();
    gather_writes(count >= kGatherFrom);
    for (std::size_t i = 0; i < count; ++i) {
      // Each event is worked through before the next: what it touches is warm, and its times are
      // its own.
      read_time();
      if (gathered_for_long()) run_writes();
      if (events_[i].data.ptr == nullptr) {
        take_posted();
      } else {
        static_cast<Watched*>(events_[i].data.ptr)->on_events(events_[i].events);
      }
      run_ready();
    }
    gather_writes(false);
    run_writes();
    bury();
    read_time();
    timers().fire_due(now());
    begin_turn();
  }
}

std::size_t EpollLoop::wait() {
  int count;
  if (has_next_turn() || has_ready()) {
    count = ::epoll_wait(epoll_, events_.data(), kEventsPerWait, 0);
  } else if (const auto due = timers().next()) {
    count = wait_until(*due);
  } else {
    count = ::epoll_wait(epoll_, events_.data(), kEventsPerWait, -1);
  }
  EPAULET_ASSERT(count >= 0 || errno == EINTR);
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

int EpollLoop::wait_until(TimePoint due) {
  using std::chrono::nanoseconds;
  const auto left = std::max(nanoseconds(due - read_clock()), nanoseconds(0));
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  if (has_precise_wait_) {
    const timespec limit{seconds.count(), (left - seconds).count()};
    const int count = ::epoll_pwait2(epoll_, events_.data(), kEventsPerWait, &limit, nullptr);
    if (count >= 0 || errno == EINTR) return count;
    has_precise_wait_ = false;
  }
  // Rounded up: a wait that ends before the time is one for nothing.
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return ::epoll_wait(epoll_, events_.data(), kEventsPerWait,
                      static_cast<int>(std::min<std::int64_t>(whole, 60'000)));
}

void EpollLoop::post(std::function<void()> job) {
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(job));
  }
  const std::uint64_t one = 1;
  if (first) (void)!::write(wakeup_, &one, sizeof one);
}

void EpollLoop::take_posted() {
  std::uint64_t posts;
  (void)!::read(wakeup_, &posts, sizeof posts);
  {
    const std::lock_guard lock(mutex_);
    running_.swap(posted_);
  }
  for (auto& job : running_) job();
  running_.clear();
}

void EpollLoop::stop() {
  post([this] { stopped_ = true; });
}

void EpollLoop::bury() {
  while (!closed_.empty()) delete &closed_.pop_front();
}

}  // namespace epaulet
