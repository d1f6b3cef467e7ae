#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/certificate.h"
#include "crypto/key.h"
#include "crypto/reason.h"
#include "crypto/spiffe_id.h"
#include "crypto/wall_time.h"

namespace epaulet {

/// Three PEM texts that should belong together. The `_name`s are paths, for the reasons.
struct IdentityText {
  std::string certificates;  ///< Leaf first, then intermediates.
  std::string certificates_name;
  std::string key;
  std::string key_name;
  std::string bundle;  ///< The roots that we trust.
  std::string bundle_name;
};

/// Whom one believes: the roots, and the one trust domain that they may speak for.
struct Trust {
  std::string trust_domain;
  std::vector<Certificate> bundle;
};

/// Who this sidecar is and whom it trusts. Immutable and consistent: the key matches the leaf, the
/// leaf chains to the bundle for both TLS roles, carries exactly one SPIFFE ID of the trust domain,
/// and was valid when loaded.
class Identity {
 public:
  using Reasons = std::vector<Reason>;
  using Loaded = boost::system::result<std::shared_ptr<const Identity>, Reasons>;

  /// All that is wrong, not only the first.
  [[nodiscard]] static Loaded from(const IdentityText& text, std::string_view trust_domain,
                                   WallTime now);

  [[nodiscard]] const SpiffeId& id() const { return id_; }
  [[nodiscard]] const Certificate& leaf() const { return chain_.front(); }
  [[nodiscard]] const std::vector<Certificate>& chain() const { return chain_; }
  [[nodiscard]] const PrivateKey& key() const { return key_; }
  [[nodiscard]] const std::vector<Certificate>& bundle() const { return bundle_; }
  /// Changes exactly when the set of roots does.
  [[nodiscard]] const Sha256& bundle_digest() const { return bundle_digest_; }
  /// The end of the leaf or of an intermediate, whichever is first.
  [[nodiscard]] WallTime not_after() const { return not_after_; }

 private:
  Identity(SpiffeId id, std::vector<Certificate> chain, PrivateKey key,
           std::vector<Certificate> bundle);

  SpiffeId id_;
  std::vector<Certificate> chain_;
  PrivateKey key_;
  std::vector<Certificate> bundle_;
  Sha256 bundle_digest_;
  WallTime not_after_;
};

/// Why `chain` (leaf first) does not lead to a root of `bundle` at `now` for both TLS roles;
/// nothing if it does.
[[nodiscard]] std::optional<std::string> fault_of_chain(const std::vector<Certificate>& chain,
                                                        const std::vector<Certificate>& bundle,
                                                        WallTime now);

/// Why `authority` is not below one of `roots` at `now` (or one of them); nothing if it is.
[[nodiscard]] std::optional<std::string> fault_of_authority(const Certificate& authority,
                                                            const std::vector<Certificate>& roots,
                                                            WallTime now);

/// A store that trusts exactly these roots.
[[nodiscard]] Owned<x509_store_st> make_trust_store(const std::vector<Certificate>& bundle);

}  // namespace epaulet
