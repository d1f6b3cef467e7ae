#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "base/limits.h"

namespace epaulet {

/// A pooled buffer of one of three sizes (base/limits.h). Moves, never copies; goes back to the
/// thread's pool when destroyed. An idle connection holds none.
class Block {
 public:
  Block() = default;
  /// The smallest class that holds `bytes`, at most limits::kLargeBlockBytes.
  [[nodiscard]] static Block allocate(std::size_t bytes);
  Block(Block&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Block& operator=(Block&& other) noexcept {
    if (this != &other) {
      reset();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~Block() { reset(); }

  [[nodiscard]] explicit operator bool() const { return data_ != nullptr; }
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<std::byte> span() const { return {data_, size_}; }
  void reset();

  /// Blocks of this thread in use, for tests that prove none leaks.
  [[nodiscard]] static std::size_t in_use();
  /// Gives this thread's free blocks back to the heap.
  static void trim();

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace epaulet
