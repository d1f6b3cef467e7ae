#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crypto/reason.h"

namespace epaulet::kube {

inline constexpr std::string_view kTokenReviewsPath = "/apis/authentication.k8s.io/v1/tokenreviews";

/// The body of the request.
[[nodiscard]] std::string token_review_request(std::string_view token, std::string_view audience);

/// TokenReviewStatus, as far as it matters.
struct TokenReviewStatus {
  bool authenticated = false;
  std::string error;
  std::string username;
  std::vector<std::string> audiences;
  std::string pod_name;  ///< "": the token is bound to no pod.
};

/// A reason: the API server did not judge; what it said is shortened and printable.
[[nodiscard]] Checked<TokenReviewStatus> parse_token_review(std::uint16_t status,
                                                            std::string_view body);

}  // namespace epaulet::kube
