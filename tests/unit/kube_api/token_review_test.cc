#include "k8s/api/token_review.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "k8s/api/client.h"

namespace epaulet::kube {
namespace {

TEST(TokenReview, asks_with_the_audience) {
  EXPECT_EQ(token_review_request("a.b.c", "epaulet-identity"),
            R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview",)"
            R"("spec":{"token":"a.b.c","audiences":["epaulet-identity"]}})");
}

// As an API server of 1.34 answers, shortened.
constexpr const char* kGood = R"({"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1",
  "metadata":{"creationTimestamp":null},"spec":{"token":"x","audiences":["epaulet-identity"]},
  "status":{"authenticated":true,"user":{"username":"system:serviceaccount:shop:orders",
  "uid":"1","groups":["system:serviceaccounts"],"extra":{
  "authentication.kubernetes.io/node-name":["node1"],
  "authentication.kubernetes.io/pod-name":["orders-7d9"]}},"audiences":["epaulet-identity"]}})";

TEST(TokenReview, is_read) {
  const auto status = parse_token_review(201, kGood);
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->authenticated);
  EXPECT_EQ(status->username, "system:serviceaccount:shop:orders");
  EXPECT_EQ(status->audiences, std::vector<std::string>{"epaulet-identity"});
  EXPECT_EQ(status->pod_name, "orders-7d9");
}

TEST(TokenReview, of_a_bad_token_says_why) {
  const auto status = parse_token_review(
      201, R"({"kind":"TokenReview","status":{"user":{},"error":"[invalid bearer\n token]"}})");
  ASSERT_TRUE(status);
  EXPECT_FALSE(status->authenticated);
  EXPECT_EQ(status->error, "[invalid bearer? token]");
  EXPECT_EQ(status->pod_name, "");
}

TEST(TokenReview, takes_nothing_of_another_type_for_a_yes) {
  for (const char* said : {R"({"authenticated":"true"})", R"({"authenticated":1})", "{}",
                           R"({"authenticated":null,"audiences":"epaulet-identity"})"}) {
    const auto status =
        parse_token_review(201, std::string(R"({"kind":"TokenReview","status":)") + said + "}");
    ASSERT_TRUE(status) << said;
    EXPECT_FALSE(status->authenticated) << said;
    EXPECT_TRUE(status->audiences.empty());
  }
}

TEST(TokenReview, a_refusal_has_a_remedy) {
  const auto status = parse_token_review(
      403, R"({"kind":"Status","message":"tokenreviews is forbidden","code":403})");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what, "the API server answered 403: tokenreviews is forbidden");
  EXPECT_NE(status.error().remedy.find("create tokenreviews"), std::string::npos);
}

TEST(TokenReview, nonsense_is_no_judgement) {
  for (const char* body : {"", "{", "[]", "{}", R"({"kind":"TokenReview"})",
                           R"({"kind":"Pod","status":{"authenticated":true}})"})
    EXPECT_FALSE(parse_token_review(200, body)) << body;
  EXPECT_FALSE(parse_token_review(200, std::string(1000, '[')));
}

TEST(ApiAddress, is_given_or_in_the_environment) {
  EXPECT_EQ(api_address("10.96.0.1:443")->to_string(), "10.96.0.1:443");
  EXPECT_FALSE(api_address("kubernetes.default"));
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "6443", 1);
  EXPECT_EQ(api_address("")->to_string(), "[fd00::1]:6443");
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  EXPECT_FALSE(api_address(""));
}

}  // namespace
}  // namespace epaulet::kube
