#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "runtime/frame_pool.h"

namespace epaulet {

/// Told when a task ends that nobody awaits with co_await: see Fork and Loop::spawn.
class FinalHook {
 public:
  /// Returns what to resume next. May destroy the task's frame.
  virtual std::coroutine_handle<> on_final() = 0;

 protected:
  ~FinalHook() = default;
};

namespace detail {

class PromiseBase {
 public:
  // Frames come from the thread's pool; g++ 12 elides no coroutine allocation.
  static void* operator new(std::size_t bytes) { return FramePool::allocate(bytes); }
  static void operator delete(void* frame, std::size_t bytes) noexcept {
    FramePool::deallocate(frame, bytes);
  }

  std::suspend_always initial_suspend() noexcept { return {}; }

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      PromiseBase& promise = ended.promise();
      if (promise.hook_ != nullptr) return promise.hook_->on_final();
      return promise.continuation_ ? promise.continuation_ : std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }

  /// Workers never throw: an exception here is a broken invariant (or no memory).
  [[noreturn]] void unhandled_exception() noexcept {
    assert_failed("a coroutine let an exception escape", __FILE__, __LINE__);
  }

  void continue_with(std::coroutine_handle<> continuation) { continuation_ = continuation; }
  void hook(FinalHook& hook) { hook_ = &hook; }

 private:
  std::coroutine_handle<> continuation_;
  FinalHook* hook_ = nullptr;
};

template <class T>
class Promise final : public PromiseBase {
 public:
  std::coroutine_handle<Promise> get_return_object() noexcept {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    EPAULET_ASSERT(value_.has_value());
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  std::coroutine_handle<Promise> get_return_object() noexcept {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  void return_void() noexcept {}
  void take() noexcept {}
};

}  // namespace detail

/// A lazy coroutine: starts when awaited, resumes its awaiter by symmetric transfer, owns its
/// frame. Destroying a task that is suspended destroys its locals: whatever it waits on must then
/// deregister itself in its destructor.
/// Parameters taken by reference must outlive the task (design section 11: never write a
/// brace-built aggregate or a capturing lambda inside a co_await expression).
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task() noexcept = default;
  // NOLINTNEXTLINE(google-explicit-constructor): the promise's return object becomes the task.
  Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      frame_ = std::exchange(other.frame_, {});
    }
    return *this;
  }
  ~Task() { reset(); }

  [[nodiscard]] bool done() const { return !frame_ || frame_.done(); }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    frame_.promise().continue_with(awaiter);
    return frame_;
  }
  T await_resume() { return frame_.promise().take(); }

  /// For Fork and Loop only: runs until the first suspension; `hook` hears of the end.
  void start(FinalHook& hook) {
    frame_.promise().hook(hook);
    frame_.resume();
  }
  /// After the end: the value.
  T take() { return frame_.promise().take(); }
  void reset() {
    if (frame_) std::exchange(frame_, {}).destroy();
  }

 private:
  std::coroutine_handle<promise_type> frame_;
};

}  // namespace epaulet

template <class T, class... Arguments>
struct std::coroutine_traits<epaulet::Task<T>, Arguments...> {
  using promise_type = epaulet::detail::Promise<T>;
};
