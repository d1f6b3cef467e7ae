#include "resilience/judge.h"

#include <gtest/gtest.h>

namespace epaulet::resilience {
namespace {

CallEnd with_status(std::uint16_t status) {
  CallEnd end;
  end.status = status;
  return end;
}
CallEnd with_grpc(GrpcStatus status) {
  CallEnd end;
  end.status = 200;
  end.grpc_status = static_cast<std::uint8_t>(status);
  return end;
}
CallEnd with_error(ErrorCode code, Side side = Side::upstream) {
  CallEnd end;
  end.error = Error(code, side, Stage::receive);
  end.was_sent = true;
  return end;
}

TEST(Judge, a_breaker_takes_5xx_for_failures_and_nothing_else) {
  const auto rules = FailureRules::of_breaker({});
  for (const auto status : std::initializer_list<std::uint16_t>{500, 501, 503, 599})
    EXPECT_EQ(judge(rules, with_status(status)), Judgement::failure) << status;
  for (const auto status : std::initializer_list<std::uint16_t>{200, 204, 301, 404, 429, 499})
    EXPECT_EQ(judge(rules, with_status(status)), Judgement::success) << status;
}

TEST(Judge, an_endpoint_is_blamed_for_what_the_next_one_would_not_say) {
  const auto rules = FailureRules::of_outliers({});
  for (const auto status : std::initializer_list<std::uint16_t>{502, 503, 504})
    EXPECT_EQ(judge(rules, with_status(status)), Judgement::failure) << status;
  for (const auto status : std::initializer_list<std::uint16_t>{200, 404, 500, 501})
    EXPECT_EQ(judge(rules, with_status(status)), Judgement::success) << status;
}

TEST(Judge, written_statuses_replace_the_defaults) {
  const auto rules = FailureRules::of_breaker({{429, 5}, {GrpcStatus::aborted}});
  EXPECT_EQ(judge(rules, with_status(429)), Judgement::failure);
  EXPECT_EQ(judge(rules, with_status(428)), Judgement::success);
  EXPECT_EQ(judge(rules, with_status(502)), Judgement::failure);
  EXPECT_EQ(judge(rules, with_grpc(GrpcStatus::aborted)), Judgement::failure);
  EXPECT_EQ(judge(rules, with_grpc(GrpcStatus::unavailable)), Judgement::success);
}

TEST(Judge, a_class_is_all_of_its_statuses) {
  const auto rules = FailureRules::of_breaker({{4}, {}});
  for (std::uint16_t status = 400; status < 500; ++status)
    EXPECT_EQ(judge(rules, with_status(status)), Judgement::failure);
  EXPECT_EQ(judge(rules, with_status(500)), Judgement::success);
}

TEST(Judge, statuses_of_grpc_that_blame_the_server_are_failures) {
  const auto rules = FailureRules::of_breaker({});
  for (const auto status : {GrpcStatus::unknown, GrpcStatus::deadline_exceeded,
                            GrpcStatus::internal, GrpcStatus::unavailable, GrpcStatus::data_loss})
    EXPECT_EQ(judge(rules, with_grpc(status)), Judgement::failure);
  for (const auto status :
       {GrpcStatus::not_found, GrpcStatus::resource_exhausted, GrpcStatus::unimplemented,
        GrpcStatus::permission_denied, GrpcStatus::cancelled})
    EXPECT_EQ(judge(rules, with_grpc(status)), Judgement::success);
  auto ok = with_status(200);
  ok.grpc_status = 0;
  EXPECT_EQ(judge(rules, ok), Judgement::success);
}

TEST(Judge, our_own_refusals_and_the_callers_ends_are_no_evidence) {
  const auto rules = FailureRules::of_breaker({});
  for (const auto code :
       {ErrorCode::limit_pending, ErrorCode::breaker_open, ErrorCode::draining,
        ErrorCode::tls_not_configured, ErrorCode::descriptors_exhausted, ErrorCode::cancelled})
    EXPECT_EQ(judge(rules, with_error(code, Side::self)), Judgement::no_evidence);
  for (const auto code :
       {ErrorCode::downstream_reset, ErrorCode::downstream_aborted, ErrorCode::body_timeout,
        ErrorCode::body_truncated, ErrorCode::idle_timeout})
    EXPECT_EQ(judge(rules, with_error(code, Side::downstream)), Judgement::no_evidence);
  for (const auto code : {ErrorCode::no_endpoint, ErrorCode::never_had_endpoint})
    EXPECT_EQ(judge(rules, with_error(code)), Judgement::no_evidence);
}

TEST(Judge, what_breaks_or_takes_too_long_is_a_failure) {
  const auto rules = FailureRules::of_breaker({});
  for (const auto code :
       {ErrorCode::connect_refused, ErrorCode::connect_timeout, ErrorCode::reset_before_response,
        ErrorCode::response_malformed, ErrorCode::response_truncated, ErrorCode::attempt_timeout,
        ErrorCode::request_timeout, ErrorCode::tls_identity_unexpected})
    EXPECT_EQ(judge(rules, with_error(code)), Judgement::failure);
}

TEST(Judge, who_waited_for_a_connection_of_ours_is_no_witness) {
  auto end = with_error(ErrorCode::request_timeout);
  end.was_sent = false;
  EXPECT_EQ(judge(FailureRules::of_breaker({}), end), Judgement::no_evidence);
}

TEST(Judge, a_caller_in_a_hurry_is_no_witness) {
  auto end = with_error(ErrorCode::deadline_exceeded);
  EXPECT_EQ(judge(FailureRules::of_breaker({}), end), Judgement::failure);
  end.was_hurried = true;
  EXPECT_EQ(judge(FailureRules::of_breaker({}), end), Judgement::no_evidence);
}

TEST(Judge, a_pooled_connection_that_has_ended_may_have_been_stale) {
  auto end = with_error(ErrorCode::reset_before_response);
  end.on_reused_connection = true;
  EXPECT_EQ(judge(FailureRules::of_outliers({}), end), Judgement::no_evidence);
  end.error.code = ErrorCode::tls_truncated;
  EXPECT_EQ(judge(FailureRules::of_outliers({}), end), Judgement::no_evidence);
  end.error.code = ErrorCode::attempt_timeout;
  EXPECT_EQ(judge(FailureRules::of_outliers({}), end), Judgement::failure);
}

}  // namespace
}  // namespace epaulet::resilience
