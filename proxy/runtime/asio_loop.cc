#include "runtime/asio_loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "runtime/pool_allocator.h"

namespace epaulet {
namespace {

/// A descriptor in the reactor, and a wait for each direction that outlives the operation which
/// asked for it: cancelling an operation detaches it, the wait stays armed and serves the next one.
/// So a cancelled read costs no system call and loses no readiness. Reference-counted without
/// atomics: handlers of the reactor may run after the owner has gone.
class AsioReadiness final : public Readiness {
 public:
  using WaitType = boost::asio::posix::stream_descriptor::wait_type;

  AsioReadiness(boost::asio::io_context& context, int fd, Owner& owner)
      : descriptor_(context, fd), fd_(fd), owner_(&owner) {}

  int fd() const override { return fd_; }
  void await_readable() override {
    if (std::exchange(reading_, true)) return;
    descriptor_.async_wait(WaitType::wait_read, ReadHandler{Reference(*this)});
  }
  void await_writable() override {
    if (std::exchange(writing_, true)) return;
    descriptor_.async_wait(WaitType::wait_write, WriteHandler{Reference(*this)});
  }
  /// Each wait looks at the present state again.
  bool may_have_more() const override { return false; }

  void close() override {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    retire();
  }
  void give_back() override {
    (void)descriptor_.release();
    retire();
  }

 private:
  class Reference {
   public:
    explicit Reference(AsioReadiness& target) : target_(&target) { ++target_->references_; }
    Reference(const Reference& other) : Reference(*other.target_) {}
    Reference(Reference&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
    Reference& operator=(const Reference&) = delete;
    ~Reference() {
      if (target_ != nullptr) target_->release();
    }
    [[nodiscard]] AsioReadiness& operator*() const { return *target_; }

   private:
    AsioReadiness* target_;
  };

  struct ReadHandler {
    using allocator_type = PoolAllocator<void>;
    [[nodiscard]] allocator_type get_allocator() const { return {}; }
    Reference self;
    void operator()(const boost::system::error_code&) const {
      (*self).reading_ = false;
      if ((*self).owner_ != nullptr) (*self).owner_->on_readable();
    }
  };
  struct WriteHandler {
    using allocator_type = PoolAllocator<void>;
    [[nodiscard]] allocator_type get_allocator() const { return {}; }
    Reference self;
    void operator()(const boost::system::error_code&) const {
      (*self).writing_ = false;
      if ((*self).owner_ != nullptr) (*self).owner_->on_writable();
    }
  };

  ~AsioReadiness() = default;
  void retire() {
    owner_ = nullptr;
    release();
  }
  void release() {
    if (--references_ == 0) delete this;
  }

  boost::asio::posix::stream_descriptor descriptor_;
  const int fd_;
  Owner* owner_;
  int references_ = 1;  ///< The owner's, and one for each wait.
  bool reading_ = false;
  bool writing_ = false;
};

}  // namespace

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

AsioLoop::AsioLoop() : IoLoop(Random::from_kernel()), reactor_(std::make_unique<Reactor>()) {
  read_time();
}

AsioLoop::~AsioLoop() {
  destroy_spawned();
  reactor_->wakeup.cancel();
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

Readiness* AsioLoop::watch(int fd, Readiness::Owner& owner) {
  return new AsioReadiness(reactor_->context, fd, owner);
}

void AsioLoop::stop() {
  post([this] { reactor_->stopped = true; });
}

void AsioLoop::post(std::function<void()> job) {
  boost::asio::post(reactor_->context, std::move(job));
}

}  // namespace epaulet
