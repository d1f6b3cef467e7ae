#include "route/effective.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

TEST(EffectiveTest, nothing_written_means_the_documented_defaults) {
  const TimeoutSettings timeouts;
  const EffectiveTimeouts out = effective_timeouts({&timeouts, &timeouts, &timeouts});
  EXPECT_EQ(out.request, 15s);
  EXPECT_EQ(out.attempt, 0s);
  EXPECT_EQ(out.first_byte, 0s);
  EXPECT_EQ(out.stream_idle, 0s);
  EXPECT_EQ(out.connect, 1s);
  EXPECT_EQ(out.idle, 5min);
  EXPECT_EQ(out.head, 10s);
  EXPECT_EQ(out.keep_alive, 60s);
  EXPECT_EQ(out.detect, 10s);
  EXPECT_EQ(effective_timeouts({}), out);

  const RetrySettings retries;
  const EffectiveRetry retry = effective_retry({&retries, &retries});
  EXPECT_EQ(retry.max, 2u);
  EXPECT_EQ(retry.backoff.initial, 25ms);
  EXPECT_EQ(retry.backoff.max, 10s);
  EXPECT_EQ(retry.backoff.factor, 2.0);
  EXPECT_EQ(retry.budget, 0.2);
  EXPECT_EQ(retry.budget_floor, 3u);
  EXPECT_TRUE(retry.statuses.empty());
  EXPECT_FALSE(retry.non_idempotent);
}

TEST(EffectiveTest, each_key_comes_from_the_nearest_layer_that_has_it) {
  std::optional<Duration> TimeoutSettings::*const kKeys[] = {
      &TimeoutSettings::request, &TimeoutSettings::attempt,    &TimeoutSettings::connect,
      &TimeoutSettings::idle,    &TimeoutSettings::head,       &TimeoutSettings::keep_alive,
      &TimeoutSettings::detect,  &TimeoutSettings::first_byte, &TimeoutSettings::stream_idle};
  Duration EffectiveTimeouts::*const kValues[] = {
      &EffectiveTimeouts::request, &EffectiveTimeouts::attempt,    &EffectiveTimeouts::connect,
      &EffectiveTimeouts::idle,    &EffectiveTimeouts::head,       &EffectiveTimeouts::keep_alive,
      &EffectiveTimeouts::detect,  &EffectiveTimeouts::first_byte, &EffectiveTimeouts::stream_idle};
  for (std::size_t key = 0; key < std::size(kKeys); ++key) {
    for (unsigned set = 0; set < 8; ++set) {
      TimeoutSettings layers[3];
      for (unsigned layer = 0; layer < 3; ++layer) {
        if ((set >> layer & 1) != 0) layers[layer].*kKeys[key] = Duration(100 + layer);
      }
      const EffectiveTimeouts out = effective_timeouts({&layers[0], &layers[1], &layers[2]});
      const EffectiveTimeouts defaults;
      for (std::size_t other = 0; other < std::size(kValues); ++other) {
        Duration expected = defaults.*kValues[other];
        if (other == key && set != 0)
          expected = Duration((set & 1) != 0 ? 100 : (set & 2) != 0 ? 101 : 102);
        EXPECT_EQ(out.*kValues[other], expected)
            << "key " << key << " layers " << set << " value " << other;
      }
    }
  }
}

TEST(EffectiveTest, zero_is_a_value) {
  TimeoutSettings route;
  TimeoutSettings service;
  route.request = 0s;
  service.request = 5s;
  EXPECT_EQ(effective_timeouts({&route, &service}).request, 0s);
  RetrySettings none;
  RetrySettings some;
  none.max = 0;
  none.budget = 0.0;
  none.non_idempotent = false;
  some.max = 5;
  some.budget = 0.5;
  some.non_idempotent = true;
  const EffectiveRetry out = effective_retry({&none, &some});
  EXPECT_EQ(out.max, 0u);
  EXPECT_EQ(out.budget, 0.0);
  EXPECT_FALSE(out.non_idempotent);
}

TEST(EffectiveTest, retries_are_merged_key_by_key) {
  RetrySettings route;
  RetrySettings service;
  RetrySettings top;
  route.max = 1;
  service.max = 4;
  service.budget = 0.1;
  service.backoff = BackoffSettings{
      .initial = 1s, .max = 2s, .factor = 3, .jitter = BackoffSettings::Jitter::none};
  top.budget = 0.9;
  top.budget_floor = 7;
  top.non_idempotent = true;
  top.statuses = {503, 502};
  const EffectiveRetry out = effective_retry({&route, &service, &top});
  EXPECT_EQ(out.max, 1u);
  EXPECT_EQ(out.budget, 0.1);
  EXPECT_EQ(out.budget_floor, 7u);
  EXPECT_TRUE(out.non_idempotent);
  EXPECT_EQ(out.backoff.initial, 1s);
  EXPECT_EQ(out.backoff.jitter, BackoffSettings::Jitter::none);
  EXPECT_EQ(out.statuses, (std::vector<std::uint16_t>{502, 503}));
}

TEST(EffectiveTest, grpc_statuses_replace_inherited_ones) {
  RetrySettings route;
  RetrySettings service;
  EXPECT_TRUE(effective_retry({&route, &service}).grpc_statuses.empty());
  service.grpc_statuses = {GrpcStatus::unavailable};
  EXPECT_EQ(effective_retry({&route, &service}).grpc_statuses, service.grpc_statuses);
  route.grpc_statuses = {GrpcStatus::aborted};
  EXPECT_EQ(effective_retry({&route, &service}).grpc_statuses, route.grpc_statuses);
}

TEST(EffectiveTest, errors_replace_inherited_ones_even_by_none) {
  RetrySettings route;
  RetrySettings service;
  EXPECT_EQ(effective_retry({&route, &service}).errors, std::nullopt);
  service.errors = {RetryError::reset};
  EXPECT_EQ(effective_retry({&route, &service}).errors, service.errors);
  route.errors.emplace();
  EXPECT_EQ(effective_retry({&route, &service}).errors, std::vector<RetryError>());
}

TEST(EffectiveTest, statuses_replace_inherited_ones_and_are_found) {
  RetrySettings route;
  RetrySettings service;
  route.statuses = {504, 429};
  service.statuses = {500};
  const EffectiveRetry out = effective_retry({&route, &service});
  EXPECT_TRUE(out.retries_status(429));
  EXPECT_TRUE(out.retries_status(504));
  EXPECT_FALSE(out.retries_status(500));
  EXPECT_FALSE(out.retries_status(200));
  EXPECT_FALSE(EffectiveRetry().retries_status(503));
}

TEST(EffectiveTest, a_class_of_statuses_is_each_of_them) {
  RetrySettings route;
  route.statuses = {503, 5, 429};
  const EffectiveRetry out = effective_retry({&route});
  for (unsigned status = 100; status < 600; ++status) {
    EXPECT_EQ(out.retries_status(static_cast<std::uint16_t>(status)),
              status >= 500 || status == 429)
        << status;
  }
  EXPECT_EQ(out.statuses.size(), 101u);
}

TEST(EffectiveTest, retries_are_bounded) {
  RetrySettings route;
  route.max = 1000;
  EXPECT_EQ(effective_retry({&route}).max, limits::kRetriesMax);
}

}  // namespace
}  // namespace epaulet
