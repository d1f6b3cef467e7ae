#pragma once

#include <string>
#include <vector>

#include "certs-tool/ledger.h"
#include "crypto/ca.h"

namespace epaulet::certs {

/// What a CA's folder holds when it can issue.
struct LoadedCa {
  CertificateAuthority signer;  ///< The issuer, or the root itself.
  std::vector<Certificate> bundle;
  std::string bundle_pem;  ///< The roots to trust, as everybody gets them.
  std::string root;        ///< SHA-256 in hexadecimal of the root that leaves lead to.
};

/// The folder that `init` makes and `rotate` changes:
///
///   ca.pem                  the roots to trust; the one that signs is the first
///   ca.key                  the root's key; may be kept elsewhere if there is an issuer
///   issuer.pem issuer.key   who signs leaves, if the root does not do it itself
///   next.pem next.key       a root that will sign soon (`rotate root`)
///   ledger.json             what is remembered (Ledger)
///   tokens/                 what `epaulet-certs token` made
///
/// Whoever reads and writes takes a Lock: commands and the running service share the folder.
class CaFolder {
 public:
  explicit CaFolder(std::string path) : path_(std::move(path)) {}

  /// Held as long as it lives.
  class Lock {
   public:
    Lock(Lock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    Lock& operator=(Lock&&) = delete;
    ~Lock();

   private:
    friend class CaFolder;
    explicit Lock(int fd) : fd_(fd) {}
    int fd_;
  };
  /// Waits for whoever holds it: that takes milliseconds.
  [[nodiscard]] Checked<Lock> lock() const;

  /// Refuses what does not belong together.
  [[nodiscard]] Checked<LoadedCa> load(WallTime now) const;
  /// The root with its key.
  [[nodiscard]] Checked<CertificateAuthority> root(WallTime now) const;
  [[nodiscard]] bool has_issuer() const;

  /// Empty if there is none yet.
  [[nodiscard]] Checked<Ledger> ledger() const;
  [[nodiscard]] Checked<void> write(const Ledger& ledger) const;
  /// Before a leaf is handed out: whoever rotates the root must know of it.
  [[nodiscard]] Checked<void> note_leaf(const std::string& root, WallTime until) const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(std::string_view name) const {
    return path_ + '/' + std::string(name);
  }

 private:
  std::string path_;
};

/// The first of `roots` that `authority` leads to, or nullptr.
[[nodiscard]] const Certificate* root_of(const Certificate& authority,
                                         const std::vector<Certificate>& roots, WallTime now);

}  // namespace epaulet::certs
