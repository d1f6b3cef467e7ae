#include "detect/wire_reader.h"

#include <gtest/gtest.h>

namespace epaulet::detect {
namespace {

using namespace std::string_view_literals;

TEST(WireReader, reads_big_endian_numbers_and_pieces) {
  WireReader reader("\x01\x02\x03\xff\x00\x02\x61\x62\x63"sv);
  EXPECT_EQ(reader.number(3), 0x010203U);
  EXPECT_EQ(reader.number(1), 0xffU);
  EXPECT_EQ(reader.piece(2), "ab");
  EXPECT_FALSE(reader.done());
  EXPECT_EQ(reader.take(1), "c");
  EXPECT_TRUE(reader.done());
  EXPECT_TRUE(reader.ok());
}

TEST(WireReader, once_something_does_not_fit_nothing_fits) {
  WireReader reader("\x00\x05\x61\x62"sv);
  EXPECT_EQ(reader.piece(2), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.take(1), "");
  EXPECT_EQ(reader.number(1), 0U);
  EXPECT_TRUE(reader.done());
  EXPECT_FALSE(reader.ok());
}

TEST(WireReader, taking_nothing_from_nothing_is_fine) {
  WireReader reader(""sv);
  EXPECT_EQ(reader.take(0), "");
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.number(1), 0U);
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace epaulet::detect
