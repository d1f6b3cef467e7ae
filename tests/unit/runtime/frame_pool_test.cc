#include "runtime/frame_pool.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "runtime/fork.h"

namespace {

// Of this thread alone.
thread_local std::size_t g_taken = 0;
thread_local std::size_t g_freed = 0;

}  // namespace

// Counts what goes to and comes from the heap. Not inlined, or g++ 12 sees malloc() freed by
// operator delete and calls it a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++g_taken;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (memory != nullptr) ++g_freed;
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  if (memory != nullptr) ++g_freed;
  std::free(memory);
}

namespace epaulet {
namespace {

class FramePoolTest : public testing::Test {
 protected:
  void SetUp() override {
#ifdef EPAULET_NO_POOLS
    GTEST_SKIP() << "built without pools";
#endif
    FramePool::trim();
    taken_ = g_taken;
    freed_ = g_freed;
  }
  void TearDown() override {
    FramePool::trim();
  }
  [[nodiscard]] std::size_t taken() const {
    return g_taken - taken_;
  }
  [[nodiscard]] std::size_t freed() const {
    return g_freed - freed_;
  }

 private:
  std::size_t taken_ = 0;
  std::size_t freed_ = 0;
};

TEST(FramePoolCount, is_of_blocks_that_have_not_come_back) {
  const auto before = FramePool::in_use();
  void* pooled = FramePool::allocate(200);
  void* large = FramePool::allocate(limits::kFrameBytesMax + 1);
  EXPECT_EQ(FramePool::in_use(), before + 2);
  FramePool::deallocate(pooled, 200);
  EXPECT_EQ(FramePool::in_use(), before + 1);
  FramePool::deallocate(large, limits::kFrameBytesMax + 1);
  EXPECT_EQ(FramePool::in_use(), before);
}

TEST_F(FramePoolTest, gives_a_freed_block_again) {
  void* first = FramePool::allocate(200);
  std::memset(first, 0xaa, 200);
  FramePool::deallocate(first, 200);
  EXPECT_EQ(freed(), 0U);
  void* second = FramePool::allocate(200);
  EXPECT_EQ(second, first);
  EXPECT_EQ(taken(), 1U);
  FramePool::deallocate(second, 200);
}

TEST_F(FramePoolTest, one_class_is_16_bytes_wide_as_mallocs_are) {
  void* smallest = FramePool::allocate(57);
  std::memset(smallest, 0xaa, 72);  // The block is as large as its class: ASan would tell.
  FramePool::deallocate(smallest, 57);
  void* largest = FramePool::allocate(72);
  EXPECT_EQ(largest, smallest);
  void* next_class = FramePool::allocate(73);
  FramePool::deallocate(largest, 72);
  EXPECT_EQ(taken(), 2U);
  void* another = FramePool::allocate(73);  // Not the one of 72 bytes that is free.
  EXPECT_NE(another, largest);
  EXPECT_EQ(taken(), 3U);
  FramePool::deallocate(another, 73);
  FramePool::deallocate(next_class, 73);
}

TEST_F(FramePoolTest, keeps_blocks_up_to_the_limit_of_size_and_none_above) {
  void* kept = FramePool::allocate(limits::kFrameBytesMax);
  FramePool::deallocate(kept, limits::kFrameBytesMax);
  EXPECT_EQ(freed(), 0U);
  void* let_go = FramePool::allocate(limits::kFrameBytesMax + 1);
  FramePool::deallocate(let_go, limits::kFrameBytesMax + 1);
  EXPECT_EQ(freed(), 1U);
}

TEST_F(FramePoolTest, keeps_so_many_blocks_of_a_class_and_frees_the_rest) {
  constexpr std::size_t kMore = 10;
  std::vector<void*> blocks(limits::kPooledFramesMax + kMore);
  for (auto& block : blocks) block = FramePool::allocate(100);
  const auto before = freed();
  for (auto* block : blocks) FramePool::deallocate(block, 100);
  EXPECT_EQ(freed() - before, kMore);
  FramePool::trim();
  EXPECT_EQ(freed() - before, limits::kPooledFramesMax + kMore);
}

TEST_F(FramePoolTest, a_block_in_use_does_not_count_as_kept) {
  for (std::size_t i = 0; i <= limits::kPooledFramesMax; ++i) {
    FramePool::deallocate(FramePool::allocate(100), 100);
  }
  EXPECT_EQ(taken(), 1U);
  EXPECT_EQ(freed(), 0U);
}

TEST_F(FramePoolTest, takes_from_the_heap_again_after_a_trim) {
  FramePool::deallocate(FramePool::allocate(100), 100);
  FramePool::trim();
  EXPECT_EQ(freed(), 1U);
  void* block = FramePool::allocate(100);
  EXPECT_EQ(taken(), 2U);
  FramePool::deallocate(block, 100);
}

TEST_F(FramePoolTest, each_thread_has_its_own_blocks) {
  FramePool::deallocate(FramePool::allocate(100), 100);
  std::size_t taken_there = 0;
  std::thread([&taken_there] {
    const auto before = g_taken;
    void* block = FramePool::allocate(100);
    taken_there = g_taken - before;
    FramePool::deallocate(block, 100);
  }).join();
  EXPECT_EQ(taken_there, 1U);
}

Task<int> add(int a, int b) {
  co_return a + b;
}
Task<int> sum_to(int count) {
  int sum = 0;
  for (int i = 1; i <= count; ++i) sum = co_await add(sum, i);
  co_return sum;
}
int run(int count) {
  Fork<int> fork;
  fork.start(sum_to(count));
  return fork.join().await_resume();
}
TEST_F(FramePoolTest, coroutines_that_ran_once_take_nothing_from_the_heap) {
  EXPECT_EQ(run(3), 6);
  EXPECT_GT(taken(), 0U);
  const auto before = taken();
  EXPECT_EQ(run(100), 5050);
  EXPECT_EQ(taken(), before);
}

}  // namespace
}  // namespace epaulet
