#include "server/identity_keeper.h"

namespace epaulet::server {

void IdentityKeeper::refresh(const IdentitySettings& settings, WallTime now) {
  configured_ = settings.configured();
  if (settings.dir.empty()) return;
  if (is_from_service_ && !settings.service.empty() && context_->identity().not_after() > now)
    return;
  if (!store_ || store_->folder() != settings.dir || trust_domain_ != settings.trust_domain) {
    store_.emplace(settings.dir, settings.trust_domain);
    trust_domain_ = settings.trust_domain;
    seen_.reset();
  }
  const auto files = store_->fingerprint_of_files();
  // What was refused may be valid by now: the clock went on, or was set right.
  const bool is_seen = seen_ == files;
  if (is_seen && refusal_.empty()) return;
  seen_ = files;
  const auto loaded = store_->load(now);
  refusal_.clear();
  if (!loaded) {
    for (const auto& reason : loaded.error()) {
      if (!refusal_.empty()) refusal_ += "; ";
      refusal_ += reason.to_string();
    }
    if (!is_seen) on_refusal_(refusal_);
    return;
  }
  auto context = TlsContext::make(*loaded, context_.get());
  if (!context) {
    refusal_ = context.error().to_string();
    if (!is_seen) on_refusal_(refusal_);
    return;
  }
  context_ = std::move(*context);
  is_from_service_ = false;
  on_context_(context_);
}

Checked<void> IdentityKeeper::take(std::shared_ptr<const Identity> identity) {
  auto context = TlsContext::make(std::move(identity), context_.get());
  if (!context) return context.error();
  context_ = std::move(*context);
  is_from_service_ = true;
  refusal_.clear();
  seen_.reset();
  on_context_(context_);
  return {};
}

}  // namespace epaulet::server
