#pragma once

#include <string>
#include <vector>

#include "certs-tool/service/proof.h"

namespace epaulet::certs {

/// What a platform says of a token. The fields of Kubernetes' TokenReviewStatus (API group
/// authentication.k8s.io/v1) that decide.
struct TokenReview {
  bool authenticated = false;
  std::string error;     ///< Why it is not; may be empty.
  std::string username;  ///< system:serviceaccount:NAMESPACE:NAME
  std::vector<std::string> audiences;
};

/// Asks the platform. A seam: whoever speaks to an API server implements it, tests have one that
/// answers from a table.
class TokenReviewer {
 public:
  virtual ~TokenReviewer() = default;
  /// A reason: nobody could be asked, or the answer was none. Never because the token is bad. It is
  /// shown to whoever asked, so it holds no secret. May wait: `scope` ends it, with kReviewTime.
  /// Bounds by itself what it reads. `token` and `audience` live until it has ended.
  virtual Task<Checked<TokenReview>> review(std::string_view token, std::string_view audience,
                                            Scope& scope) = 0;
};

/// The token of a service account, made for us alone, is the proof of
/// `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/NAME`.
class ServiceAccountProof final : public Proof {
 public:
  /// More than any token that a platform makes.
  static constexpr std::size_t kTokenBytesMax = 6 * 1024;
  static constexpr std::chrono::seconds kReviewTime{5};

  /// `reviewer`: outlives this. `audience`: what the token must be for. One that an API server
  /// takes as well is refused: whoever learns it could be the workload there, and the other way.
  ServiceAccountProof(TokenReviewer& reviewer, std::string trust_domain, std::string audience)
      : reviewer_(reviewer),
        trust_domain_(std::move(trust_domain)),
        audience_(std::move(audience)) {}

  /// Three parts of base64url, as every JWT has.
  [[nodiscard]] bool recognises(std::string_view credential) const override;
  Task<Proven> prove(std::string_view credential, const PublicKey& key, Scope& scope) override;

 private:
  TokenReviewer& reviewer_;
  std::string trust_domain_;
  std::string audience_;
};

/// The decision. A reason: who asks is nobody.
[[nodiscard]] Checked<SpiffeId> identity_of(const TokenReview& review,
                                            std::string_view trust_domain,
                                            std::string_view audience);

}  // namespace epaulet::certs
