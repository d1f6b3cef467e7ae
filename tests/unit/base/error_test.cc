#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error_table.h"
#include "base/result.h"

namespace epaulet {
namespace {

std::vector<ErrorCode> all_codes() {
  std::vector<ErrorCode> codes;
  for (std::size_t i = 1; i < static_cast<std::size_t>(ErrorCode::count_); ++i) {
    codes.push_back(static_cast<ErrorCode>(i));
  }
  return codes;
}

TEST(ErrorTable, each_code_has_one_row_with_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (const auto code : all_codes()) {
    const auto& row = describe(code);
    EXPECT_EQ(row.code, code);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.name.empty());
    EXPECT_TRUE(std::all_of(row.name.begin(), row.name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || c == '_' || c == '2';
    })) << row.name;
  }
  EXPECT_EQ(describe(ErrorCode::none).name, "none");
}

TEST(ErrorTable, every_status_is_one_of_a_failure_and_agrees_with_grpc) {
  for (const auto code : all_codes()) {
    const auto& row = describe(code);
    SCOPED_TRACE(row.name);
    // 0: the connection is reset.
    EXPECT_TRUE(row.http_status == 0 || (row.http_status >= 400 && row.http_status <= 599));
    EXPECT_GE(row.grpc_status, 1);  // 0 would be success.
    EXPECT_LE(row.grpc_status, 16);
    const int expected = row.http_status == 401   ? 16  // UNAUTHENTICATED
                         : row.http_status == 403 ? 7   // PERMISSION_DENIED
                         : row.http_status == 499 ? 1   // CANCELLED
                                                  : row.grpc_status;
    EXPECT_EQ(row.grpc_status, expected);
  }
}

TEST(ErrorTable, the_proxy_status_is_an_error_type_of_the_rfc) {
  // RFC 9209 section 2.3.
  const std::set<std::string_view> kTypes{"dns_timeout",
                                          "dns_error",
                                          "destination_not_found",
                                          "destination_unavailable",
                                          "destination_ip_prohibited",
                                          "destination_ip_unroutable",
                                          "connection_refused",
                                          "connection_terminated",
                                          "connection_timeout",
                                          "connection_read_timeout",
                                          "connection_write_timeout",
                                          "connection_limit_reached",
                                          "tls_protocol_error",
                                          "tls_certificate_error",
                                          "tls_alert_received",
                                          "http_request_error",
                                          "http_request_denied",
                                          "http_response_incomplete",
                                          "http_response_header_section_size",
                                          "http_response_header_size",
                                          "http_response_body_size",
                                          "http_response_trailer_section_size",
                                          "http_response_trailer_size",
                                          "http_response_transfer_coding",
                                          "http_response_content_coding",
                                          "http_response_timeout",
                                          "http_upgrade_failed",
                                          "http_protocol_error",
                                          "proxy_internal_response",
                                          "proxy_internal_error",
                                          "proxy_configuration_error",
                                          "proxy_loop_detected"};
  for (const auto code : all_codes()) {
    const auto& row = describe(code);
    EXPECT_TRUE(kTypes.contains(row.proxy_status)) << row.name << ": " << row.proxy_status;
  }
}

TEST(ErrorTable, every_failure_says_in_a_sentence_what_happened_and_what_to_do) {
  for (const auto code : all_codes()) {
    const auto& row = describe(code);
    SCOPED_TRACE(row.name);
    EXPECT_FALSE(row.flag.empty());
    EXPECT_GT(row.summary.size(), 10U);
    for (const auto text : {row.summary, row.remedy}) {
      if (text.empty()) continue;
      EXPECT_NE(text.back(), '.');
      // Goes into headers and log lines as it is.
      EXPECT_TRUE(
          std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    }
    if (code == ErrorCode::none) continue;
    EXPECT_GT(row.remedy.size(), 8U);
    EXPECT_EQ(row.remedy.find("says why"), std::string_view::npos);
  }
}

TEST(ErrorTable, a_timeout_names_its_key) {
  for (const auto code :
       {ErrorCode::connect_timeout, ErrorCode::attempt_timeout, ErrorCode::request_timeout,
        ErrorCode::idle_timeout, ErrorCode::head_timeout, ErrorCode::detect_timeout}) {
    std::string key(describe(code).name);
    key = "`timeouts." + key.substr(0, key.find('_')) + "`";
    EXPECT_NE(describe(code).summary.find(key), std::string_view::npos) << key;
  }
}

TEST(ErrorTable, a_timeout_of_two_words_names_its_key) {
  EXPECT_NE(describe(ErrorCode::first_byte_timeout).summary.find("`timeouts.first_byte`"),
            std::string_view::npos);
  EXPECT_NE(describe(ErrorCode::stream_idle_timeout).summary.find("`timeouts.stream_idle`"),
            std::string_view::npos);
}

TEST(ErrorTable, what_lasts_too_long_names_its_key) {
  EXPECT_NE(describe(ErrorCode::duration_exceeded).summary.find("`timeouts.max_duration`"),
            std::string_view::npos);
}

TEST(ErrorTable, names_every_stage_and_side_apart) {
  std::set<std::string_view> names;
  for (int stage = 0; stage <= static_cast<int>(Stage::shutdown); ++stage) {
    EXPECT_TRUE(names.insert(name_of(static_cast<Stage>(stage))).second) << stage;
  }
  EXPECT_EQ(name_of(Stage::authorize), "authorize");
  EXPECT_EQ(name_of(Side::self), "self");
  EXPECT_EQ(name_of(Side::downstream), "downstream");
  EXPECT_EQ(name_of(Side::upstream), "upstream");
}

TEST(ErrorTable, a_code_out_of_range_is_a_broken_invariant) {
  EXPECT_DEATH((void)describe(ErrorCode::count_), "broken invariant");
}

TEST(Error, differs_in_each_of_its_facts) {
  const Error error(ErrorCode::connect_refused, Side::upstream, Stage::connect, Retry::safe, 111);
  EXPECT_EQ(error, Error(error));
  auto other = error;
  other.note = 5;
  EXPECT_NE(error, other);
  other = error;
  other.detail = 110;
  EXPECT_NE(error, other);
  other = error;
  other.retry = Retry::never;
  EXPECT_NE(error, other);
  other = error;
  other.side = Side::self;
  EXPECT_NE(error, other);
  other = error;
  other.stage = Stage::send;
  EXPECT_NE(error, other);
}

TEST(Error, is_never_retried_unless_somebody_says_so) {
  EXPECT_EQ(Error().retry, Retry::never);
  EXPECT_EQ(Error(ErrorCode::internal, Side::self, Stage::relay).retry, Retry::never);
  EXPECT_EQ(Error().code, ErrorCode::none);
}

TEST(Result, holds_a_value_or_an_error) {
  const Result<int> good = 5;
  const Result<int> bad = Error(ErrorCode::no_route, Side::self, Stage::route);
  EXPECT_TRUE(good);
  EXPECT_EQ(good.value(), 5);
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::no_route);
  EXPECT_TRUE(Result<void>());
}

TEST(Result, taking_the_value_of_an_error_is_a_broken_invariant) {
  const Result<int> bad = Error(ErrorCode::no_route, Side::self, Stage::route);
  EXPECT_DEATH((void)bad.value(), "broken invariant: value\\(\\) on an error");
}

}  // namespace
}  // namespace epaulet
