#include "runtime/frame_pool.h"

#include <array>
#include <cstdint>
#include <new>

#include "base/limits.h"

namespace epaulet {
namespace {

constexpr std::size_t kGranule = 64;
constexpr std::size_t kClasses = limits::kFrameBytesMax / kGranule;

struct FreeBlock {
  FreeBlock* next;
};

struct FreeList {
  FreeBlock* head = nullptr;
  std::size_t count = 0;
};

struct ThreadPools {
  std::array<FreeList, kClasses> lists{};
  std::size_t in_use = 0;
  ~ThreadPools() { trim(); }
  void trim() {
    for (auto& list : lists) {
      while (list.head != nullptr) {
        FreeBlock* next = list.head->next;
        ::operator delete(list.head);
        list.head = next;
      }
      list.count = 0;
    }
  }
};

thread_local ThreadPools pools;

constexpr std::size_t class_of(std::size_t bytes) {
  return (bytes + kGranule - 1) / kGranule - 1;
}

}  // namespace

#ifdef EPAULET_NO_POOLS

void* FramePool::allocate(std::size_t bytes) {
  ++pools.in_use;
  return ::operator new(bytes);
}
void FramePool::deallocate(void* block, std::size_t) noexcept {
  --pools.in_use;
  ::operator delete(block);
}

#else

void* FramePool::allocate(std::size_t bytes) {
  ++pools.in_use;
  if (bytes == 0 || bytes > limits::kFrameBytesMax) return ::operator new(bytes);
  FreeList& list = pools.lists[class_of(bytes)];
  if (list.head == nullptr) return ::operator new((class_of(bytes) + 1) * kGranule);
  FreeBlock* block = list.head;
  list.head = block->next;
  --list.count;
  // Who allocates next reads it: with many requests at once it has left the cache meanwhile.
  __builtin_prefetch(list.head);
  return block;
}

void FramePool::deallocate(void* block, std::size_t bytes) noexcept {
  --pools.in_use;
  if (bytes == 0 || bytes > limits::kFrameBytesMax) return ::operator delete(block);
  FreeList& list = pools.lists[class_of(bytes)];
  if (list.count >= limits::kPooledFramesMax) return ::operator delete(block);
  auto* free_block = new (block) FreeBlock{list.head};
  list.head = free_block;
  ++list.count;
}

#endif

std::size_t FramePool::in_use() noexcept {
  return pools.in_use;
}

void FramePool::trim() {
  pools.trim();
}

}  // namespace epaulet
