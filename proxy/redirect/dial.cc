#include "redirect/dial.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace epaulet::redirect {
namespace {

/// A query for the A record of "localhost", which no resolver forwards (RFC 6761 section 6.3). It
/// asks the in-pod DNS something it can answer, should it be up already.
constexpr std::uint8_t kQuery[] = {0x65, 0x70, 0x01, 0x00, 0,   1,   0,   0,   0, 0, 0, 0, 9, 'l',
                                   'o',  'c',  'a',  'l',  'h', 'o', 's', 't', 0, 0, 1, 0, 1};

/// What the child writes into the pipe for each dial, after one int for taking the user.
struct Message {
  int error;
  sockaddr_storage source;
};

int wait_connected(int fd, int milliseconds) {
  pollfd entry{fd, POLLOUT, 0};
  const int ready = ::poll(&entry, 1, milliseconds);
  if (ready == 0) return ETIMEDOUT;
  if (ready < 0) return errno;
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

int connect_and_send(int fd, const Dial& dial) {
  if (!dial.interface.empty() &&
      ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, dial.interface.c_str(),
                   static_cast<socklen_t>(dial.interface.size())) != 0) {
    return errno;
  }
  sockaddr_storage destination;
  const auto length = dial.destination.to_sockaddr(destination);
  const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&destination), length);
  int error = result == 0 ? 0 : errno;
  if (dial.transport == Transport::udp) {
    if (error == 0 && ::send(fd, kQuery, sizeof kQuery, 0) < 0) error = errno;
    return error;
  }
  if (error != EINPROGRESS) return error;
  if (dial.interface.empty()) return wait_connected(fd, kDialMilliseconds);
  error = wait_connected(fd, kRefusalMilliseconds);
  return error == ETIMEDOUT ? 0 : error;
}

Message dial_one(const Dial& dial) {
  Message message{};
  const int type = dial.transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM;
  const int fd =
      ::socket(dial.destination.ip.is_v4() ? AF_INET : AF_INET6, type | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    message.error = errno;
    return message;
  }
  message.error = connect_and_send(fd, dial);
  socklen_t length = sizeof message.source;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&message.source), &length);
  return message;  // fd stays open: the process ends soon enough
}

int become(std::uint32_t uid) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 ||
      ::setresuid(uid, uid, uid) != 0) {
    return errno;
  }
  return 0;
}

bool write_all(int fd, const void* data, std::size_t size) {
  return ::write(fd, data, size) == static_cast<ssize_t>(size);  // far below PIPE_BUF
}

bool read_all(int fd, void* data, std::size_t size) {
  auto* out = static_cast<std::uint8_t*>(data);
  while (size > 0) {
    const auto count = ::read(fd, out, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    out += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

[[noreturn]] void run_child(std::uint32_t uid, const std::vector<Dial>& dials, int answers,
                            int hold) {
  const int error = become(uid);
  bool written = write_all(answers, &error, sizeof error);
  for (const auto& dial : dials) {
    if (error != 0 || !written) break;
    const auto message = dial_one(dial);
    written = write_all(answers, &message, sizeof message);
  }
  ::close(answers);
  char byte = 0;
  while (::read(hold, &byte, 1) < 0 && errno == EINTR) {
  }
  ::_exit(0);
}

}  // namespace

OrFailure<DialledAs> DialledAs::dial(std::uint32_t uid, const std::vector<Dial>& dials) {
  int answers[2];
  int hold[2];
  if (::pipe2(answers, O_CLOEXEC) != 0) {
    return Failure{"cannot make a pipe: " + errno_text(errno), ""};
  }
  if (::pipe2(hold, O_CLOEXEC) != 0) {
    const int error = errno;
    ::close(answers[0]);
    ::close(answers[1]);
    return Failure{"cannot make a pipe: " + errno_text(error), ""};
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(answers[0]);
    ::close(hold[1]);
    run_child(uid, dials, answers[1], hold[0]);
  }
  const int fork_error = errno;
  ::close(answers[1]);
  ::close(hold[0]);
  DialledAs dialled(child, hold[1]);
  int error = fork_error;
  const bool started = child > 0 && read_all(answers[0], &error, sizeof error);
  bool complete = started && error == 0;
  for (std::size_t i = 0; complete && i < dials.size(); ++i) {
    Message message;
    complete = read_all(answers[0], &message, sizeof message);
    if (!complete) break;
    Dialled result;
    result.error = message.error;
    const auto* const source = reinterpret_cast<const sockaddr*>(&message.source);
    if (const auto address = SocketAddress::from_sockaddr(source)) result.source = *address;
    dialled.results_.push_back(result);
  }
  ::close(answers[0]);
  if (complete) return dialled;
  if (started && error != 0) {
    return system_failure(fmt::format("cannot try the rules as uid {}", uid), error,
                          "CAP_SETUID and CAP_SETGID",
                          "that user in this user namespace (see /proc/self/uid_map)");
  }
  return Failure{fmt::format("the process that tries the rules as uid {} failed", uid), ""};
}

DialledAs::DialledAs(DialledAs&& other) noexcept
    : child_(std::exchange(other.child_, -1)),
      hold_(std::exchange(other.hold_, -1)),
      results_(std::move(other.results_)) {}

DialledAs::~DialledAs() {
  if (hold_ >= 0) ::close(hold_);
  if (child_ > 0) {
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

}  // namespace epaulet::redirect
