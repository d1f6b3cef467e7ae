#include "tls/unsent.h"

#include <gtest/gtest.h>

#include "runtime/random.h"
#include "tls/engine.h"

namespace epaulet {
namespace {

constexpr std::size_t kMax = TlsEngine::kRecordBytesMax;

/// Takes records until nothing is left. Returns their sizes; checks that no byte is lost or moved.
std::vector<std::size_t> take_all(const std::vector<std::string>& buffers, std::size_t bytes_max) {
  std::vector<ConstBytes> views;
  std::string expected;
  for (const auto& buffer : buffers) {
    views.push_back(as_bytes(buffer));
    expected += buffer;
  }
  Unsent unsent{views};
  std::string got;
  std::vector<std::size_t> sizes;
  while (!unsent.empty()) {
    const auto record = unsent.next_record(bytes_max);
    EXPECT_GE(record.size(), 1u);
    EXPECT_LE(record.size(), bytes_max);
    got += as_text(record);
    sizes.push_back(record.size());
    unsent.skip(record.size());
  }
  EXPECT_EQ(got, expected);
  return sizes;
}

std::string text(std::size_t size) {
  std::string made(size, '\0');
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<char>(i * 31 + i / 256);
  return made;
}

TEST(UnsentTest, nothing_is_empty_from_the_start) {
  EXPECT_TRUE(Unsent().empty());
  const std::vector<ConstBytes> empty_buffers(3);
  EXPECT_TRUE(Unsent(empty_buffers).empty());
  EXPECT_EQ(Unsent(empty_buffers).records(), 0u);
}

TEST(UnsentTest, small_pieces_are_one_record) {
  EXPECT_EQ(take_all({text(100), "", text(5), text(2000), ""}, kMax),
            (std::vector<std::size_t>{2105}));
  EXPECT_EQ(take_all({text(1), text(kMax - 1)}, kMax), (std::vector<std::size_t>{kMax}));
}

TEST(UnsentTest, nothing_is_copied_where_that_saves_no_record) {
  const auto head = text(200);
  const auto body = text(kMax);
  const std::vector<ConstBytes> views{as_bytes(head), as_bytes(body)};
  Unsent unsent{views};
  EXPECT_EQ(unsent.records(), 2u);
  const auto first = unsent.next_record(kMax);
  EXPECT_EQ(static_cast<const void*>(first.data()), head.data());
  EXPECT_EQ(first.size(), head.size());
  unsent.skip(first.size());
  const auto second = unsent.next_record(kMax);
  EXPECT_EQ(static_cast<const void*>(second.data()), body.data());
  EXPECT_EQ(second.size(), kMax);
}

TEST(UnsentTest, random_buffers_lose_no_byte_and_take_no_record_more_than_needed) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<std::string> buffers;
    std::size_t total = 0;
    for (std::uint64_t i = random.below(16); i > 0; --i) {
      buffers.push_back(text(random.below(random.below(2) == 0 ? 100 : 40000)));
      total += buffers.back().size();
    }
    EXPECT_EQ(take_all(buffers, kMax).size(), (total + kMax - 1) / kMax);
    take_all(buffers, 1 + random.below(kMax));
  }
}

}  // namespace
}  // namespace epaulet
