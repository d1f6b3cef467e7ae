#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

#include "io/pool_allocator.h"
#include "runtime/asio_loop.h"

// Included only by the .cc files of io/: Asio stays out of headers that others see.
namespace epaulet {

/// A descriptor in the loop's reactor, and a wait for each direction that outlives the operation
/// which asked for it: cancelling an operation detaches it, the wait stays armed and serves the
/// next one. So a cancelled read costs no system call and loses no readiness. Reference-counted
/// without atomics: handlers of the reactor may run after the owner has gone.
template <class Owner>
class Readiness {
 public:
  using WaitType = boost::asio::posix::stream_descriptor::wait_type;

  Readiness(AsioLoop& loop, int fd) : descriptor_(loop.context(), fd) {}

  void attach(Owner* owner) { owner_ = owner; }
  void retain() { ++references_; }
  void release() {
    if (--references_ == 0) delete this;
  }

  [[nodiscard]] int fd() { return descriptor_.native_handle(); }

  /// Owner::on_readable() will be called once. Waits already armed are kept.
  void await_readable() {
    if (std::exchange(reading_, true)) return;
    descriptor_.async_wait(WaitType::wait_read, ReadHandler{this, Reference(*this)});
  }
  void await_writable() {
    if (std::exchange(writing_, true)) return;
    descriptor_.async_wait(WaitType::wait_write, WriteHandler{this, Reference(*this)});
  }

  /// The owner goes: closes the descriptor (or gives it back without closing it).
  void close() {
    owner_ = nullptr;
    boost::system::error_code ignored;
    descriptor_.close(ignored);
  }
  void give_back() {
    owner_ = nullptr;
    (void)descriptor_.release();
  }

 private:
  class Reference {
   public:
    explicit Reference(Readiness& target) : target_(&target) { target_->retain(); }
    Reference(const Reference& other) : target_(other.target_) { target_->retain(); }
    Reference(Reference&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
    Reference& operator=(const Reference&) = delete;
    ~Reference() {
      if (target_ != nullptr) target_->release();
    }

   private:
    Readiness* target_;
  };

  struct ReadHandler {
    using allocator_type = PoolAllocator<void>;
    [[nodiscard]] allocator_type get_allocator() const { return {}; }
    Readiness* self;
    Reference reference;
    void operator()(const boost::system::error_code&) const {
      self->reading_ = false;
      if (self->owner_ != nullptr) self->owner_->on_readable();
    }
  };
  struct WriteHandler {
    using allocator_type = PoolAllocator<void>;
    [[nodiscard]] allocator_type get_allocator() const { return {}; }
    Readiness* self;
    Reference reference;
    void operator()(const boost::system::error_code&) const {
      self->writing_ = false;
      if (self->owner_ != nullptr) self->owner_->on_writable();
    }
  };

  ~Readiness() = default;

  boost::asio::posix::stream_descriptor descriptor_;
  Owner* owner_ = nullptr;
  int references_ = 1;
  bool reading_ = false;
  bool writing_ = false;
};

}  // namespace epaulet
