#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "crypto/key.h"
#include "crypto/reason.h"
#include "http/message.h"
#include "runtime/clock.h"

namespace epaulet {

/// A token that was signed here, until it is time for another. One for each worker and service.
struct MintedToken {
  std::string value;  ///< As the header has it; "": none yet.
  WallTime issued_at{};
  WallTime renew_at{};
};

/// What requests for one service are sent with, on behalf of an app that has no credentials of its
/// own (`services.NAME.credentials`): a token signed here, an API key, or both. Immutable; holds
/// the secrets, which go nowhere but into such requests.
class SentCredentials {
 public:
  /// `signing_key`: the file's content, where a token is configured; `api_key`: where a key is.
  /// Fails if they do not fit; the reason never quotes them. `own_service`: the subject, unless one
  /// is configured.
  [[nodiscard]] static Checked<SentCredentials> make(const CredentialSettings& settings,
                                                     const std::string& own_service,
                                                     std::string_view signing_key,
                                                     std::string_view api_key);

  /// Adds them behind the request's own fields. What the app has sent in the same header stays, and
  /// then nothing is added, unless `overwrite`. True if a token was signed for it: 30 to 700 us by
  /// algorithm, once in four fifths of its lifetime; otherwise a copy of some hundred bytes.
  bool attach(http::RequestHead& head, MintedToken& cached, WallTime now) const;

 private:
  explicit SentCredentials(const CredentialSettings& settings) : settings_(settings) {}
  [[nodiscard]] bool may_add(http::RequestHead& head, std::string_view name) const;
  void mint(MintedToken& out, WallTime now) const;

  CredentialSettings settings_;
  std::string subject_;
  std::optional<PrivateKey> key_;
  std::string secret_;
  std::string api_key_;
};
using SentCredentialsPtr = std::shared_ptr<const SentCredentials>;

}  // namespace epaulet
