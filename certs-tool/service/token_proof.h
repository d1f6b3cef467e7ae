#pragma once

#include "certs-tool/service/proof.h"
#include "certs-tool/token_store.h"

namespace epaulet::certs {

/// What `epaulet-certs token` made.
class TokenProof final : public Proof {
 public:
  explicit TokenProof(TokenStore store) : store_(std::move(store)) {}
  [[nodiscard]] bool recognises(std::string_view credential) const override {
    return credential.starts_with(TokenStore::kPrefix);
  }
  Task<Proven> prove(std::string_view credential, const PublicKey& key, Scope& scope) override {
    auto spent = store_.spend(credential, key.digest(), scope.loop().wall_now());
    if (!spent) co_return Unproven(spent.error(), spent.error().is_undecided);
    co_return std::move(*spent);
  }

 private:
  TokenStore store_;
};

}  // namespace epaulet::certs
