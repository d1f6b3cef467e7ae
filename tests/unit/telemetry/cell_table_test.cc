#include "telemetry/cell_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "telemetry/cell.h"

namespace epaulet::telemetry {
namespace {

struct Key {
  std::uint32_t number = 0;
  friend bool operator==(const Key&, const Key&) = default;
  // Few distinct values: neighbours collide.
  [[nodiscard]] std::uint64_t hash() const { return number / 4; }
};

constexpr Key kOverflow{UINT32_MAX};

template <std::size_t Max>
std::map<std::uint32_t, std::uint64_t> contents(const CellTable<Key, Cell, Max>& table) {
  std::map<std::uint32_t, std::uint64_t> found;
  table.for_each([&](const Key& key, const Cell& cell) {
    EXPECT_TRUE(found.emplace(key.number, cell.value()).second) << "twice: " << key.number;
  });
  return found;
}

TEST(CellTable, counts_as_a_map_does) {
  CellTable<Key, Cell, 1024> table(kOverflow);
  std::map<std::uint32_t, std::uint64_t> oracle;
  std::mt19937 random(11);
  for (int i = 0; i < 20000; ++i) {
    const std::uint32_t number = static_cast<std::uint32_t>(random() % 500);
    table.find_or_add({number}).add();
    ++oracle[number];
  }
  EXPECT_EQ(contents(table), oracle);
}

TEST(CellTable, shares_the_last_entry_when_it_is_full) {
  CellTable<Key, Cell, 32> table(kOverflow);
  for (std::uint32_t i = 0; i < 100; ++i) table.find_or_add({i}).add();
  for (std::uint32_t i = 0; i < 100; ++i) table.find_or_add({i}).add();
  EXPECT_EQ(table.size(), 32u);
  const auto found = contents(table);
  EXPECT_EQ(found.at(0), 2u);
  EXPECT_EQ(found.at(30), 2u);
  EXPECT_EQ(found.count(31), 0u);
  EXPECT_EQ(found.at(UINT32_MAX), 2u * 69);
}

TEST(CellTable, keeps_its_entries_where_they_are) {
  CellTable<Key, Cell, 1024> table(kOverflow);
  Cell& first = table.find_or_add({1});
  for (std::uint32_t i = 2; i < 900; ++i) (void)table.find_or_add({i});
  EXPECT_EQ(&table.find_or_add({1}), &first);
}

// For ThreadSanitizer.
TEST(CellTable, is_visited_while_it_grows) {
  CellTable<Key, Cell, 1024> table(kOverflow);
  constexpr std::uint32_t kKeys = 1000;
  std::thread writer([&] {
    for (std::uint32_t round = 0; round < 20; ++round) {
      for (std::uint32_t i = 0; i < kKeys; ++i) table.find_or_add({i}).add();
    }
  });
  std::uint64_t last = 0;
  while (last < 20u * kKeys) {
    std::uint64_t sum = 0;
    table.for_each([&](const Key& key, const Cell& cell) {
      EXPECT_LT(key.number, kKeys);
      sum += cell.value();
    });
    EXPECT_GE(sum, last);  // Counters never go back.
    last = sum;
  }
  writer.join();
  EXPECT_EQ(last, 20u * kKeys);
}

}  // namespace
}  // namespace epaulet::telemetry
