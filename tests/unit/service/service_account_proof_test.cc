#include "certs-tool/service/service_account_proof.h"

#include <gtest/gtest.h>

#include <tuple>

#include "crypto/identity_service.h"

namespace epaulet::certs {
namespace {

constexpr std::string_view kAudience = identity_service::kTokenAudience;

TokenReview review_of(std::string username) {
  TokenReview review;
  review.authenticated = true;
  review.username = std::move(username);
  review.audiences = {std::string(kAudience)};
  return review;
}

std::string outcome(const TokenReview& review) {
  const auto id = identity_of(review, "cluster.local", kAudience);
  return id ? id->text() : "no: " + id.error().what;
}

TEST(ServiceAccountProofTest, a_service_account_is_its_spiffe_id) {
  EXPECT_EQ(outcome(review_of("system:serviceaccount:shop:api.v2")),
            "spiffe://cluster.local/ns/shop/sa/api.v2");
}

TEST(ServiceAccountProofTest, who_is_no_service_account_is_nobody) {
  for (const char* user :
       {"", "admin", "system:serviceaccount:", "system:serviceaccount:shop",
        "system:serviceaccount:shop:", "system:serviceaccount::api",
        "system:serviceaccount:shop:api:x", "system:serviceaccount:shop/sa/x:api",
        "system:serviceaccount:shop:../../kube-system/sa/admin", "system:serviceaccount:..:api",
        "system:serviceaccount:shop:a pi", "system:serviceaccount:Shop:api",
        "system:node:system:serviceaccount:shop:api", " system:serviceaccount:shop:api"}) {
    EXPECT_TRUE(outcome(review_of(user)).starts_with("no: ")) << user;
  }
  const std::string with_nul("system:serviceaccount:shop:api\0x", 32);
  EXPECT_TRUE(outcome(review_of(with_nul)).starts_with("no: "));
}

TEST(ServiceAccountProofTest, a_name_in_a_refusal_is_printable) {
  EXPECT_EQ(outcome(review_of("evil\n\x1b[31m")),
            "no: the token is of evil??[31m, which is no service account");
}

TEST(ServiceAccountProofTest, a_token_that_is_for_others_too_proves_nobody) {
  auto review = review_of("system:serviceaccount:shop:api");
  for (const std::vector<std::string>& audiences :
       {std::vector<std::string>{},
        {"https://kubernetes.default.svc"},
        {std::string(kAudience), "https://kubernetes.default.svc"},
        {"EPAULET-IDENTITY"}}) {
    review.audiences = audiences;
    EXPECT_EQ(outcome(review), "no: the token is not for \"epaulet-identity\" alone");
  }
}

TEST(ServiceAccountProofTest, a_token_that_is_not_authenticated_proves_nobody) {
  auto review = review_of("system:serviceaccount:shop:api");
  review.authenticated = false;
  EXPECT_EQ(outcome(review), "no: the platform does not take this token");
  review.error = "token has expired";
  EXPECT_EQ(outcome(review), "no: the platform does not take this token: token has expired");
}

TEST(ServiceAccountProofTest, recognises_the_form_of_a_jwt_alone) {
  class Nobody final : public TokenReviewer {
    Task<Checked<TokenReview>> review(std::string_view, std::string_view, Scope&) override {
      co_return TokenReview();
    }
  } nobody;
  const ServiceAccountProof proof(nobody, "cluster.local", std::string(kAudience));
  const std::tuple<std::string, bool> rows[] = {
      {"eyJh.eyJp.c2ln", true},
      {"a-_.b.c", true},
      {"", false},
      {"..", false},
      {"a.b.", false},
      {".b.c", false},
      {"a..c", false},
      {"a.b", false},
      {"a.b.c.d", false},
      {"a.b.c=", false},
      {"a.b.c d", false},
      {"epaulet-token.abc", false},
      {"a.b." + std::string(ServiceAccountProof::kTokenBytesMax, 'c'), false},
  };
  for (const auto& [credential, is_recognised] : rows)
    EXPECT_EQ(proof.recognises(credential), is_recognised) << credential;
}

}  // namespace
}  // namespace epaulet::certs
