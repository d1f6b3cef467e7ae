#include "http/http2/session_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "runtime/frame_pool.h"

namespace epaulet::http::http2 {
namespace {

/// nghttp2 does not say how large what it frees is, so that stands before it.
struct alignas(std::max_align_t) Prefix {
  std::size_t bytes;  ///< Of both.
};

void* allocate(std::size_t size, void*) {
  if (size > SIZE_MAX - sizeof(Prefix)) return nullptr;
  const std::size_t bytes = sizeof(Prefix) + size;
  return new (FramePool::allocate(bytes)) Prefix{bytes} + 1;
}

void release(void* block, void*) {
  if (block == nullptr) return;
  Prefix* const prefix = static_cast<Prefix*>(block) - 1;
  FramePool::deallocate(prefix, prefix->bytes);
}

void* allocate_zeroed(std::size_t count, std::size_t size, void*) {
  if (size != 0 && count > SIZE_MAX / size) return nullptr;
  void* const block = allocate(count * size, nullptr);
  if (block != nullptr) std::memset(block, 0, count * size);
  return block;
}

void* reallocate(void* block, std::size_t size, void*) {
  void* const moved = allocate(size, nullptr);
  if (moved == nullptr || block == nullptr) return moved;
  const std::size_t held = (static_cast<Prefix*>(block) - 1)->bytes - sizeof(Prefix);
  std::memcpy(moved, block, std::min(held, size));
  release(block, nullptr);
  return moved;
}

}  // namespace

nghttp2_mem* pooled_memory() {
  static nghttp2_mem memory{nullptr, allocate, release, allocate_zeroed, reallocate};
  return &memory;
}

}  // namespace epaulet::http::http2
