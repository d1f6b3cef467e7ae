#pragma once

#include <cstddef>
#include <string>

#include "runtime/frame_pool.h"

namespace epaulet {

/// Puts what containers hold, and reactor handlers, into the frame pool. For those of one thread.
template <class T>
class PoolAllocator {
 public:
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  explicit PoolAllocator(const PoolAllocator<U>&) {}
  [[nodiscard]] T* allocate(std::size_t count) {
    return static_cast<T*>(FramePool::allocate(count * sizeof(T)));
  }
  void deallocate(T* block, std::size_t count) noexcept {
    FramePool::deallocate(block, count * sizeof(T));
  }
  template <class U>
  friend bool operator==(const PoolAllocator&, const PoolAllocator<U>&) {
    return true;
  }
};

/// For rebinding only.
template <>
class PoolAllocator<void> {
 public:
  using value_type = void;
  PoolAllocator() = default;
  template <class U>
  explicit PoolAllocator(const PoolAllocator<U>&) {}
  template <class U>
  friend bool operator==(const PoolAllocator&, const PoolAllocator<U>&) {
    return true;
  }
};

/// A base of objects that come and go with requests, on one thread.
struct Pooled {
  static void* operator new(std::size_t bytes) { return FramePool::allocate(bytes); }
  static void operator delete(void* object, std::size_t bytes) noexcept {
    FramePool::deallocate(object, bytes);
  }
};

using PooledString = std::basic_string<char, std::char_traits<char>, PoolAllocator<char>>;

}  // namespace epaulet
