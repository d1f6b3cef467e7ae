#include "certs-tool/service/kubernetes_reviewer.h"

#include "k8s/api/token_review.h"

namespace epaulet::certs {

Task<Checked<TokenReview>> KubernetesReviewer::review(std::string_view token,
                                                      std::string_view audience, Scope& scope) {
  const auto body = kube::token_review_request(token, audience);
  const auto answer = co_await client_.post(kube::kTokenReviewsPath, body, scope);
  if (!answer) co_return answer.error();
  auto status = kube::parse_token_review(answer->status, answer->body);
  if (!status) co_return status.error();
  TokenReview review;
  review.authenticated = status->authenticated;
  review.error = std::move(status->error);
  review.username = std::move(status->username);
  review.audiences = std::move(status->audiences);
  if (review.authenticated && status->pod_name.empty()) {
    review.authenticated = false;
    review.error = "it is bound to no pod";
  }
  co_return std::move(review);
}

}  // namespace epaulet::certs
