#include "discovery/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/limits.h"
#include "base/owned_fd.h"

namespace epaulet {
namespace {

Error failed(int error_number) {
  return {ErrorCode::io_failed, Side::self, Stage::none, Retry::never, error_number};
}

/// 0 or errno: a full disk may say so only now.
int close_of(OwnedFd& file) {
  return ::close(file.release()) == 0 ? 0 : errno;
}

int write_all_of(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

Result<std::string> read_state_file(const std::string& path) {
  OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT) return std::string();
    return failed(errno);
  }
  std::string text;
  std::array<char, 16 * limits::kKiB> buffer;
  for (;;) {
    const auto got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(errno);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > limits::kStateFileBytesMax) return failed(EFBIG);
  }
}

Result<void> write_state_file(const std::string& path, std::string_view text) {
  const auto slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    if (::mkdir(path.substr(0, slash).c_str(), 0700) != 0 && errno != EEXIST) return failed(errno);
  }
  const std::string unfinished = path + ".new";
  OwnedFd file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.get() < 0) return failed(errno);
  int error = write_all_of(file.get(), text);
  if (error == 0) error = close_of(file);
  if (error == 0 && std::rename(unfinished.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return {};
  ::unlink(unfinished.c_str());
  return failed(error);
}

}  // namespace epaulet
