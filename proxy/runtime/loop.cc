#include "runtime/loop.h"

#include <new>

#include "runtime/frame_pool.h"

namespace epaulet {

class Loop::Spawned final : public ListNode, private FinalHook {
 public:
  static void* operator new(std::size_t bytes) { return FramePool::allocate(bytes); }
  static void operator delete(void* block, std::size_t bytes) noexcept {
    FramePool::deallocate(block, bytes);
  }

  Spawned(Loop& loop, Task<void> task) : loop_(loop), task_(std::move(task)) {
    loop_.spawned_.push_back(*this);
    ++loop_.spawned_count_;
  }
  ~Spawned() { --loop_.spawned_count_; }
  void start() { task_.start(*this); }

 private:
  std::coroutine_handle<> on_final() override {
    delete this;  // Destroys the frame too, which stands at its final suspension.
    return std::noop_coroutine();
  }
  Loop& loop_;
  Task<void> task_;
};

Loop::~Loop() {
  destroy_spawned();
}

void Loop::destroy_spawned() {
  while (!spawned_.empty()) delete &spawned_.front();
}

void Loop::spawn(Task<void> task) {
  (new Spawned(*this, std::move(task)))->start();
}

std::size_t Loop::run_ready() {
  std::size_t ran = 0;
  while (!ready_.empty()) {
    ready_.pop_front().run();
    ++ran;
  }
  return ran;
}

void Loop::begin_turn() {
  // In order, behind what is ready already.
  while (!next_turn_.empty()) {
    ReadyItem& item = next_turn_.pop_front();
    ready_.push_back(item);
  }
}

}  // namespace epaulet
