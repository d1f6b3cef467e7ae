#pragma once

#include <cstddef>

namespace epaulet {

/// Free lists by size class for coroutine frames and reactor handlers, one set per thread.
/// A steady exchange allocates nothing from the heap. Blocks above limits::kFrameBytesMax are not
/// pooled. A block is freed on the thread that allocated it: connections live on one worker.
class FramePool {
 public:
  [[nodiscard]] static void* allocate(std::size_t bytes);
  static void deallocate(void* block, std::size_t bytes) noexcept;
  /// Blocks of this thread in use, for tests that prove none leaks.
  [[nodiscard]] static std::size_t in_use() noexcept;
  /// Gives this thread's free blocks back to the heap.
  static void trim();
};

}  // namespace epaulet
