#include "io/block.h"

#include <array>
#include <new>

#include "base/assert.h"

namespace epaulet {
namespace {

constexpr std::size_t kTinyBlockBytes = 1024;  // Most heads fit, and small messages.
constexpr std::array<std::size_t, 4> kSizes{kTinyBlockBytes, limits::kSmallBlockBytes,
                                            limits::kBlockBytes, limits::kLargeBlockBytes};

struct Free {
  Free* next;
};

struct ThreadBlocks {
  struct Class {
    Free* head = nullptr;
    std::size_t count = 0;
  };
  std::array<Class, kSizes.size()> classes{};
  std::size_t in_use = 0;

  ~ThreadBlocks() { trim(); }
  void trim() {
    for (auto& list : classes) {
      while (list.head != nullptr) {
        Free* next = list.head->next;
        ::operator delete(list.head);
        list.head = next;
      }
      list.count = 0;
    }
  }
};

thread_local ThreadBlocks blocks;

std::size_t class_of(std::size_t bytes) {
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    if (bytes <= kSizes[i]) return i;
  }
  EPAULET_ASSERT(!"a block larger than the largest class");
  return 0;
}

}  // namespace

/// A head may be as large as the largest class when it comes, and gets fields of ours on its way:
/// such a block is as large as it must be, and not pooled.
Block Block::allocate(std::size_t bytes) {
  if (bytes > limits::kLargeBlockBytes) {
    Block block;
    block.data_ = static_cast<std::byte*>(::operator new(bytes));
    block.size_ = bytes;
    ++blocks.in_use;
    return block;
  }
  const std::size_t index = class_of(bytes);
  auto& list = blocks.classes[index];
  Block block;
  block.size_ = kSizes[index];
  ++blocks.in_use;
  if (list.head != nullptr) {
    block.data_ = reinterpret_cast<std::byte*>(std::exchange(list.head, list.head->next));
    --list.count;
    __builtin_prefetch(list.head);  // As in FramePool.
  } else {
    block.data_ = static_cast<std::byte*>(::operator new(kSizes[index]));
  }
  return block;
}

void Block::reset() {
  if (data_ == nullptr) return;
  --blocks.in_use;
  if (size_ > limits::kLargeBlockBytes) {
    ::operator delete(std::exchange(data_, nullptr));
    size_ = 0;
    return;
  }
  auto& list = blocks.classes[class_of(size_)];
#ifdef EPAULET_NO_POOLS
  const bool keep = false;
#else
  const bool keep = list.count < limits::kPooledBlocksMax;
#endif
  if (keep) {
    list.head = new (data_) Free{list.head};
    ++list.count;
  } else {
    ::operator delete(data_);
  }
  data_ = nullptr;
  size_ = 0;
}

std::size_t Block::in_use() {
  return blocks.in_use;
}
void Block::trim() {
  blocks.trim();
}

}  // namespace epaulet
