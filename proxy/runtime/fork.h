#pragma once

#include <coroutine>
#include <utility>

#include "runtime/task.h"

namespace epaulet {

/// Runs a task beside its starter, which joins it before the fork goes out of scope: two half-pumps
/// of an exchange are one coroutine and one fork. Structured: a fork never outlives its owner's
/// frame.
template <class T = void>
class Fork final : private FinalHook {
 public:
  Fork() = default;
  Fork(const Fork&) = delete;
  Fork& operator=(const Fork&) = delete;
  ~Fork() { EPAULET_ASSERT(!running()); }

  /// Runs `task` until it first waits. The fork must be idle.
  void start(Task<T> task) {
    EPAULET_ASSERT(!running());
    ended_ = false;
    task_ = std::move(task);
    started_ = true;
    task_.start(*this);
  }
  [[nodiscard]] bool running() const { return started_ && !ended_; }
  [[nodiscard]] bool ended() const { return started_ && ended_; }

  class Join {
   public:
    explicit Join(Fork& fork) : fork_(fork) {}
    bool await_ready() const noexcept { return fork_.ended_; }
    void await_suspend(std::coroutine_handle<> joiner) noexcept { fork_.joiner_ = joiner; }
    T await_resume() {
      fork_.started_ = false;
      Task<T> task = std::move(fork_.task_);
      return task.take();
    }

   private:
    Fork& fork_;
  };
  /// Waits for the end and takes the value. Once per start.
  [[nodiscard]] Join join() { return Join(*this); }

 private:
  std::coroutine_handle<> on_final() override {
    ended_ = true;
    return joiner_ ? std::exchange(joiner_, {}) : std::noop_coroutine();
  }

  Task<T> task_;
  std::coroutine_handle<> joiner_;
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace epaulet
