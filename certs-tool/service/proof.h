#pragma once

#include <string_view>

#include "crypto/key.h"
#include "crypto/reason.h"
#include "crypto/spiffe_id.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet::certs {

/// Why a credential proves nobody.
struct Unproven {
  Unproven() = default;
  explicit Unproven(Reason why, bool undecided = false)
      : reason(std::move(why)), is_undecided(undecided) {}
  /// Shown to whoever asked: it holds no secret.
  Reason reason;
  /// It was not judged, because whoever does cannot be asked now: the same may hold later.
  bool is_undecided = false;
};
using Proven = boost::system::result<SpiffeId, Unproven>;

/// Of what was judged: a reason is a refusal.
[[nodiscard]] inline Proven proven(Checked<SpiffeId> judged) {
  if (judged) return std::move(*judged);
  return Unproven(judged.error());
}

/// A way to prove who one is with a bearer credential. One for each kind: bootstrap tokens
/// (token_proof.h), and what a platform gives its workloads (service_account_proof.h).
class Proof {
 public:
  virtual ~Proof() = default;
  /// Whether this one judges such a credential at all, by its form.
  [[nodiscard]] virtual bool recognises(std::string_view credential) const = 0;
  /// Whose credential it is. May wait; `scope` ends it. `key`: what will be certified: a proof that
  /// works once binds itself to it. `credential` and `key` live until it has ended.
  virtual Task<Proven> prove(std::string_view credential, const PublicKey& key, Scope& scope) = 0;
};

}  // namespace epaulet::certs
