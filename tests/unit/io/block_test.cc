#include "io/block.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

namespace {

thread_local std::size_t g_freed = 0;

}  // namespace

// Counts what goes back to the heap. Not inlined, or g++ 12 sees malloc() freed by operator delete
// and calls it a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
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

class BlockTest : public testing::Test {
 protected:
  void SetUp() override { Block::trim(); }
  void TearDown() override {
    EXPECT_EQ(Block::in_use(), 0U);
    Block::trim();
  }
};

constexpr std::size_t kTinyBytes = 1024;

TEST_F(BlockTest, is_of_the_smallest_class_that_fits) {
  const std::pair<std::size_t, std::size_t> sizes[] = {
      {0, kTinyBytes},
      {1, kTinyBytes},
      {kTinyBytes + 1, limits::kSmallBlockBytes},
      {limits::kSmallBlockBytes, limits::kSmallBlockBytes},
      {limits::kSmallBlockBytes + 1, limits::kBlockBytes},
      {limits::kBlockBytes, limits::kBlockBytes},
      {limits::kBlockBytes + 1, limits::kLargeBlockBytes},
      {limits::kLargeBlockBytes, limits::kLargeBlockBytes},
  };
  for (const auto& [asked, given] : sizes) {
    const auto block = Block::allocate(asked);
    EXPECT_EQ(block.size(), given) << asked;
    EXPECT_EQ(block.span().size(), given);
    std::memset(block.data(), 0xaa, block.size());
  }
}

TEST_F(BlockTest, one_above_the_largest_class_is_as_large_as_asked_for_and_goes_back) {
  constexpr std::size_t kBytes = limits::kLargeBlockBytes + 100;
  auto block = Block::allocate(kBytes);
  EXPECT_EQ(block.size(), kBytes);
  std::memset(block.data(), 0xaa, block.size());
  auto moved = std::move(block);
  EXPECT_EQ(Block::in_use(), 1U);
  moved.reset();
  EXPECT_FALSE(moved);
  EXPECT_EQ(Block::in_use(), 0U);
}

TEST_F(BlockTest, moves_and_is_counted_once) {
  EXPECT_EQ(Block::in_use(), 0U);
  Block empty;
  EXPECT_FALSE(empty);
  EXPECT_EQ(empty.size(), 0U);
  auto one = Block::allocate(1);
  auto* data = one.data();
  auto other = std::move(one);
  EXPECT_FALSE(one);
  EXPECT_EQ(one.size(), 0U);
  EXPECT_EQ(other.data(), data);
  EXPECT_EQ(Block::in_use(), 1U);

  auto second = Block::allocate(limits::kBlockBytes);
  EXPECT_EQ(Block::in_use(), 2U);
  second = std::move(other);  // Lets go what it had.
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(second.size(), kTinyBytes);
  EXPECT_EQ(Block::in_use(), 1U);
  auto& same = second;
  second = std::move(same);
  EXPECT_EQ(second.data(), data);
  second.reset();
  second.reset();
  EXPECT_EQ(Block::in_use(), 0U);
}

class BlockPoolTest : public BlockTest {
 protected:
  void SetUp() override {
#ifdef EPAULET_NO_POOLS
    GTEST_SKIP() << "built without pools";
#endif
    BlockTest::SetUp();
  }
};

TEST_F(BlockPoolTest, goes_back_to_the_pool_of_its_class) {
  auto small = Block::allocate(1);
  auto* data = small.data();
  small.reset();
  const auto large = Block::allocate(limits::kBlockBytes);
  EXPECT_NE(large.data(), data);
  const auto again = Block::allocate(1);
  EXPECT_EQ(again.data(), data);
}

TEST_F(BlockPoolTest, the_pool_keeps_so_many_of_a_class_and_frees_the_rest) {
  constexpr std::size_t kMore = 5;
  std::vector<Block> blocks(limits::kPooledBlocksMax + kMore);
  for (auto& block : blocks) block = Block::allocate(1);
  const auto before = g_freed;
  for (auto& block : blocks) block.reset();
  EXPECT_EQ(g_freed - before, kMore);
  Block::trim();
  EXPECT_EQ(g_freed - before, blocks.size());
}

TEST_F(BlockPoolTest, one_in_use_does_not_count_as_kept) {
  const auto before = g_freed;
  for (std::size_t i = 0; i <= limits::kPooledBlocksMax; ++i) (void)Block::allocate(1);
  EXPECT_EQ(g_freed, before);
}

TEST_F(BlockPoolTest, each_thread_has_its_own_pool_and_count) {
  auto block = Block::allocate(1);
  auto* data = block.data();
  block.reset();
  const auto held = Block::allocate(limits::kBlockBytes);
  std::thread([data] {
    EXPECT_EQ(Block::in_use(), 0U);
    const auto here = Block::allocate(1);
    EXPECT_NE(here.data(), data);
    EXPECT_EQ(Block::in_use(), 1U);
  }).join();
  EXPECT_EQ(Block::in_use(), 1U);
}

}  // namespace
}  // namespace epaulet
