#include "server/identity_keeper.h"

namespace epaulet::server {

void IdentityKeeper::refresh(const IdentitySettings& settings, WallTime now) {
  if (settings.dir.empty()) return;
  if (!store_ || store_->folder() != settings.dir || trust_domain_ != settings.trust_domain) {
    store_.emplace(settings.dir, settings.trust_domain);
    trust_domain_ = settings.trust_domain;
    seen_.reset();
  }
  const auto files = store_->fingerprint_of_files();
  if (seen_ == files) return;
  seen_ = files;
  const auto loaded = store_->load(now);
  refusal_.clear();
  if (!loaded) {
    for (const auto& reason : loaded.error()) {
      if (!refusal_.empty()) refusal_ += "; ";
      refusal_ += reason.to_string();
    }
    return on_refusal_(refusal_);
  }
  auto context = TlsContext::make(*loaded, context_.get());
  if (!context) {
    refusal_ = context.error().to_string();
    return on_refusal_(refusal_);
  }
  context_ = std::move(*context);
  on_context_(context_);
}

}  // namespace epaulet::server
