#include "policy/api_keys.h"

#include <gtest/gtest.h>

#include "crypto/jose_hash.h"
#include "tests/support/test_request.h"

namespace epaulet {
namespace {

const std::string kOld = "epk_old-key-of-the-user-service";
const std::string kNew = "epk_new-key-of-the-user-service";
const std::string kOther = "epk_the-key-of-the-order-service";

ApiKeys keys(const std::string& owner_header = "", bool forward = false) {
  ApiKeySettings settings;
  settings.owner_header = owner_header;
  settings.forward = forward;
  for (const char* name : {"order-service", "retired", "user-service"})
    settings.owners[name].name = name;
  return {settings,
          {{"user-service", {hash_token(kOld), hash_token(kNew)}},
           {"order-service", {hash_token(kOther)}},
           {"retired", {}}}};
}

ApiKeys::Shown find(const ApiKeys& from, const TestRequest::Fields& fields) {
  const TestRequest request("/", "GET", "api", fields);
  auto shown = from.find(request.head);
  // The owner is borrowed from `from`, which outlives this.
  return shown;
}

TEST(ApiKeysTest, both_keys_of_an_owner_are_good) {
  const auto all = keys();
  for (const auto& [key, owner] :
       {std::pair{kOld, "user-service"}, {kNew, "user-service"}, {kOther, "order-service"}}) {
    const auto shown = find(all, {{"x-aPi-key", key}});
    EXPECT_EQ(shown.owner, owner);
    EXPECT_EQ(shown.failure, KeyFailure::none);
  }
}

TEST(ApiKeysTest, no_key_is_no_failure) {
  const auto all = keys("X-Service-Name");
  EXPECT_EQ(find(all, {}).failure, KeyFailure::none);
  EXPECT_EQ(find(all, {{"X-Service-Name", "user-service"}}).owner, "");
  EXPECT_EQ(find(all, {{"X-Service-Name", "user-service"}}).failure, KeyFailure::none);
  EXPECT_EQ(find(all, {{"X-API-Key", ""}}).failure, KeyFailure::none);
  EXPECT_EQ(find(all, {{"X_API_Key", kOld}}).owner, "") << "another field";
  EXPECT_EQ(find(ApiKeys(), {{"X-API-Key", "whatever"}}).failure, KeyFailure::none);
}

TEST(ApiKeysTest, a_wrong_key_fails) {
  const auto all = keys();
  for (const std::string& wrong : {std::string("x"), kOld + "x", kOld.substr(1),
                                   std::string(100'000, 'x'), "sha256:" + std::string(64, '0')}) {
    EXPECT_EQ(find(all, {{"X-API-Key", wrong}}).failure, KeyFailure::unknown);
    EXPECT_EQ(find(all, {{"X-API-Key", wrong}}).owner, "");
  }
}

TEST(ApiKeysTest, two_keys_fail_even_if_they_are_the_same) {
  const auto all = keys("X-Service-Name");
  EXPECT_EQ(find(all, {{"X-API-Key", kOld}, {"x-api-key", kOld}}).failure, KeyFailure::several);
  EXPECT_EQ(find(all, {{"X-API-Key", kOld},
                       {"X-Service-Name", "user-service"},
                       {"X-Service-Name", "order-service"}})
                .failure,
            KeyFailure::several);
}

TEST(ApiKeysTest, the_companion_must_name_the_owner) {
  const auto all = keys("X-Service-Name");
  EXPECT_EQ(find(all, {{"X-API-Key", kOld}}).failure, KeyFailure::owner_missing);
  const std::pair<std::string, KeyFailure> rows[] = {
      {"user-service", KeyFailure::none},        {"order-service", KeyFailure::owner_wrong},
      {"User-Service", KeyFailure::owner_wrong}, {"user-service2", KeyFailure::owner_wrong},
      {"nobody", KeyFailure::owner_wrong},
  };
  for (const auto& [said, failure] : rows) {
    const auto shown = find(all, {{"X-API-Key", kOld}, {"x-service-name", said}});
    EXPECT_EQ(shown.failure, failure) << said;
    EXPECT_EQ(shown.owner, failure == KeyFailure::none ? "user-service" : "") << said;
  }
  EXPECT_EQ(find(all, {{"X-API-Key", "wrong"}, {"X-Service-Name", "user-service"}}).failure,
            KeyFailure::unknown);
}

TEST(ApiKeysTest, the_app_sees_no_key_and_no_companion_that_nobody_proved) {
  const TestRequest::Fields fields{{"X-API-Key", kOld},
                                   {"x_api_key", "copy"},
                                   {"X-Service-Name", "user-service"},
                                   {"X_Service_Name", "forged"},
                                   {"Accept", "*/*"}};
  using Names = std::vector<std::string>;
  TestRequest proven("/", "GET", "api", fields);
  keys("X-Service-Name").strip(proven.head, true);
  EXPECT_EQ(proven.passed(), (Names{"X-Service-Name", "Accept"}));
  TestRequest unproven("/", "GET", "api", fields);
  keys("X-Service-Name").strip(unproven.head, false);
  EXPECT_EQ(unproven.passed(), (Names{"Accept"}));
  TestRequest forwarded("/", "GET", "api", fields);
  keys("", true).strip(forwarded.head, true);
  EXPECT_EQ(forwarded.passed().size(), fields.size());
  TestRequest untouched("/", "GET", "api", fields);
  ApiKeys().strip(untouched.head, false);
  EXPECT_EQ(untouched.passed().size(), fields.size());
}

TEST(ApiKeysTest, trailers_claim_nothing_either) {
  EXPECT_TRUE(keys("X-Service-Name").claims("x_service_name"));
  EXPECT_TRUE(keys().claims("X-Api-Key"));
  EXPECT_FALSE(keys().claims("X-Service-Name"));
  EXPECT_FALSE(ApiKeys().claims("X-Api-Key"));
}

}  // namespace
}  // namespace epaulet
