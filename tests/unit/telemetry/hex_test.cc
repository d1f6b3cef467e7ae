#include "telemetry/hex.h"

#include <gtest/gtest.h>

#include <string>

namespace epaulet::telemetry {
namespace {

TEST(Hex, knows_each_character_at_each_place) {
  for (std::size_t at = 0; at < 8; ++at) {
    for (int c = 0; c < 256; ++c) {
      std::string text = "09afc3e1";
      text[at] = static_cast<char>(c);
      const bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      EXPECT_EQ(is_hex_half(text.data()), is_digit) << c << " at " << at;
      if (!is_digit) continue;
      EXPECT_EQ(read_hex_half(text.data()), std::stoul(text, nullptr, 16)) << text;
    }
  }
}

TEST(Hex, reads_what_it_writes) {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{0x0123456789abcdef}, ~std::uint64_t{0}}) {
    std::string text(16, ' ');
    write_hex(value, text.data());
    EXPECT_EQ(read_hex(text.data()), value);
  }
}

}  // namespace
}  // namespace epaulet::telemetry
