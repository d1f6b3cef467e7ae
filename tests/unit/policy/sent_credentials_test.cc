#include "policy/sent_credentials.h"

#include <gtest/gtest.h>

#include "crypto/jwt.h"
#include "policy/api_keys.h"
#include "tests/support/test_request.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'767'225'600s};
const std::string kSecret(32, 's');
const std::string kKey = "epk_0123456789abcdef";

CredentialSettings settings() {
  CredentialSettings out;
  MintSettings token;
  token.key_file = "signing.secret";
  token.algorithm = JwtAlgorithm::hs256;
  token.issuer = "https://api.example";
  token.audiences = {"api2"};
  token.permissions = {"read:orders"};
  out.token = token;
  SentKeySettings key;
  key.file = "own.key";
  key.owner_header = "X-Service-Name";
  key.owner = "api";
  out.key = key;
  return out;
}

SentCredentials make(const CredentialSettings& from) {
  auto made = SentCredentials::make(from, "api.default", kSecret + "\n", kKey + "\n");
  EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().to_string());
  return std::move(*made);
}

TEST(SentCredentialsTest, a_token_says_who_for_whom_and_until_when) {
  const auto credentials = make(settings());
  TestRequest request;
  MintedToken cached;
  EXPECT_TRUE(credentials.attach(request.head, cached, kNow));
  const std::string lines(request.head.added.lines());
  EXPECT_EQ(lines, "Authorization: " + cached.value + "\r\nX-API-Key: " + kKey +
                       "\r\nX-Service-Name: api\r\n");
  ASSERT_TRUE(cached.value.starts_with("Bearer "));
  auto jwt = Jwt::parse(std::string_view(cached.value).substr(7));
  ASSERT_TRUE(jwt.has_value());
  const JwtAlgorithm algorithms[] = {JwtAlgorithm::hs256};
  JwtRules rules;
  rules.issuer = "https://api.example";
  rules.algorithms = {JwtAlgorithm::hs256};
  rules.audiences = {"api2"};
  rules.required = {{{"service"}, "true"}};
  const auto claims =
      std::move(*jwt).verify(*JwkSet::of_secret(kSecret, "s", algorithms), rules, kNow);
  ASSERT_TRUE(claims.has_value());
  EXPECT_EQ(claims->subject(), "api.default");
  EXPECT_EQ(claims->expires(), kNow + 5min);
  EXPECT_TRUE(claims->permits("read:orders"));
}

TEST(SentCredentialsTest, a_token_is_kept_until_shortly_before_its_end) {
  const auto credentials = make(settings());
  MintedToken cached;
  const auto mints_at = [&](WallTime now) {
    TestRequest request;
    return credentials.attach(request.head, cached, now);
  };
  EXPECT_TRUE(mints_at(kNow));
  const auto first = cached.value;
  EXPECT_FALSE(mints_at(kNow));
  EXPECT_FALSE(mints_at(kNow + 4min - 1ns));
  EXPECT_EQ(cached.value, first);
  EXPECT_TRUE(mints_at(kNow + 4min));
  EXPECT_NE(cached.value, first);
  EXPECT_TRUE(mints_at(kNow)) << "a clock that was set back";
}

TEST(SentCredentialsTest, what_the_app_sends_stays_unless_told_otherwise) {
  const TestRequest::Fields fields{
      {"authorization", "Basic YTpi"}, {"x_api_key", "own"}, {"X-Service-Name", "somebody"}};
  TestRequest kept("/", "GET", "api", fields);
  MintedToken cached;
  EXPECT_FALSE(make(settings()).attach(kept.head, cached, kNow));
  EXPECT_EQ(kept.head.added.lines(), "");
  EXPECT_EQ(kept.passed().size(), 3u);
  auto over = settings();
  over.overwrite = true;
  TestRequest replaced("/", "GET", "api", fields);
  EXPECT_TRUE(make(over).attach(replaced.head, cached, kNow));
  EXPECT_TRUE(replaced.passed().empty());
  EXPECT_NE(replaced.head.added.lines().find("X-Service-Name: api"), std::string_view::npos);
}

TEST(SentCredentialsTest, secrets_that_do_not_fit_are_refused_without_a_word_of_them) {
  const auto reason = [](const CredentialSettings& from, std::string_view signing,
                         std::string_view key) {
    const auto made = SentCredentials::make(from, "api.default", signing, key);
    EXPECT_FALSE(made.has_value());
    return made ? "" : made.error().to_string();
  };
  for (const auto& text :
       {reason(settings(), "hunter2", kKey), reason(settings(), kSecret, "hunter2"),
        reason(settings(), kSecret, kKey + "\n" + kKey + "hunter2")}) {
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
  }
  auto pair = settings();
  pair.token->algorithm = JwtAlgorithm::es384;
  EXPECT_NE(reason(pair, PrivateKey::generate(KeyType::p256).to_pem(), kKey).find("does not sign"),
            std::string::npos);
  pair.token->algorithm = JwtAlgorithm::eddsa;
  EXPECT_TRUE(
      SentCredentials::make(pair, "a", PrivateKey::generate(KeyType::ed25519).to_pem(), kKey)
          .has_value());
  EXPECT_NE(reason(pair, "no key", kKey).find("signing.secret"), std::string::npos);
}

TEST(SentCredentialsTest, each_algorithm_signs_what_its_public_key_verifies) {
  for (const auto& [algorithm, type] :
       {std::pair{JwtAlgorithm::es256, KeyType::p256}, {JwtAlgorithm::eddsa, KeyType::ed25519}}) {
    const auto key = PrivateKey::generate(type);
    const auto signature = sign_jws(algorithm, key, "input");
    EXPECT_EQ(signature.size(), 64u);
    EXPECT_TRUE(verify_jws(algorithm, key.public_key(), "input", signature));
    EXPECT_FALSE(verify_jws(algorithm, key.public_key(), "inpux", signature));
  }
}

}  // namespace
}  // namespace epaulet
