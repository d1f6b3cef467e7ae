#include "resilience/retry.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace epaulet::resilience {
namespace {

using namespace std::chrono_literals;
using http::Method;

Error failure(ErrorCode code, Retry retry) {
  return {code, Side::upstream, Stage::receive, retry};
}
const Error kRefused = failure(ErrorCode::connect_refused, Retry::safe);
const Error kReset = failure(ErrorCode::reset_before_response, Retry::if_idempotent);
const Error kMalformed = failure(ErrorCode::response_malformed, Retry::never);

AttemptFacts failed(Method method, const Error& error, bool written = true) {
  AttemptFacts facts;
  facts.method = method;
  facts.error = error;
  facts.request_written = written;
  return facts;
}

TEST(DecideRetry, repeats_any_method_when_nothing_was_sent) {
  const RetryRules rules;
  for (const auto method : {Method::get, Method::post, Method::patch, Method::other}) {
    EXPECT_EQ(decide_retry(rules, failed(method, kRefused, false), false), RetryVerdict::retry);
    // Also when bytes were written that provably nobody acted on.
    EXPECT_EQ(decide_retry(rules, failed(method, kRefused, true), false), RetryVerdict::retry);
    EXPECT_EQ(decide_retry(rules, failed(method, kReset, false), false), RetryVerdict::retry);
  }
}

TEST(DecideRetry, repeats_what_may_have_taken_effect_for_idempotent_methods_alone) {
  const RetryRules rules;
  for (const auto method :
       {Method::get, Method::head, Method::put, Method::del, Method::options, Method::trace}) {
    EXPECT_EQ(decide_retry(rules, failed(method, kReset), false), RetryVerdict::retry);
  }
  for (const auto method : {Method::post, Method::patch, Method::other}) {
    EXPECT_EQ(decide_retry(rules, failed(method, kReset), false), RetryVerdict::no_not_idempotent);
  }
}

TEST(DecideRetry, an_idempotency_key_or_the_routes_word_allows_the_rest) {
  RetryRules rules;
  auto facts = failed(Method::post, kReset);
  facts.idempotency_key = true;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry);
  facts.idempotency_key = false;
  rules.non_idempotent = true;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry);
}

TEST(DecideRetry, a_failure_that_would_repeat_is_not_tried_again) {
  EXPECT_EQ(decide_retry({}, failed(Method::get, kMalformed), false), RetryVerdict::no_never);
  EXPECT_EQ(decide_retry({}, failed(Method::get, kMalformed, false), false),
            RetryVerdict::no_never);
}

TEST(DecideRetry, listed_failures_are_the_only_ones) {
  const Error refused(ErrorCode::connect_refused, Side::upstream, Stage::connect, Retry::safe);
  const Error reset(ErrorCode::reset_before_response, Side::upstream, Stage::receive,
                    Retry::if_idempotent);
  RetryRules rules;
  const auto decide = [&rules](const Error& error) {
    return decide_retry(rules, failed(Method::get, error), false);
  };
  rules.errors.emplace();
  EXPECT_EQ(decide(refused), RetryVerdict::no_not_listed);
  EXPECT_EQ(decide(reset), RetryVerdict::no_not_listed);
  rules.errors = {RetryError::connect_refused, RetryError::tls};
  EXPECT_EQ(decide(refused), RetryVerdict::retry);
  EXPECT_EQ(decide(reset), RetryVerdict::no_not_listed);
  rules.errors = {RetryError::reset};
  EXPECT_EQ(decide(refused), RetryVerdict::no_not_listed);
  EXPECT_EQ(decide(reset), RetryVerdict::retry);
  rules.errors.reset();
  EXPECT_EQ(decide(refused), RetryVerdict::retry);
}

TEST(DecideRetry, a_listed_failure_is_no_leave_to_repeat_a_post) {
  RetryRules rules;
  rules.errors = {RetryError::reset};
  EXPECT_EQ(decide_retry(rules, failed(Method::post, kReset), false),
            RetryVerdict::no_not_idempotent);
  EXPECT_EQ(decide_retry(rules, failed(Method::get, kMalformed), false), RetryVerdict::no_never);
}

TEST(DecideRetry, a_listed_status_counts_though_its_failure_is_not_listed) {
  RetryRules rules;
  rules.errors.emplace();
  rules.statuses = {502};
  auto facts = failed(Method::get, kReset);
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_not_listed);
  facts.status = 502;  // The next sidecar's, which told why.
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry);
  facts.status = 0;
  facts.grpc_status = GrpcStatus::unavailable;
  rules.grpc_statuses = {GrpcStatus::unavailable};
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry);
}

TEST(DecideRetry, a_listed_status_counts_though_the_sidecar_that_gave_it_would_not_repeat) {
  RetryRules rules;
  rules.statuses = {502, 429};
  rules.grpc_statuses = {GrpcStatus::unavailable};
  auto facts = failed(Method::get, kMalformed);
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_never) << "met here";
  facts.status = 502;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry) << "told";
  EXPECT_EQ(decide_retry(rules, facts, true), RetryVerdict::no_never);
  facts.method = Method::post;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_not_idempotent);
  facts.method = Method::get;
  facts.status = 503;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_never);
  facts.grpc_status = GrpcStatus::unavailable;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry);
  facts.status = 0;  // We would say so ourselves.
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_never);
  facts.status = 429;  // A sidecar's limit, not the app's.
  facts.grpc_status.reset();
  facts.error = failure(ErrorCode::rate_limited, Retry::never);
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_never);
}

TEST(DecideRetry, a_stale_pooled_connection_is_no_failure_to_be_listed) {
  RetryRules rules;
  rules.errors.emplace();
  auto facts = failed(Method::get, kReset);
  facts.on_reused_connection = true;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry_reuse_race);
}

TEST(RetryErrors, each_failure_that_may_be_retried_has_its_kind) {
  const auto kind = [](ErrorCode code, Retry retry, Stage stage = Stage::receive) {
    return kind_of(Error(code, Side::upstream, stage, retry));
  };
  using C = ErrorCode;
  EXPECT_EQ(kind(C::connect_refused, Retry::safe), RetryError::connect_refused);
  EXPECT_EQ(kind(C::connect_unreachable, Retry::safe), RetryError::connect_failed);
  EXPECT_EQ(kind(C::descriptors_exhausted, Retry::safe), RetryError::connect_failed);
  EXPECT_EQ(kind(C::connect_timeout, Retry::safe, Stage::tls), RetryError::connect_timeout);
  EXPECT_EQ(kind(C::tls_peer_untrusted, Retry::safe, Stage::tls), RetryError::tls);
  EXPECT_EQ(kind(C::upstream_reset, Retry::safe, Stage::tls), RetryError::tls)
      << "in the middle of the handshake";
  EXPECT_EQ(kind(C::tls_truncated, Retry::safe, Stage::tls), RetryError::tls);
  EXPECT_EQ(kind(C::tls_truncated, Retry::if_idempotent, Stage::tls), RetryError::reset);
  for (const auto code : {C::reset_before_response, C::closed_before_response, C::upstream_reset}) {
    EXPECT_EQ(kind(code, Retry::if_idempotent), RetryError::reset);
    EXPECT_EQ(kind(code, Retry::safe), RetryError::refused_stream);
  }
  EXPECT_EQ(kind(C::attempt_timeout, Retry::if_idempotent), RetryError::attempt_timeout);
  EXPECT_EQ(kind(C::first_byte_timeout, Retry::if_idempotent), RetryError::attempt_timeout);
  EXPECT_EQ(kind(C::deadline_exceeded, Retry::if_idempotent), RetryError::attempt_timeout)
      << "the next sidecar knew of our attempt's time";
  EXPECT_EQ(kind(C::never_had_endpoint, Retry::safe), RetryError::no_endpoint);
  EXPECT_EQ(kind(C::overloaded, Retry::safe), RetryError::overloaded);
  EXPECT_EQ(kind(C::limit_pending, Retry::never), std::nullopt);
  EXPECT_EQ(kind(C::response_malformed, Retry::never), std::nullopt);
}

TEST(DecideRetry, a_body_that_is_gone_cannot_be_sent_again) {
  auto facts = failed(Method::put, kReset);
  facts.body_replayable = false;
  EXPECT_EQ(decide_retry({}, facts, false), RetryVerdict::no_body_gone);
  facts.error = kRefused;
  EXPECT_EQ(decide_retry({}, facts, false), RetryVerdict::no_body_gone);
  facts.on_reused_connection = true;
  facts.error = kReset;
  EXPECT_EQ(decide_retry({}, facts, false), RetryVerdict::no_body_gone);
}

TEST(DecideRetry, max_counts_the_retries_after_the_first_attempt) {
  RetryRules rules;
  rules.max = 2;
  auto facts = failed(Method::get, kReset);
  for (const std::uint32_t attempts : {1U, 2U}) {
    facts.attempts = attempts;
    EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry);
  }
  facts.attempts = 3;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_max);
  rules.max = 0;
  facts.attempts = 1;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_max);
}

TEST(DecideRetry, retries_do_not_multiply_over_hops) {
  auto facts = failed(Method::get, kReset);
  facts.exhausted_upstream = true;
  EXPECT_EQ(decide_retry({}, facts, false), RetryVerdict::no_exhausted_upstream);
}

TEST(DecideRetry, what_an_envoy_dropped_because_of_load_is_not_asked_for_again) {
  RetryRules rules;
  rules.statuses = {503};
  rules.non_idempotent = true;
  AttemptFacts facts;
  facts.status = 503;
  facts.overloaded_upstream = true;
  for (const auto method : {Method::get, Method::post}) {
    facts.method = method;
    EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_overloaded_upstream);
  }
  facts.grpc_status = GrpcStatus::unavailable;
  rules.grpc_statuses = {GrpcStatus::unavailable};
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_overloaded_upstream);
  facts.status = 200;
  facts.grpc_status.reset();
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_success);
  EXPECT_NE(name_of(RetryVerdict::no_overloaded_upstream).find("x-envoy-overloaded"),
            std::string_view::npos);
}

TEST(DecideRetry, a_response_is_delivered_unless_its_status_is_listed) {
  RetryRules rules;
  AttemptFacts facts;
  facts.request_written = true;
  facts.status = 503;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_success);
  rules.statuses = {502, 503};
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry);
  facts.status = 500;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_success);
}

TEST(DecideRetry, a_listed_status_repeats_only_what_may_be_repeated) {
  RetryRules rules;
  rules.statuses = {503};
  AttemptFacts facts;
  facts.status = 503;
  facts.method = Method::post;
  // The head came, so the request was there, whatever else is known.
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_not_idempotent);
  facts.idempotency_key = true;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry);
  facts.attempts = 3;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_max);
}

TEST(DecideRetry, a_listed_grpc_status_repeats_a_call_whatever_its_method) {
  RetryRules rules;
  AttemptFacts facts;
  facts.method = Method::post;
  facts.request_written = true;
  facts.status = 200;
  facts.grpc_status = GrpcStatus::unavailable;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_success);
  rules.grpc_statuses = {GrpcStatus::aborted, GrpcStatus::unavailable};
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry);
  EXPECT_EQ(decide_retry(rules, facts, true), RetryVerdict::no_success) << "the hop before the app";
  facts.grpc_status = GrpcStatus::not_found;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_success);
  facts.grpc_status.reset();  // The answer goes on.
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_success);
}

TEST(DecideRetry, a_listed_grpc_status_counts_where_we_would_give_it_ourselves) {
  RetryRules rules;
  auto facts = failed(Method::post, kReset);
  facts.grpc_status = GrpcStatus::unavailable;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_not_idempotent);
  rules.grpc_statuses = {GrpcStatus::unavailable};
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry);
  facts.error = kMalformed;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_never);
  facts.error = kReset;
  facts.body_replayable = false;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_body_gone);
}

TEST(DecideRetry, a_stale_pooled_connection_is_replaced_at_once_outside_max) {
  RetryRules rules;
  rules.max = 0;
  for (const auto code : {ErrorCode::closed_before_response, ErrorCode::reset_before_response,
                          ErrorCode::tls_truncated, ErrorCode::upstream_reset}) {
    auto facts = failed(Method::get, failure(code, Retry::if_idempotent));
    facts.on_reused_connection = true;
    facts.attempts = 9;
    facts.exhausted_upstream = true;
    EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry_reuse_race);
    facts.method = Method::post;
    EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_not_idempotent);
    facts.request_written = false;
    EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::retry_reuse_race);
  }
}

TEST(DecideRetry, a_key_is_no_licence_to_repeat_outside_max) {
  RetryRules rules;
  rules.max = 0;
  auto facts = failed(Method::post, kReset);
  facts.on_reused_connection = true;
  facts.idempotency_key = true;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_max);
}

TEST(DecideRetry, another_failure_on_a_pooled_connection_is_no_race) {
  RetryRules rules;
  rules.max = 0;
  auto facts = failed(Method::get, failure(ErrorCode::attempt_timeout, Retry::if_idempotent));
  facts.on_reused_connection = true;
  EXPECT_EQ(decide_retry(rules, facts, false), RetryVerdict::no_max);
}

TEST(DecideRetry, the_inbound_hop_retries_nothing_but_a_reuse_race) {
  RetryRules rules;
  rules.statuses = {503};
  EXPECT_EQ(decide_retry(rules, failed(Method::get, kRefused, false), true),
            RetryVerdict::no_never);
  EXPECT_EQ(decide_retry(rules, failed(Method::get, kReset), true), RetryVerdict::no_never);
  AttemptFacts answered;
  answered.status = 503;
  EXPECT_EQ(decide_retry(rules, answered, true), RetryVerdict::no_success);
  auto race = failed(Method::get, kReset);
  race.on_reused_connection = true;
  EXPECT_EQ(decide_retry(rules, race, true), RetryVerdict::retry_reuse_race);
}

/// All combinations of what is known.
template <class Visit>
void for_all_facts(Visit&& visit) {
  for (const auto method : {Method::get, Method::put, Method::post}) {
    for (const auto code : {ErrorCode::none, ErrorCode::connect_refused, ErrorCode::upstream_reset,
                            ErrorCode::closed_before_response, ErrorCode::attempt_timeout}) {
      for (const auto retry : {Retry::never, Retry::safe, Retry::if_idempotent}) {
        for (unsigned bits = 0; bits < 256; ++bits) {
          AttemptFacts facts;
          facts.method = method;
          if (code != ErrorCode::none) facts.error = failure(code, retry);
          facts.status = (bits & 1) != 0 ? 503 : 200;
          facts.idempotency_key = (bits & 2) != 0;
          facts.attempts = (bits & 4) != 0 ? 3 : 1;
          facts.body_replayable = (bits & 8) != 0;
          facts.request_written = (bits & 16) != 0;
          facts.on_reused_connection = (bits & 32) != 0;
          facts.exhausted_upstream = (bits & 64) != 0;
          RetryRules rules;
          rules.statuses = {503};
          rules.non_idempotent = (bits & 128) != 0;
          visit(rules, facts);
        }
      }
    }
  }
}

TEST(DecideRetry, whatever_is_known_the_promises_hold) {
  std::set<RetryVerdict> seen;
  for_all_facts([&seen](const RetryRules& rules, const AttemptFacts& facts) {
    for (const bool inbound : {false, true}) {
      const auto verdict = decide_retry(rules, facts, inbound);
      seen.insert(verdict);
      const bool again =
          verdict == RetryVerdict::retry || verdict == RetryVerdict::retry_reuse_race;
      if (!again) continue;
      const bool nothing_sent = facts.error.code != ErrorCode::none &&
                                (facts.error.retry == Retry::safe || !facts.request_written);
      // RFC 9110 section 9.2.2.
      ASSERT_TRUE(nothing_sent || facts.method != Method::post || facts.idempotency_key ||
                  rules.non_idempotent);
      ASSERT_TRUE(facts.body_replayable);
      // What the next sidecar would not repeat is if its status is listed.
      ASSERT_TRUE(facts.error.code == ErrorCode::none || facts.error.retry != Retry::never ||
                  (facts.status == 503 && !inbound));
      ASSERT_TRUE(facts.error.code != ErrorCode::none || facts.status == 503);
      if (verdict == RetryVerdict::retry) {
        ASSERT_FALSE(inbound);
        ASSERT_LE(facts.attempts, rules.max);
        ASSERT_FALSE(facts.exhausted_upstream);
      } else {
        ASSERT_TRUE(facts.on_reused_connection);
        ASSERT_TRUE(facts.error.code == ErrorCode::upstream_reset ||
                    facts.error.code == ErrorCode::closed_before_response);
      }
    }
  });
  EXPECT_EQ(seen.size(), 8U);  // Each verdict is some case's.
}

TEST(RetryVerdict, each_has_words_of_its_own) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(RetryVerdict::no_exhausted_upstream); ++i) {
    const auto name = name_of(static_cast<RetryVerdict>(i));
    EXPECT_FALSE(name.empty());
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(Backoff, grows_by_its_factor_up_to_its_maximum) {
  BackoffSettings settings;
  settings.initial = 100ms;
  settings.factor = 3.0;
  settings.max = 1s;
  settings.jitter = BackoffSettings::Jitter::none;
  Random random(1);
  EXPECT_EQ(backoff_before(settings, 1, {}, random), 100ms);
  EXPECT_EQ(backoff_before(settings, 2, {}, random), 300ms);
  EXPECT_EQ(backoff_before(settings, 3, {}, random), 900ms);
  EXPECT_EQ(backoff_before(settings, 4, {}, random), 1s);
  EXPECT_EQ(backoff_before(settings, 4'000'000'000, {}, random), 1s);  // No overflow.
}

TEST(Backoff, full_jitter_spreads_over_all_of_it) {
  BackoffSettings settings;
  settings.initial = 100ms;
  settings.factor = 2.0;
  settings.max = 10s;
  Random random(1);
  Duration least = Duration::max();
  Duration most = Duration::zero();
  for (int i = 0; i < 1000; ++i) {
    const auto backoff = backoff_before(settings, 2, {}, random);
    least = std::min(least, backoff);
    most = std::max(most, backoff);
  }
  EXPECT_GE(least, 0ms);
  EXPECT_LT(least, 10ms);
  EXPECT_GT(most, 190ms);
  EXPECT_LT(most, 200ms);
}

TEST(Backoff, decorrelated_is_drawn_between_the_first_wait_and_a_multiple_of_the_last) {
  BackoffSettings settings;
  settings.initial = 100ms;
  settings.max = 1s;
  settings.factor = 3;
  settings.jitter = BackoffSettings::Jitter::decorrelated;
  Random random(3);
  Duration longest{0};
  Duration shortest = 1h;
  for (int i = 0; i < 1000; ++i) {
    const auto first = backoff_before(settings, 1, {}, random);
    EXPECT_TRUE(first >= 100ms && first <= 300ms);
    const auto next = backoff_before(settings, 2, 200ms, random);
    EXPECT_TRUE(next >= 100ms && next <= 600ms);
    shortest = std::min(shortest, next);
    longest = std::max(longest, next);
    EXPECT_LE(backoff_before(settings, 3, 900ms, random), Duration(1s));
  }
  EXPECT_LT(shortest, Duration(110ms));
  EXPECT_GT(longest, Duration(590ms));
}

TEST(SpreadAfter, is_within_a_quarter_of_the_pause_and_half_of_the_time_that_is_left) {
  Random random(1);
  const auto drawn = [&random](Duration pause, Duration room) {
    Duration least = Duration::max();
    Duration most{};
    for (int i = 0; i < 1000; ++i) {
      const auto one = spread_after(pause, room, random);
      EXPECT_GE(one, Duration::zero());
      least = std::min(least, one);
      most = std::max(most, one);
    }
    EXPECT_LT(least, most / 50);
    return most;
  };
  EXPECT_NEAR(static_cast<double>(drawn(8s, Duration::max()).count()), 2e9, 0.02e9);
  EXPECT_NEAR(static_cast<double>(drawn(8s, 1s).count()), 0.5e9, 0.005e9);
  EXPECT_EQ(spread_after(0s, 1s, random), 0s);
  EXPECT_EQ(spread_after(8s, 0s, random), 0s);
}

}  // namespace
}  // namespace epaulet::resilience
