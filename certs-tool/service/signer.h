#pragma once

#include <sys/types.h>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "certs-tool/ca_folder.h"
#include "tls/context.h"

namespace epaulet::certs {

/// A certificate for somebody who has proven who they are.
struct Signed {
  std::string certificates;  ///< PEM, leaf first.
  std::string bundle;        ///< PEM, the roots to trust now.
  WallTime not_after{};
};

/// The CA of a running service: what the folder holds now, and the service's own certificate. Reads
/// the folder again when its files change, so that `epaulet-certs rotate` needs no restart. What
/// cannot be used leaves what was in force.
class Signer {
 public:
  Signer(std::string folder, std::chrono::seconds lifetime)
      : folder_(std::move(folder)), lifetime_(lifetime) {}

  /// If something changed, or our own certificate is in the second half of its life. A reason: the
  /// folder cannot be used as it is; told once for each change.
  [[nodiscard]] Checked<void> refresh(WallTime now);

  /// Under the folder's lock: a rotation never overlooks what is being signed.
  [[nodiscard]] Checked<Signed> sign(const PublicKey& key, const SpiffeId& id, WallTime now);

  /// Null before the first refresh() that succeeded.
  [[nodiscard]] const std::shared_ptr<const TlsContext>& tls() const { return tls_; }
  [[nodiscard]] const std::optional<LoadedCa>& ca() const { return ca_; }
  /// Why the folder is not in force as it is; empty if it is.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] const CaFolder& folder() const { return folder_; }

 private:
  struct FileFacts {
    ino_t inode = 0;
    std::int64_t changed_ns = -1;
    friend bool operator==(const FileFacts&, const FileFacts&) = default;
  };
  using Fingerprint = std::array<FileFacts, 4>;

  [[nodiscard]] Fingerprint look() const;
  [[nodiscard]] Checked<void> refresh_locked(WallTime now);
  [[nodiscard]] Checked<void> renew_own(WallTime now);
  [[nodiscard]] std::chrono::seconds lifetime_now(WallTime now) const;
  [[nodiscard]] Checked<void> note_leaf(WallTime until);

  CaFolder folder_;
  std::chrono::seconds lifetime_;
  std::optional<Fingerprint> seen_;
  std::optional<LoadedCa> ca_;
  std::string refusal_;
  std::string noted_root_;
  WallTime noted_until_ = WallTime::min();
  std::shared_ptr<const TlsContext> tls_;
  WallTime own_since_{};
};

}  // namespace epaulet::certs
