#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/settings.h"
#include "crypto/identity.h"
#include "discovery/resolver.h"
#include "enroll/service_url.h"
#include "io/dialer.h"
#include "runtime/loop.h"
#include "runtime/scope.h"

namespace epaulet::enroll {

/// How the sidecar stands with the identity service: for /ready, /certs and metrics.
struct EnrollStatus {
  std::uint64_t renewed = 0;  ///< Certificates that came.
  std::uint64_t unreachable = 0;
  std::uint64_t untrusted = 0;  ///< TLS failed: not our service, or it does not take us.
  std::uint64_t refused = 0;    ///< It answered, but signed nothing.
  std::uint64_t unusable = 0;   ///< What it signed is not what a sidecar takes; our files are not.
  std::string last_error;       ///< With the remedy; "" once a certificate has come.
  std::optional<WallTime> failed_at;
  std::optional<WallTime> renewed_at;
  std::optional<WallTime> next_at;  ///< The next attempt.
};

/// Keeps a certificate of the identity service: makes a key that never leaves the memory, has it
/// signed, renews it with the certificate at hand, and goes back to the bootstrap token when that
/// has ended. What is in force stays so while the service is away, until its end.
///
/// The control thread's: nothing here blocks, but the small files of `ca` and `token_file`.
class Client {
 public:
  struct Seams {
    Loop& loop;
    Resolver& resolver;
    Dialer& dialer;
  };
  /// A new certificate and its roots. The answer: why it cannot be put into force.
  using OnIdentity = std::function<Checked<void>(std::shared_ptr<const Identity>)>;
  /// It failed, or does again after another reason.
  using OnFailure = std::function<void(const std::string& why)>;

  static constexpr std::chrono::seconds kAttemptTime{15};
  static constexpr std::chrono::seconds kBackoffMax{60};
  /// Without any certificate there is no traffic: more often.
  static constexpr std::chrono::seconds kFirstBackoffMax{15};

  /// `current`: what the files have given; may be null. It is the proof then.
  Client(Seams seams, IdentitySettings settings, std::shared_ptr<const Identity> current,
         OnIdentity on_identity, OnFailure on_failure);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  void start();
  [[nodiscard]] const EnrollStatus& status() const;
  [[nodiscard]] const IdentitySettings& settings() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // Shared with the coroutine, which ends later than this.
};

}  // namespace epaulet::enroll
