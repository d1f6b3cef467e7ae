#include "certs-tool/ca_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/limits.h"
#include "crypto/identity.h"
#include "crypto/pem_file.h"

namespace epaulet::certs {

namespace {

constexpr const char* kLockName = ".lock";

}  // namespace

CaFolder::Lock::~Lock() {
  if (fd_ >= 0) ::close(fd_);  // Which unlocks.
}

Checked<CaFolder::Lock> CaFolder::lock() const {
  // A file that its owner alone can open: whoever may read the folder could lock it for ever.
  int fd = ::open(file(kLockName).c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EROFS) fd = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return Reason(
        errno == ENOENT ? fmt::format("{} does not exist", file("ca.pem"))
                        : fmt::format("{} cannot be opened: {}", path_, std::strerror(errno)),
        fmt::format("make a CA with `epaulet-certs init --dir {} --trust-domain DOMAIN`", path_));
  }
  Lock held(fd);
  while (::flock(fd, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    return Reason(fmt::format("{} cannot be locked: {}", path_, std::strerror(errno)),
                  "keep the CA on a local file system");
  }
  return held;
}

bool CaFolder::has_issuer() const {
  struct stat facts {};
  return ::stat(file("issuer.pem").c_str(), &facts) == 0;
}

Checked<CertificateAuthority> CaFolder::root(WallTime now) const {
  const auto certificate = read_pem_file(file("ca.pem"));
  if (!certificate) return certificate.error();
  const auto key = read_pem_file(file("ca.key"));
  if (!key) {
    return Reason(key.error().what,
                  "this needs the root's key: bring it back from where it is kept");
  }
  return CertificateAuthority::load(*certificate, file("ca.pem"), *key, file("ca.key"), now);
}

Checked<LoadedCa> CaFolder::load(WallTime now) const {
  const auto bundle_pem = read_pem_file(file("ca.pem"));
  if (!bundle_pem) {
    return Reason(
        bundle_pem.error().what,
        fmt::format("make a CA with `epaulet-certs init --dir {} --trust-domain DOMAIN`", path_));
  }
  auto bundle = Certificate::parse_pem(*bundle_pem, file("ca.pem"), limits::kBundleCertificatesMax);
  if (!bundle) return bundle.error();
  const bool by_issuer = has_issuer();
  const auto certificate_path = file(by_issuer ? "issuer.pem" : "ca.pem");
  const auto key_path = file(by_issuer ? "issuer.key" : "ca.key");
  const auto certificate = read_pem_file(certificate_path);
  if (!certificate) return certificate.error();
  const auto key = read_pem_file(key_path);
  if (!key) return Reason(key.error().what, "issue where the CA's key is kept");
  auto signer = CertificateAuthority::load(*certificate, certificate_path, *key, key_path, now);
  if (!signer) return signer.error();
  const auto* root = root_of(signer->certificate(), *bundle, now);
  if (root == nullptr) {
    return Reason(
        fmt::format("{} is not below a root of {}: {}", certificate_path, file("ca.pem"),
                    fault_of_authority(signer->certificate(), *bundle, now).value_or("")),
        "restore the files that belong together, or make a new issuer with `epaulet-certs rotate "
        "issuer`");
  }
  auto root_name = hex(root->fingerprint());
  return LoadedCa{std::move(*signer), std::move(*bundle), *bundle_pem, std::move(root_name)};
}

Checked<Ledger> CaFolder::ledger() const {
  std::error_code error;
  if (!std::filesystem::exists(file("ledger.json"), error)) return Ledger();
  const auto text = read_pem_file(file("ledger.json"));
  if (!text) return text.error();
  return Ledger::parse(*text, file("ledger.json"));
}

Checked<void> CaFolder::write(const Ledger& ledger) const {
  return write_pem_files({{file("ledger.json"), ledger.to_json(), 0644}}, {.overwrite = true});
}

Checked<void> CaFolder::note_leaf(const std::string& root, WallTime until) const {
  auto known = ledger();
  if (!known) return known.error();
  return known->note_leaf(root, until) ? write(*known) : Checked<void>();
}

const Certificate* root_of(const Certificate& authority, const std::vector<Certificate>& roots,
                           WallTime now) {
  for (const auto& root : roots) {
    if (!fault_of_authority(authority, {root}, now)) return &root;
  }
  return nullptr;
}

}  // namespace epaulet::certs
