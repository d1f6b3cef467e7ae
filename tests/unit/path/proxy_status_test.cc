#include "path/proxy_status.h"

#include <gtest/gtest.h>

#include "base/error_table.h"

namespace epaulet::path {
namespace {

TEST(ProxyStatus, names_the_error_type_of_the_rfc_and_our_code) {
  EXPECT_EQ(proxy_status_text(ErrorCode::connect_refused, "", ""),
            "epaulet; error=connection_refused; details=\"connect_refused\"");
}

TEST(ProxyStatus, names_the_rule_and_where_it_stands) {
  EXPECT_EQ(proxy_status_text(ErrorCode::forbidden, "admins", "epaulet.yaml:12:5"),
            "epaulet; error=http_request_denied; details=\"forbidden; rule admins "
            "(epaulet.yaml:12:5)\"");
}

TEST(ProxyStatus, a_rules_name_cannot_break_out_of_its_quotes) {
  EXPECT_EQ(proxy_status_text(ErrorCode::forbidden, "a\"b\\c\r\nX: y\x7f\xc3", "f:1:1"),
            "epaulet; error=http_request_denied; details=\"forbidden; rule a\\\"b\\\\c??X: y?? "
            "(f:1:1)\"");
}

TEST(ProxyStatus, every_code_is_understood_by_the_next_sidecar) {
  for (std::size_t i = 1; i < static_cast<std::size_t>(ErrorCode::count_); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    for (const std::string_view rule : {"", "admins", "details=\"none"}) {
      const auto told = failure_told_in(proxy_status_text(code, rule, "f:1:1"));
      ASSERT_TRUE(told) << describe(code).name;
      EXPECT_EQ(told->code, code);
      EXPECT_EQ(told->side, Side::upstream);
    }
  }
}

TEST(ProxyStatus, says_what_may_be_tried_again) {
  const auto retry_after = [](ErrorCode code) {
    return failure_told_in(proxy_status_text(code, "", ""))->retry;
  };
  // Nothing reached the app.
  EXPECT_EQ(retry_after(ErrorCode::connect_refused), Retry::safe);
  EXPECT_EQ(retry_after(ErrorCode::connect_timeout), Retry::safe);
  EXPECT_EQ(retry_after(ErrorCode::draining), Retry::safe);
  EXPECT_EQ(retry_after(ErrorCode::descriptors_exhausted), Retry::safe);
  EXPECT_EQ(retry_after(ErrorCode::memory_exhausted), Retry::safe);
  // The app may have acted on it.
  EXPECT_EQ(retry_after(ErrorCode::reset_before_response), Retry::if_idempotent);
  EXPECT_EQ(retry_after(ErrorCode::closed_before_response), Retry::if_idempotent);
  EXPECT_EQ(retry_after(ErrorCode::upstream_reset), Retry::if_idempotent);
  // Nor has this one, in the time that its sidecar gives an attempt.
  EXPECT_EQ(retry_after(ErrorCode::attempt_timeout), Retry::if_idempotent);
  EXPECT_EQ(retry_after(ErrorCode::deadline_exceeded), Retry::if_idempotent);
  // It would fail again, or began to be answered.
  EXPECT_EQ(retry_after(ErrorCode::forbidden), Retry::never);
  EXPECT_EQ(retry_after(ErrorCode::reset_in_response), Retry::never);
  EXPECT_EQ(retry_after(ErrorCode::request_timeout), Retry::never);
}

TEST(ProxyStatus, a_foreign_or_unknown_field_tells_nothing) {
  for (const std::string_view field :
       {"", "epaulet", "epaulet;", "envoy; error=connection_refused; details=\"connect_refused\"",
        "epaulet2; details=\"forbidden\"", "epaulet; error=connection_refused",
        "epaulet; details=\"\"", "epaulet; details=\"none\"", "epaulet; details=\"of_tomorrow\"",
        "epaulet; details=\"forbidde", "epaulet; details=\"forbidden_x\"",
        "epaulet; details=forbidden", " epaulet; details=\"forbidden\""}) {
    EXPECT_FALSE(failure_told_in(field)) << field;
  }
}

}  // namespace
}  // namespace epaulet::path
