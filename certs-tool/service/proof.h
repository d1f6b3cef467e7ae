#pragma once

#include <string_view>

#include "crypto/key.h"
#include "crypto/reason.h"
#include "crypto/spiffe_id.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet::certs {

/// A way to prove who one is with a bearer credential. One for each kind: bootstrap tokens, and
/// whatever a platform gives its workloads (for example a service account's token, which
/// Kubernetes' TokenReview judges).
class Proof {
 public:
  virtual ~Proof() = default;
  /// Whether this one judges such a credential at all, by its form.
  [[nodiscard]] virtual bool recognises(std::string_view credential) const = 0;
  /// Whose credential it is. May wait; `scope` ends it. `key`: what will be certified: a proof that
  /// works once binds itself to it. A reason is shown to whoever asked: it holds no secret.
  virtual Task<Checked<SpiffeId>> prove(std::string_view credential, const PublicKey& key,
                                        Scope& scope) = 0;
};

}  // namespace epaulet::certs
