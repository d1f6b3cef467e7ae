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

/// One dial under way.
struct Attempt {
  int fd = -1;  ///< Stays open: the process ends soon enough.
  int error = 0;
  bool pending = false;
};

Attempt begin(const Dial& dial) {
  const bool tcp = dial.transport == Transport::tcp;
  Attempt attempt;
  attempt.fd = ::socket(dial.destination.ip.is_v4() ? AF_INET : AF_INET6,
                        (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
  const auto& name = dial.interface;
  sockaddr_storage destination;
  const auto length = dial.destination.to_sockaddr(destination);
  if (attempt.fd < 0 ||
      (!name.empty() && ::setsockopt(attempt.fd, SOL_SOCKET, SO_BINDTODEVICE, name.c_str(),
                                     static_cast<socklen_t>(name.size())) != 0) ||
      ::connect(attempt.fd, reinterpret_cast<const sockaddr*>(&destination), length) != 0 ||
      (!tcp && ::send(attempt.fd, kQuery, sizeof kQuery, 0) < 0)) {
    attempt.pending = errno == EINPROGRESS;
    attempt.error = attempt.pending ? 0 : errno;
  }
  return attempt;
}

int connection_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

/// Waits for all at once, so that many lost connections take no longer than one. Time is counted in
/// quiet steps: only runtime/ may ask a clock.
void finish(std::vector<Attempt>& attempts, const std::vector<Dial>& dials) {
  constexpr int kStepsMax = kDialMilliseconds / kRefusalMilliseconds;
  for (int step = 0; step < kStepsMax;) {
    std::vector<pollfd> waiting;
    std::vector<std::size_t> whose;
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      if (!attempts[i].pending) continue;
      waiting.push_back({attempts[i].fd, POLLOUT, 0});
      whose.push_back(i);
    }
    if (waiting.empty()) return;
    if (::poll(waiting.data(), waiting.size(), kRefusalMilliseconds) > 0) {
      for (std::size_t i = 0; i < waiting.size(); ++i) {
        if (waiting[i].revents == 0) continue;
        attempts[whose[i]].pending = false;
        attempts[whose[i]].error = connection_error(waiting[i].fd);
      }
      continue;
    }
    ++step;
    // Nobody answers behind an interface of our own: that it was not refused is all there is.
    for (const auto index : whose) attempts[index].pending &= dials[index].interface.empty();
  }
  for (auto& attempt : attempts) {
    if (attempt.pending) attempt.error = ETIMEDOUT;
  }
}

Message message_of(const Attempt& attempt) {
  Message message{};
  message.error = attempt.error;
  socklen_t length = sizeof message.source;
  ::getsockname(attempt.fd, reinterpret_cast<sockaddr*>(&message.source), &length);
  return message;
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
  std::vector<Attempt> attempts;
  for (const auto& dial : dials) {
    if (error == 0) attempts.push_back(begin(dial));
  }
  finish(attempts, dials);
  for (const auto& attempt : attempts) {
    const auto message = message_of(attempt);
    written = written && write_all(answers, &message, sizeof message);
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
