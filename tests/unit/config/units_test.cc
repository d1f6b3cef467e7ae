#include "config/units.h"

#include <gtest/gtest.h>

#include <random>

namespace epaulet::config {
namespace {

std::int64_t duration(std::string_view text) {
  const auto read = read_duration(text);
  const auto* value = std::get_if<std::int64_t>(&read);
  return value == nullptr ? -1 : *value;
}

std::int64_t size(std::string_view text) {
  const auto read = read_size(text);
  const auto* value = std::get_if<std::int64_t>(&read);
  return value == nullptr ? -1 : *value;
}

double share(std::string_view text) {
  const auto read = read_share(text);
  const auto* value = std::get_if<double>(&read);
  return value == nullptr ? -1 : *value;
}

TEST(Units, durations_have_each_unit) {
  EXPECT_EQ(duration("7ns"), 7);
  EXPECT_EQ(duration("7us"), 7'000);
  EXPECT_EQ(duration("7ms"), 7'000'000);
  EXPECT_EQ(duration("7s"), 7'000'000'000);
  EXPECT_EQ(duration("7m"), 420'000'000'000);
  EXPECT_EQ(duration("7h"), 25'200'000'000'000);
}

TEST(Units, parts_of_a_duration_add_up) {
  EXPECT_EQ(duration("1m30s"), 90'000'000'000);
  EXPECT_EQ(duration("1h2m3s4ms"), 3'723'004'000'000);
  EXPECT_EQ(duration("30s1m"), 90'000'000'000) << "in any order, as GEP-2257 has it";
}

TEST(Units, fractions_are_exact) {
  EXPECT_EQ(duration("0.5s"), 500'000'000);
  EXPECT_EQ(duration("1.5h"), 5'400'000'000'000);
  EXPECT_EQ(duration("0.1s"), 100'000'000);
  EXPECT_EQ(duration("0.001us"), 1);
  EXPECT_EQ(duration("0.0001us"), -1) << "finer than a nanosecond";
  EXPECT_EQ(duration("0.100000000000000s"), 100'000'000) << "zeros at the end cost nothing";
}

TEST(Units, zero_needs_no_unit) {
  EXPECT_EQ(duration("0"), 0);
  EXPECT_EQ(duration("0s"), 0);
  EXPECT_EQ(duration("00"), -1);
}

TEST(Units, malformed_durations_are_refused) {
  for (const auto* text :
       {"",    "s",   "10",  "10x", "1.",   "1.s", ".5s", "-1s",   "+1s",    "1e3s",
        "1s2", "1 s", " 1s", "1s ", "1,5s", "s1",  "1ss", "1..5s", "1.5.5s", "0x10s"}) {
    EXPECT_EQ(duration(text), -1) << text;
  }
}

TEST(Units, durations_do_not_overflow) {
  EXPECT_EQ(duration("9223372036854775807ns"), INT64_MAX);
  EXPECT_EQ(duration("9223372036854775808ns"), -1);
  EXPECT_EQ(duration("2562047h"), 9'223'369'200'000'000'000);
  EXPECT_EQ(duration("2562048h"), -1);
  EXPECT_EQ(duration("9223372036854775807ns1ns"), -1);
  EXPECT_EQ(duration("99999999999999999999999999999999s"), -1);
}

TEST(Units, what_was_meant_is_offered) {
  const std::pair<const char*, const char*> cases[] = {
      {"10sec", "10s"},   {"10seconds", "10s"},  {"5min", "5m"},   {"2hours", "2h"},
      {"1hr", "1h"},      {"10MS", "10ms"},      {"3msec", "3ms"}, {"4usec", "4us"},
      {"1.5Sec", "1.5s"}, {"9\xc2\xb5s", "9us"}, {"10 s", "10s"}};
  for (const auto& [text, meant] : cases) {
    const auto read = read_duration(text);
    ASSERT_TRUE(std::holds_alternative<Complaint>(read)) << text;
    EXPECT_EQ(std::get<Complaint>(read).did_you_mean, meant) << text;
  }
  EXPECT_EQ(std::get<Complaint>(read_duration("10parsec")).did_you_mean, "");
}

TEST(Units, any_duration_is_read_as_it_was_written) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2'000; ++i) {
    const auto nanoseconds = static_cast<std::int64_t>(random() >> (1 + random() % 62));
    EXPECT_EQ(duration(write_duration(nanoseconds)), nanoseconds) << nanoseconds;
  }
  EXPECT_EQ(write_duration(0), "0s");
  EXPECT_EQ(write_duration(90'000'000'000), "1m30s");
  EXPECT_EQ(write_duration(1'500'000), "1ms500us");
}

TEST(Units, shares_are_percent_or_parts_of_one) {
  EXPECT_DOUBLE_EQ(share("20%"), 0.2);
  EXPECT_DOUBLE_EQ(share("0.2"), 0.2);
  EXPECT_DOUBLE_EQ(share("0.5%"), 0.005);
  EXPECT_DOUBLE_EQ(share("0"), 0);
  EXPECT_DOUBLE_EQ(share("1"), 1);
  EXPECT_DOUBLE_EQ(share("100%"), 1);
  for (const auto* text :
       {"", "%", "101%", "1.01", "-1%", "20 %", "1e-1", "nan", "inf", ".5", "5.", "0x1", "20%%"}) {
    EXPECT_EQ(share(text), -1) << text;
  }
}

TEST(Units, sizes_have_binary_units) {
  EXPECT_EQ(size("512B"), 512);
  EXPECT_EQ(size("64KiB"), 65'536);
  EXPECT_EQ(size("1.5MiB"), 1'572'864);
  EXPECT_EQ(size("2GiB"), 2'147'483'648);
  for (const auto* text : {"", "64", "64K", "64KB", "64kib", "1KiB1B", "KiB", "0.5B", "-1KiB"}) {
    EXPECT_EQ(size(text), -1) << text;
  }
  EXPECT_EQ(write_size(65'536), "64KiB");
  EXPECT_EQ(write_size(65'537), "65537B");
  EXPECT_EQ(write_size(0), "0B");
}

TEST(Units, decimals_are_written_short_and_without_exponent) {
  EXPECT_EQ(write_decimal(0.2), "0.2");
  EXPECT_EQ(write_decimal(2), "2");
  EXPECT_EQ(write_decimal(0.0000001), "0.0000001");
  EXPECT_EQ(read_decimal("0.2"), 0.2);
  EXPECT_EQ(read_decimal("1e3"), std::nullopt);
}

}  // namespace
}  // namespace epaulet::config
