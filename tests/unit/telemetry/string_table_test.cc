#include "telemetry/string_table.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace epaulet::telemetry {
namespace {

using Origin = StringTable::Origin;

TEST(StringTable, begins_with_the_empty_string_and_overflow) {
  StringTable table({});
  EXPECT_EQ(table.text_of(0), "");
  EXPECT_EQ(table.intern("", Origin::own), 0u);
  EXPECT_EQ(table.text_of(StringTable::kOverflow), "overflow");
}

TEST(StringTable, gives_one_id_to_one_text) {
  StringTable table({});
  const StringId a = table.intern("api.default", Origin::own);
  const StringId b = table.intern("api2.default", Origin::foreign);
  EXPECT_NE(a, b);
  EXPECT_EQ(table.intern("api.default", Origin::foreign), a);
  EXPECT_EQ(table.text_of(a), "api.default");
  EXPECT_EQ(table.text_of(b), "api2.default");
}

TEST(StringTable, owns_its_text) {
  StringTable table({});
  std::string text = "gone soon";
  const StringId id = table.intern(text, Origin::own);
  text.assign(text.size(), 'x');
  EXPECT_EQ(table.text_of(id), "gone soon");
}

TEST(StringTable, answers_overflow_when_it_is_full_but_still_finds_what_it_has) {
  StringTable table({.strings = 4, .bytes = 1000});
  const StringId first = table.intern("first", Origin::own);
  EXPECT_NE(table.intern("second", Origin::own), StringTable::kOverflow);
  EXPECT_EQ(table.intern("third", Origin::own), StringTable::kOverflow);
  EXPECT_EQ(table.intern("first", Origin::own), first);
  EXPECT_EQ(table.size(), 4u);
}

TEST(StringTable, is_full_too_when_its_bytes_are_taken) {
  StringTable table({.strings = 100, .bytes = 100});
  EXPECT_NE(table.intern(std::string(90, 'a'), Origin::own), StringTable::kOverflow);
  EXPECT_EQ(table.intern(std::string(3, 'b'), Origin::own), StringTable::kOverflow);
  EXPECT_NE(table.intern("c", Origin::own), StringTable::kOverflow);
}

TEST(StringTable, keeps_three_quarters_from_text_that_peers_chose) {
  StringTable table({.strings = 40, .bytes = 100000});
  int taken = 0;
  for (int i = 0; i < 40; ++i) {
    taken += table.intern("foreign " + std::to_string(i), Origin::foreign) != StringTable::kOverflow
                 ? 1
                 : 0;
  }
  EXPECT_EQ(taken, 10);
  EXPECT_NE(table.intern("a service of ours", Origin::own), StringTable::kOverflow);
}

TEST(StringTable, bounds_the_bytes_that_peers_chose) {
  StringTable table({.strings = 1000, .bytes = 4000});
  EXPECT_NE(table.intern(std::string(900, 'a'), Origin::foreign), StringTable::kOverflow);
  EXPECT_EQ(table.intern(std::string(900, 'b'), Origin::foreign), StringTable::kOverflow);
  EXPECT_NE(table.intern(std::string(900, 'b'), Origin::own), StringTable::kOverflow);
}

TEST(StringTable, cuts_long_text) {
  StringTable table({});
  const StringId id = table.intern(std::string(5000, 'x'), Origin::own);
  EXPECT_EQ(table.text_of(id).size(), limits::kInternedStringBytesMax);
}

TEST(StringTable, knows_nothing_of_ids_that_it_did_not_give) {
  StringTable table({});
  EXPECT_EQ(table.text_of(2), "");
  EXPECT_EQ(table.text_of(UINT32_MAX), "");
}

// For ThreadSanitizer: ids travel to readers in relaxed order, as the control thread sees them.
TEST(StringTable, is_read_without_a_lock_while_others_add) {
  StringTable table({});
  constexpr int kEach = 3000;
  std::atomic<StringId> newest{0};
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done.load()) {
      const auto text = table.text_of(newest.load());
      EXPECT_TRUE(text.empty() || text.starts_with("name ")) << text;
    }
  });
  std::vector<std::thread> writers;
  for (int w = 0; w < 2; ++w) {
    writers.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        newest.store(table.intern("name " + std::to_string(i), Origin::own));
      }
    });
  }
  for (auto& each : writers) each.join();
  done = true;
  reader.join();
  EXPECT_EQ(table.size(), 2u + kEach);
}

}  // namespace
}  // namespace epaulet::telemetry
