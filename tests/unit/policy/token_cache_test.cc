#include "policy/token_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace epaulet {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{std::chrono::seconds(1'767'225'600)};

std::shared_ptr<const VerifiedToken> token_until(WallTime until) {
  VerifiedToken token;
  token.valid_until = until;
  return std::make_shared<const VerifiedToken>(token);
}

TEST(TokenCacheTest, a_token_is_known_until_it_expires) {
  TokenCache cache;
  const auto key = cache.key_of("token");
  EXPECT_EQ(cache.find(key, kNow), nullptr);
  const auto token = token_until(kNow + 10s);
  cache.insert(key, token);
  EXPECT_EQ(cache.find(key, kNow), token);
  EXPECT_EQ(cache.find(key, kNow + 10s - 1ns), token);
  EXPECT_EQ(cache.find(key, kNow + 10s), nullptr);
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.find(key, kNow), nullptr) << "forgotten, whatever the clock says later";
  EXPECT_EQ(cache.hits(), 2u);
  EXPECT_EQ(cache.misses(), 3u);
}

TEST(TokenCacheTest, another_token_is_another_entry) {
  TokenCache cache;
  cache.insert(cache.key_of("token"), token_until(kNow + 10s));
  EXPECT_EQ(cache.find(cache.key_of("tokem"), kNow), nullptr);
  EXPECT_EQ(cache.find(cache.key_of(""), kNow), nullptr);
  EXPECT_NE(cache.find(cache.key_of("token"), kNow), nullptr);
}

TEST(TokenCacheTest, the_least_recently_used_one_makes_room) {
  TokenCache cache(3);
  for (const char* text : {"a", "b", "c"})
    cache.insert(cache.key_of(text), token_until(kNow + 10s));
  EXPECT_NE(cache.find(cache.key_of("a"), kNow), nullptr);
  cache.insert(cache.key_of("d"), token_until(kNow + 10s));
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_EQ(cache.find(cache.key_of("b"), kNow), nullptr);
  for (const char* text : {"a", "c", "d"})
    EXPECT_NE(cache.find(cache.key_of(text), kNow), nullptr) << text;
}

TEST(TokenCacheTest, the_default_bound_holds) {
  TokenCache cache;
  for (std::size_t i = 0; i < limits::kTokensCachedMax + 100; ++i) {
    cache.insert(cache.key_of(std::to_string(i)), token_until(kNow + 10s));
  }
  EXPECT_EQ(cache.size(), limits::kTokensCachedMax);
  EXPECT_EQ(cache.find(cache.key_of("99"), kNow), nullptr);
  EXPECT_NE(cache.find(cache.key_of("100"), kNow), nullptr);
}

TEST(TokenCacheTest, a_token_inserted_again_is_one_entry) {
  TokenCache cache(2);
  const auto key = cache.key_of("a");
  cache.insert(key, token_until(kNow + 1s));
  const auto later = token_until(kNow + 2s);
  cache.insert(key, later);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.find(key, kNow + 1s), later);
}

TEST(TokenCacheTest, a_forgotten_token_lives_as_long_as_a_request_holds_it) {
  TokenCache cache(1);
  cache.insert(cache.key_of("a"), token_until(kNow + 1s));
  const auto held = cache.find(cache.key_of("a"), kNow);
  cache.insert(cache.key_of("b"), token_until(kNow + 1s));
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(held->valid_until, kNow + 1s);
}

TEST(TokenCacheTest, a_new_generation_starts_empty) {
  TokenCache cache;
  Sha256 first{};
  first[0] = 1;
  Sha256 second{};
  second[0] = 2;
  cache.use(first);
  const auto key = cache.key_of("a");
  cache.insert(key, token_until(kNow + 1s));
  cache.use(first);
  EXPECT_NE(cache.find(key, kNow), nullptr);
  cache.use(second);
  EXPECT_EQ(cache.find(key, kNow), nullptr);
  cache.insert(key, token_until(kNow + 1s));
  cache.use(first);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(TokenCacheTest, without_room_nothing_is_kept) {
  TokenCache cache(0);
  cache.insert(cache.key_of("a"), token_until(kNow + 1s));
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace epaulet
