#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "runtime/clock.h"
#include "tls/context.h"
#include "tls/identity_store.h"

namespace epaulet::server {

/// What identity is in force. Follows the files of `identity.dir`: a consistent new set becomes a
/// TLS context, anything else leaves the old one in force and says why. What the identity service
/// gave goes before the files for as long as it is valid. Control thread.
class IdentityKeeper {
 public:
  using OnContext = std::function<void(std::shared_ptr<const TlsContext>)>;
  /// `log(problem)`: a set was refused, once for each change of the files.
  using OnRefusal = std::function<void(const std::string& reasons)>;

  IdentityKeeper(OnContext on_context, OnRefusal on_refusal)
      : on_context_(std::move(on_context)), on_refusal_(std::move(on_refusal)) {}

  /// Looks at the files if they changed since the last look, if the settings did, or if they were
  /// refused, which is told once.
  void refresh(const IdentitySettings& settings, WallTime now);

  /// Of the identity service.
  [[nodiscard]] Checked<void> take(std::shared_ptr<const Identity> identity);

  /// Null: none was ever taken.
  [[nodiscard]] const std::shared_ptr<const TlsContext>& context() const { return context_; }
  /// Why the files at hand are not in force; empty if they are.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] bool configured() const { return configured_; }
  [[nodiscard]] bool is_from_service() const { return is_from_service_; }

 private:
  OnContext on_context_;
  OnRefusal on_refusal_;
  std::optional<IdentityStore> store_;
  std::string trust_domain_;
  std::optional<IdentityStore::FilesFingerprint> seen_;
  std::shared_ptr<const TlsContext> context_;
  std::string refusal_;
  bool configured_ = false;
  bool is_from_service_ = false;
};

}  // namespace epaulet::server
