#include "tls/identity_store.h"

#include <sys/stat.h>

#include "crypto/pem_file.h"

namespace epaulet {
namespace {

/// Three renames take microseconds; who writes for longer is refused and read again at the next
/// notice.
constexpr int kReadsMax = 3;

}  // namespace

IdentityStore::IdentityStore(std::string folder, std::string trust_domain)
    : folder_(std::move(folder)), trust_domain_(std::move(trust_domain)) {}

std::string IdentityStore::path_of(std::size_t file) const {
  return folder_ + '/' + std::string(kNames[file]);
}

IdentityStore::FilesFingerprint IdentityStore::fingerprint_of_files() const {
  FilesFingerprint fingerprint;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    struct stat facts {};
    if (::stat(path_of(i).c_str(), &facts) != 0) continue;
    auto& file = fingerprint.files[i];
    file.device = facts.st_dev;
    file.inode = facts.st_ino;
    file.size = facts.st_size;
    file.changed_ns =
        static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1'000'000'000 + facts.st_mtim.tv_nsec;
  }
  return fingerprint;
}

Identity::Loaded IdentityStore::read(WallTime now) const {
  IdentityText text;
  text.certificates_name = path_of(0);
  text.key_name = path_of(1);
  text.bundle_name = path_of(2);
  Identity::Reasons reasons;
  const auto take = [&](const std::string& path, std::string& into) {
    auto contents = read_pem_file(path);
    if (contents) {
      into = std::move(*contents);
    } else {
      reasons.push_back(contents.error());
    }
  };
  take(text.certificates_name, text.certificates);
  take(text.key_name, text.key);
  take(text.bundle_name, text.bundle);
  if (!reasons.empty()) return reasons;
  return Identity::from(text, trust_domain_, now);
}

Identity::Loaded IdentityStore::load(WallTime now) {
  auto loaded = Identity::Loaded(Identity::Reasons());
  for (int i = 0; i < kReadsMax; ++i) {
    const auto before = fingerprint_of_files();
    loaded = read(now);
    if (before == fingerprint_of_files()) break;
  }
  if (loaded) {
    current_ = *loaded;
    refusal_.clear();
  } else {
    refusal_ = loaded.error();
  }
  return loaded;
}

}  // namespace epaulet
