#include "resilience/background_room.h"

#include <gtest/gtest.h>

#include <vector>

namespace epaulet::resilience {
namespace {

TEST(BackgroundRoom, holds_so_many_requests) {
  const auto room = std::make_shared<BackgroundRoom>(2, 1000);
  auto first = room->enter(10);
  const auto second = room->enter(10);
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(room->enter(10));
  first.reset();
  EXPECT_TRUE(room->enter(10));
  EXPECT_EQ(room->requests(), 1U);
}

TEST(BackgroundRoom, holds_so_many_bytes) {
  const auto room = std::make_shared<BackgroundRoom>(100, 1000);
  auto first = room->enter(600);
  EXPECT_FALSE(room->enter(401));
  EXPECT_EQ(room->requests(), 1U);
  EXPECT_FALSE(room->enter(UINT64_MAX));
  const auto second = room->enter(400);
  EXPECT_TRUE(second);
  EXPECT_FALSE(room->enter(1));
  first->shrink(100);
  EXPECT_EQ(room->bytes(), 500U);
  EXPECT_TRUE(room->enter(500));
  EXPECT_EQ(room->bytes(), 500U);
}

TEST(BackgroundRoom, a_place_grows_as_far_as_there_is_room) {
  const auto room = std::make_shared<BackgroundRoom>(2, 1000);
  {
    auto place = room->enter(0);
    EXPECT_TRUE(place->grow(600) && place->grow(400));
    EXPECT_FALSE(place->grow(1));
    EXPECT_EQ(room->bytes(), 1000U);
  }
  EXPECT_EQ(room->bytes(), 0U);
}

TEST(BackgroundRoom, a_place_counts_once_however_it_is_moved) {
  const auto room = std::make_shared<BackgroundRoom>(10, 1000);
  {
    auto place = room->enter(100);
    const std::vector<BackgroundRoom::Place> moved = [&] {
      std::vector<BackgroundRoom::Place> all;
      all.push_back(std::move(*place));
      return all;
    }();
    place.reset();
    EXPECT_EQ(room->requests(), 1U);
    EXPECT_EQ(room->bytes(), 100U);
  }
  EXPECT_EQ(room->requests(), 0U);
  EXPECT_EQ(room->bytes(), 0U);
}

}  // namespace
}  // namespace epaulet::resilience
