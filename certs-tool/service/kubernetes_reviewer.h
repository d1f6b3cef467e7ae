#pragma once

#include "certs-tool/service/service_account_proof.h"
#include "k8s/api/client.h"

namespace epaulet::certs {

/// Lets an API server judge tokens, by TokenReview. Of those it takes only tokens that are bound to
/// a pod count: they end with it, and nobody has made them at a keyboard.
class KubernetesReviewer final : public TokenReviewer {
 public:
  /// `dialer`: outlives this.
  KubernetesReviewer(Dialer& dialer, kube::ApiAccess access) : client_(dialer, std::move(access)) {}
  Task<Checked<TokenReview>> review(std::string_view token, std::string_view audience,
                                    Scope& scope) override;

 private:
  kube::ApiClient client_;
};

}  // namespace epaulet::certs
