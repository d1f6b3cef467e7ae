#include "runtime/frame_pool.h"

#include <array>
#include <cstdint>
#include <new>

#include "base/limits.h"

namespace epaulet {
namespace {

// malloc's own blocks have these sizes: eight bytes more than a multiple of sixteen. So nothing is
// lost between its rounding and ours.
constexpr std::size_t kGranule = 16;
constexpr std::size_t kHeader = 8;
constexpr std::size_t kClasses = limits::kFrameBytesMax / kGranule + 1;

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
  return (bytes + kGranule - kHeader - 1) / kGranule;
}
constexpr std::size_t size_of(std::size_t index) {
  return index * kGranule + kHeader;
}
static_assert(size_of(class_of(1)) == 8 && size_of(class_of(8)) == 8 && size_of(class_of(9)) == 24);
static_assert(class_of(limits::kFrameBytesMax) < kClasses);

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
  if (list.head == nullptr) return ::operator new(size_of(class_of(bytes)));
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
