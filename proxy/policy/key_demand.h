#pragma once

#include <atomic>
#include <functional>
#include <memory>

namespace epaulet {

/// Tells whoever fetches an issuer's keys that a token names one that is not among them. Shared by
/// all workers; a storm of such tokens wakes the fetcher once, until it has looked.
class KeyDemand {
 public:
  /// `wake`: called on the thread that raises; may not block.
  explicit KeyDemand(std::function<void()> wake) : wake_(std::move(wake)) {}

  /// Any thread. Cost, once it is raised: a relaxed load.
  void raise() {
    if (raised_.load(std::memory_order_relaxed)) return;
    if (!raised_.exchange(true, std::memory_order_relaxed)) wake_();
  }
  /// The fetcher has looked.
  void clear() { raised_.store(false, std::memory_order_relaxed); }

 private:
  std::function<void()> wake_;
  std::atomic<bool> raised_{false};
};
using KeyDemandPtr = std::shared_ptr<KeyDemand>;

}  // namespace epaulet
