#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "crypto/digest.h"
#include "crypto/reason.h"
#include "crypto/spiffe_id.h"
#include "crypto/wall_time.h"

namespace epaulet::certs {

/// Bootstrap tokens: each proves one SPIFFE ID, once, until it expires. On disk stands what each is
/// for and its hash, never the token, so that whoever reads a backup cannot be anybody.
///
/// "Once" means: for one key. Whoever asks again with the same key is answered again, because the
/// first answer may have been lost on its way, and the certificate is worth nothing without that
/// key. Another key is refused, and that is remembered on disk before anything is signed.
class TokenStore {
 public:
  static constexpr std::string_view kPrefix = "epaulet-token.";
  static constexpr std::chrono::seconds kLifetime{3600};

  /// `folder`: made when the first token is.
  explicit TokenStore(std::string folder) : folder_(std::move(folder)) {}

  /// The token: whoever has it can be `id`.
  [[nodiscard]] Checked<std::string> create(const SpiffeId& id, WallTime now,
                                            std::chrono::seconds lifetime) const;

  /// Why a token was not spent.
  struct Unspent : Reason {
    Unspent() = default;
    Unspent(Reason why, bool undecided = false) : Reason(std::move(why)), is_undecided(undecided) {}
    /// The token may be good: that it is spent could not be written down. It may be tried again.
    bool is_undecided = false;
  };
  /// Whose token it is, now that it is spent for the key with this digest.
  [[nodiscard]] boost::system::result<SpiffeId, Unspent> spend(std::string_view token,
                                                               const Sha256& key,
                                                               WallTime now) const;

  /// Removes what has expired.
  void sweep(WallTime now) const;

 private:
  [[nodiscard]] std::string path_of(std::string_view id, std::string_view kind) const;
  [[nodiscard]] boost::system::result<void, Unspent> claim(std::string_view id,
                                                           const Sha256& key) const;

  std::string folder_;
};

}  // namespace epaulet::certs
