#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "crypto/identity.h"

namespace epaulet {

/// Reads `identity.dir` (cert.pem, key.pem, ca.pem) as one consistent set. Watching is the
/// caller's: ask for fingerprint_of_files() after each notice and each poll, and load() when it has
/// changed. For the control thread: it reads files.
class IdentityStore {
 public:
  static constexpr std::array<std::string_view, 3> kNames{"cert.pem", "key.pem", "ca.pem"};

  /// What of the three files shows a change: looks through links, as mounted secrets swap one.
  struct FilesFingerprint {
    struct File {
      dev_t device = 0;
      ino_t inode = 0;
      std::int64_t size = -1;  ///< -1: not there.
      std::int64_t changed_ns = 0;
      friend bool operator==(const File&, const File&) = default;
    };
    std::array<File, 3> files;
    friend bool operator==(const FilesFingerprint&, const FilesFingerprint&) = default;
  };

  IdentityStore(std::string folder, std::string trust_domain);

  /// Three stat calls.
  [[nodiscard]] FilesFingerprint fingerprint_of_files() const;

  /// Reads all three; a set that changes meanwhile is read again. A set that is not consistent is
  /// refused as a whole, with every reason, and current() stays what it was.
  [[nodiscard]] Identity::Loaded load(WallTime now);

  /// The last set that was taken; null before.
  [[nodiscard]] const std::shared_ptr<const Identity>& current() const { return current_; }
  /// Why the last load() was refused; empty if it was not.
  [[nodiscard]] const Identity::Reasons& refusal() const { return refusal_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  [[nodiscard]] std::string path_of(std::size_t file) const;
  [[nodiscard]] Identity::Loaded read(WallTime now) const;

  std::string folder_;
  std::string trust_domain_;
  std::shared_ptr<const Identity> current_;
  Identity::Reasons refusal_;
};

}  // namespace epaulet
