#include "crypto/pem_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/limits.h"
#include "base/owned_fd.h"
#include "crypto/digest.h"

namespace epaulet {
namespace {

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Reason cannot_read(const std::string& path, int error) {
  if (error == ENOENT)
    return {path + " does not exist", "`epaulet-certs issue --out DIR` writes it"};
  struct stat facts {};
  if (error == EACCES && ::stat(path.c_str(), &facts) == 0) {
    return {
        fmt::format(
            "{} cannot be read: it belongs to uid {} with mode {:04o}, and this process is uid {}",
            path, facts.st_uid, facts.st_mode & 07777u, ::geteuid()),
        fmt::format("chown {} {}", ::geteuid(), path)};
  }
  return {fmt::format("{} cannot be read: {}", path, std::strerror(error)),
          "look at the path and its permissions"};
}

Reason cannot_write(const std::string& path, int error) {
  return {fmt::format("{} cannot be written: {}", path, std::strerror(error)),
          "look at the folder, its permissions and the free space"};
}

/// A finished file under a name that nobody else uses; removed unless it was renamed.
class Temporary {
 public:
  explicit Temporary(const PemFile& file) : file_(file) {
    std::array<unsigned char, 8> random{};
    RAND_bytes(random.data(), static_cast<int>(random.size()));
    path_ = fmt::format("{}.{}.tmp", file.path, hex(random));
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (there_) ::unlink(path_.c_str());
  }

  [[nodiscard]] Checked<void> fill(const std::optional<uid_t>& owner) {
    // O_EXCL: a link that somebody placed there is not followed. 0600 until the owner is right.
    const OwnedFd fd(
        ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd.get() < 0) return cannot_write(file_.path, errno);
    there_ = true;
    std::string_view rest = file_.text;
    while (!rest.empty()) {
      const auto written = ::write(fd.get(), rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return cannot_write(file_.path, errno);
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (owner && ::fchown(fd.get(), *owner, static_cast<gid_t>(-1)) != 0) {
      return Reason(
          fmt::format("{} cannot be given to uid {}: {}", file_.path, *owner, std::strerror(errno)),
          "run as root, or leave the owner out");
    }
    if (::fchmod(fd.get(), file_.mode) != 0 || ::fsync(fd.get()) != 0)
      return cannot_write(file_.path, errno);
    return {};
  }

  [[nodiscard]] Checked<void> rename(bool overwrite) {
    const unsigned flags = overwrite ? 0 : RENAME_NOREPLACE;
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, file_.path.c_str(), flags) != 0) {
      // EINVAL: a file system without RENAME_NOREPLACE; the caller looked before.
      if (!(errno == EINVAL && !overwrite && ::rename(path_.c_str(), file_.path.c_str()) == 0)) {
        return cannot_write(file_.path, errno);
      }
    }
    there_ = false;
    return {};
  }

 private:
  const PemFile& file_;
  std::string path_;
  bool there_ = false;
};

}  // namespace

Checked<std::string> read_pem_file(const std::string& path) {
  const OwnedFd fd(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // A pipe must not hang us.
  if (fd.get() < 0) return cannot_read(path, errno);
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return cannot_read(path, errno);
  if (!S_ISREG(facts.st_mode)) return Reason(path + " is not a regular file", "name a PEM file");
  std::string text;
  std::array<char, 16 * limits::kKiB> piece;
  for (;;) {
    const auto got = ::read(fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(path, errno);
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > limits::kPemBytesMax) {
      return Reason(fmt::format("{} is larger than {} bytes", path, limits::kPemBytesMax),
                    "name a PEM file");
    }
  }
}

Checked<void> write_pem_files(const std::vector<PemFile>& files, const WritePemOptions& options) {
  if (!options.overwrite) {
    for (const auto& file : files) {
      struct stat facts {};
      if (::lstat(file.path.c_str(), &facts) == 0) {
        return Reason(file.path + " exists already",
                      "add --force to replace it, or name another folder");
      }
    }
  }
  std::vector<std::unique_ptr<Temporary>> temporaries;
  for (const auto& file : files) {
    temporaries.push_back(std::make_unique<Temporary>(file));
    if (auto filled = temporaries.back()->fill(options.owner); !filled) return filled;
  }
  for (auto& temporary : temporaries) {
    if (auto renamed = temporary->rename(options.overwrite); !renamed) return renamed;
  }
  const OwnedFd folder(
      ::open(parent_of(files.front().path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) ::fsync(folder.get());
  return {};
}

}  // namespace epaulet
