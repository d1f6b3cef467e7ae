#include "crypto/wall_time.h"

#include <gtest/gtest.h>
#include <openssl/asn1.h>

#include "tests/unit/crypto/pki_fixture.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

std::optional<WallTime> from_text(const char* text) {
  ASN1_TIME* time = ASN1_TIME_new();
  EXPECT_EQ(ASN1_TIME_set_string(time, text), 1);
  const auto result = from_asn1(time);
  ASN1_TIME_free(time);
  return result;
}

TEST(WallTimeTest, is_written_as_rfc_3339) {
  EXPECT_EQ(rfc3339(kNow), "2026-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339(kNow + 999ms), "2026-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339(kNow - 1ns), "2025-12-31T23:59:59Z");
  EXPECT_EQ(rfc3339(WallTime{}), "1970-01-01T00:00:00Z");
}

TEST(WallTimeTest, spans_show_their_two_largest_units) {
  EXPECT_EQ(span_text(0s), "0 s");
  EXPECT_EQ(span_text(59s), "59 s");
  EXPECT_EQ(span_text(60s), "1 min");
  EXPECT_EQ(span_text(61s), "1 min 1 s");
  EXPECT_EQ(span_text(23h + 55min + 3s), "23 h 55 min");
  EXPECT_EQ(span_text(24h + 30s), "1 d");
  EXPECT_EQ(span_text(-25h), "1 d 1 h");
}

TEST(WallTimeTest, both_forms_of_certificates_are_read) {
  EXPECT_EQ(from_text("260101000000Z"), kNow);
  EXPECT_EQ(from_text("20260101000000Z"), kNow);
}

TEST(WallTimeTest, no_expiry_is_the_latest_time_and_does_not_wrap) {
  const auto never = from_text("99991231235959Z");
  ASSERT_TRUE(never.has_value());
  EXPECT_GT(*never, kNow + 24h * 365 * 200);
}

TEST(WallTimeTest, a_missing_time_is_nothing) {
  EXPECT_EQ(from_asn1(nullptr), std::nullopt);
}

}  // namespace
}  // namespace epaulet
