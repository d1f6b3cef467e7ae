#include "certs-tool/service/signer.h"

#include <sys/stat.h>

#include <algorithm>

#include "crypto/identity.h"
#include "crypto/identity_service.h"

namespace epaulet::certs {

Signer::Fingerprint Signer::look() const {
  constexpr std::array<const char*, 4> kFiles{"ca.pem", "ca.key", "issuer.pem", "issuer.key"};
  Fingerprint fingerprint;
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    struct stat facts {};
    if (::stat(folder_.file(kFiles[i]).c_str(), &facts) != 0) continue;
    fingerprint[i].inode = facts.st_ino;
    fingerprint[i].changed_ns =
        static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1'000'000'000 + facts.st_mtim.tv_nsec;
  }
  return fingerprint;
}

Checked<void> Signer::refresh(WallTime now) {
  const auto lock = folder_.lock();
  if (!lock) return lock.error();
  return refresh_locked(now);
}

Checked<void> Signer::refresh_locked(WallTime now) {
  const auto files = look();
  const bool is_seen = seen_ == files;
  if (!is_seen) {
    seen_ = files;
    auto loaded = folder_.load(now);
    if (!loaded) {
      refusal_ = loaded.error().to_string();
      return loaded.error();
    }
    refusal_.clear();
    ca_ = std::move(*loaded);
    return renew_own(now);
  }
  if (!ca_) return {};
  const bool is_old = !tls_ || now >= own_since_ + (tls_->identity().not_after() - own_since_) / 2;
  return is_old ? renew_own(now) : Checked<void>();
}

/// Towards the end of an issuer what it signs becomes shorter, instead of nothing being signed.
std::chrono::seconds Signer::lifetime_now(WallTime now) const {
  const auto end = ca_->signer.certificate().not_after();
  return std::min(lifetime_, std::chrono::floor<std::chrono::seconds>(end - now));
}

/// Our own certificate, of a new key.
Checked<void> Signer::renew_own(WallTime now) {
  const auto id = SpiffeId::parse(identity_service::id_of(ca_->signer.trust_domain()));
  if (!id) return id.error();
  const auto key = PrivateKey::generate(KeyType::p256);
  const auto lifetime = lifetime_now(now);
  const auto chain = ca_->signer.issue(key.public_key(), *id, now, lifetime);
  if (!chain) return chain.error();
  if (auto noted = note_leaf(now + lifetime); !noted) return noted;
  IdentityText text;
  for (const auto& certificate : *chain) text.certificates += certificate.to_pem();
  text.key = key.to_pem();
  text.bundle = ca_->bundle_pem;
  text.certificates_name = "the service's own certificate";
  text.key_name = "the service's own key";
  text.bundle_name = folder_.file("ca.pem");
  const auto identity = Identity::from(text, ca_->signer.trust_domain(), now);
  if (!identity) return identity.error().front();
  auto context = TlsContext::for_identity_service(*identity);
  if (!context) return context.error();
  tls_ = std::move(*context);
  own_since_ = now;
  return {};
}

/// The file is written a little ahead, so that not each certificate costs a write.
Checked<void> Signer::note_leaf(WallTime until) {
  if (ca_->root == noted_root_ && until <= noted_until_) return {};
  const auto ahead = until + lifetime_ / 10;
  if (auto noted = folder_.note_leaf(ca_->root, ahead); !noted) return noted;
  noted_root_ = ca_->root;
  noted_until_ = ahead;
  return {};
}

Checked<Signed> Signer::sign(const PublicKey& key, const SpiffeId& id, WallTime now) {
  const auto lock = folder_.lock();
  if (!lock) return lock.error();
  // What cannot be loaded leaves the old in force.
  (void)refresh_locked(now);
  if (!ca_) return Reason("the CA cannot be used: " + refusal_, "look at the service's log");
  const auto lifetime = lifetime_now(now);
  const auto chain = ca_->signer.issue(key, id, now, lifetime);
  if (!chain) return chain.error();
  if (auto noted = note_leaf(now + lifetime); !noted) return noted.error();
  Signed result;
  for (const auto& certificate : *chain) result.certificates += certificate.to_pem();
  result.bundle = ca_->bundle_pem;
  result.not_after = chain->front().not_after();
  return result;
}

}  // namespace epaulet::certs
