// The origin: an application that costs as little as possible, so that the proxy is what is seen.
//
//   bench_origin HOST:PORT [COUNT_FILE]
//
// HTTP/1.1 with keep-alive and pipelining, or HTTP/2 and gRPC if a connection begins with its
// preface, on one level-triggered epoll. Any path answers 200 with 128 bytes; /size/N, of HTTP/1.1,
// answers N bytes. A request body with Content-Length is read and dropped; a transfer coding is
// refused with 501. COUNT_FILE, if given, is a file of eight bytes that holds the number of
// requests answered since the start as a native 64-bit integer: the harness maps it and so counts
// the requests of a window without asking.

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/load/origin_http2.h"
#include "benchmarks/load/sockets.h"

namespace epaulet::bench {
namespace {

constexpr std::size_t kInputBytes = 16384;  // also the longest head that is understood
constexpr std::size_t kPatternBytes = 65536;
constexpr std::uint64_t kDefaultBodyBytes = 128;
constexpr std::uint64_t kMaxBodyBytes = std::uint64_t{1} << 40;
constexpr int kEventsPerWait = 256;

const std::string& pattern() {
  static const std::string bytes = [] {
    std::string text;
    while (text.size() < kPatternBytes) text += "epaulet benchmark body. ";
    text.resize(kPatternBytes);
    return text;
  }();
  return bytes;
}

std::string head_for(std::uint64_t body_bytes) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
         std::to_string(body_bytes) + "\r\n\r\n";
}

struct Request {
  std::uint64_t body_bytes = 0;    // of the request
  std::uint64_t answer_bytes = 0;  // of the response
  bool head_only = false;
  bool keep_alive = true;
};

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return (x | 0x20) == (y | 0x20);
         });
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// `head` ends after the empty line. nullopt: not something this program understands.
std::optional<Request> parse(std::string_view head) {
  Request request;
  const auto line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  const auto space = line.find(' ');
  const auto last_space = line.rfind(' ');
  if (space == std::string_view::npos || last_space <= space) return std::nullopt;
  request.head_only = line.substr(0, space) == "HEAD";
  request.keep_alive = line.substr(last_space + 1) == "HTTP/1.1";
  const std::string_view path = line.substr(space + 1, last_space - space - 1);
  request.answer_bytes = kDefaultBodyBytes;
  if (path.starts_with("/size/")) {
    const auto size = number(path.substr(6));
    if (!size || *size > kMaxBodyBytes) return std::nullopt;
    request.answer_bytes = *size;
  }
  for (std::size_t at = line_end + 2; at < head.size();) {
    const auto end = head.find("\r\n", at);
    const std::string_view field = head.substr(at, end - at);
    at = end + 2;
    const auto colon = field.find(':');
    if (colon == std::string_view::npos) continue;  // the empty line
    const std::string_view name = field.substr(0, colon);
    std::string_view value = field.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (same_ignoring_case(name, "content-length")) {
      const auto length = number(value);
      if (!length) return std::nullopt;
      request.body_bytes = *length;
    } else if (same_ignoring_case(name, "transfer-encoding")) {
      return std::nullopt;
    } else if (same_ignoring_case(name, "connection") && same_ignoring_case(value, "close")) {
      request.keep_alive = false;
    }
  }
  return request;
}

struct Connection {
  int fd = -1;
  std::array<char, kInputBytes> input;
  std::size_t input_size = 0;
  std::uint64_t skip_bytes = 0;  // of a request body that is still to be dropped
  std::string head;              // unsent bytes of the response head
  std::uint64_t body_left = 0;   // unsent bytes of the response body
  std::uint64_t body_sent = 0;   // so that every body of one size is the same bytes
  std::optional<Http2Answers> http2;
  bool close_after = false;
  bool wants_write = false;
  bool dead = false;
};

class Origin {
 public:
  Origin(const sockaddr_in& address, std::atomic<std::uint64_t>& answered)
      : epoll_(epoll_create1(EPOLL_CLOEXEC)), listener_(listen_on(address)), answered_(answered) {
    if (epoll_ < 0) die_errno("epoll_create1");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) < 0) die_errno("epoll_ctl");
    default_answer_ = head_for(kDefaultBodyBytes) + pattern().substr(0, kDefaultBodyBytes);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, kEventsPerWait> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), kEventsPerWait, -1);
      if (count < 0 && errno != EINTR) die_errno("epoll_wait");
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.ptr == nullptr) {
          accept_all();
        } else {
          serve(*static_cast<Connection*>(event.data.ptr), event.events);
        }
      }
      closed_.clear();  // not earlier: events of this batch may point to them
    }
  }

 private:
  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      send_at_once(fd);
      auto* connection = new Connection;  // owned by itself until it dies, then by closed_
      connection->fd = fd;
      watch(*connection, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  void serve(Connection& connection, std::uint32_t events) {
    if (connection.dead) return;
    if (events & EPOLLERR) return destroy(connection);
    if (connection.wants_write) {
      if (!(events & EPOLLOUT)) return;
      if (!write_answer(connection)) return;
      answer_all(connection);
      return;
    }
    const ssize_t got = recv(connection.fd, connection.input.data() + connection.input_size,
                             connection.input.size() - connection.input_size, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return destroy(connection);
    connection.input_size += static_cast<std::size_t>(got);
    const std::string_view begin(connection.input.data(), connection.input_size);
    if (!connection.http2 && begin.starts_with("PRI * HTTP/2"))
      connection.http2.emplace(std::string_view(pattern()).substr(0, kDefaultBodyBytes));
    answer_all(connection);
  }

  /// All that the caller has asked for in HTTP/2, in one write.
  void answer_http2(Connection& connection) {
    std::uint64_t answered = 0;
    const auto used = connection.http2->take({connection.input.data(), connection.input_size},
                                             connection.head, answered);
    if (!used || (*used == 0 && connection.input_size == connection.input.size()))
      return destroy(connection);
    answered_.fetch_add(answered, std::memory_order_relaxed);
    std::memmove(connection.input.data(), connection.input.data() + *used,
                 connection.input_size - *used);
    connection.input_size -= *used;
    write_answer(connection);
  }

  /// Answers every request that is complete; stops while an answer waits for the socket.
  void answer_all(Connection& connection) {
    if (connection.http2) return answer_http2(connection);
    std::size_t used = 0;
    while (!connection.dead && !connection.wants_write) {
      const std::size_t left = connection.input_size - used;
      if (connection.skip_bytes > 0) {
        const auto step =
            static_cast<std::size_t>(std::min<std::uint64_t>(connection.skip_bytes, left));
        connection.skip_bytes -= step;
        used += step;
        if (connection.skip_bytes > 0) break;
        continue;
      }
      const std::string_view rest(connection.input.data() + used, left);
      const auto end = rest.find("\r\n\r\n");
      if (end == std::string_view::npos) {
        if (left == connection.input.size()) return refuse(connection);
        break;
      }
      const auto request = parse(rest.substr(0, end + 4));
      if (!request) return refuse(connection);
      used += end + 4;
      connection.skip_bytes = request->body_bytes;
      answer(connection, *request);
    }
    if (connection.dead) return;
    std::memmove(connection.input.data(), connection.input.data() + used,
                 connection.input_size - used);
    connection.input_size -= used;
  }

  void answer(Connection& connection, const Request& request) {
    answered_.fetch_add(1, std::memory_order_relaxed);
    connection.close_after = !request.keep_alive;
    if (request.answer_bytes == kDefaultBodyBytes && !request.head_only) {
      connection.head = default_answer_;  // keeps its capacity: no allocation after the first
      connection.body_left = 0;
    } else {
      connection.head = head_for(request.answer_bytes);
      connection.body_left = request.head_only ? 0 : request.answer_bytes;
    }
    connection.body_sent = 0;
    write_answer(connection);
  }

  /// True when the whole answer is out and the connection may take its next request.
  bool write_answer(Connection& connection) {
    while (!connection.head.empty() || connection.body_left > 0) {
      const std::size_t from = connection.body_sent % pattern().size();
      const auto piece = static_cast<std::size_t>(
          std::min<std::uint64_t>(connection.body_left, pattern().size() - from));
      std::array<iovec, 2> parts = {
          iovec{connection.head.data(), connection.head.size()},
          iovec{const_cast<char*>(pattern().data()) + from, piece},
      };
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = piece > 0 ? 2 : 1;
      const ssize_t sent = sendmsg(connection.fd, &message, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) {
          destroy(connection);
          return false;
        }
        if (!connection.wants_write) watch(connection, EPOLLOUT, EPOLL_CTL_MOD);
        connection.wants_write = true;
        return false;
      }
      const auto of_head = std::min(static_cast<std::size_t>(sent), connection.head.size());
      connection.head.erase(0, of_head);
      const std::uint64_t of_body = static_cast<std::uint64_t>(sent) - of_head;
      connection.body_left -= of_body;
      connection.body_sent += of_body;
    }
    if (connection.close_after) {
      destroy(connection);
      return false;
    }
    if (connection.wants_write) watch(connection, EPOLLIN, EPOLL_CTL_MOD);
    connection.wants_write = false;
    return true;
  }

  void refuse(Connection& connection) {
    constexpr std::string_view kAnswer =
        "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    [[maybe_unused]] const ssize_t sent =
        send(connection.fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
    destroy(connection);
  }

  void watch(Connection& connection, std::uint32_t interest, int operation) {
    epoll_event event{};
    event.events = interest;
    event.data.ptr = &connection;
    if (epoll_ctl(epoll_, operation, connection.fd, &event) < 0) die_errno("epoll_ctl");
  }

  void destroy(Connection& connection) {
    if (connection.dead) return;
    connection.dead = true;
    close(connection.fd);
    closed_.emplace_back(&connection);
  }

  int epoll_;
  int listener_;
  std::atomic<std::uint64_t>& answered_;
  std::string default_answer_;
  std::vector<std::unique_ptr<Connection>> closed_;
};

std::atomic<std::uint64_t>& counter(const char* path) {
  static std::atomic<std::uint64_t> unshared = 0;
  if (path == nullptr) return unshared;
  const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) die_errno(path);
  if (ftruncate(fd, sizeof(std::uint64_t)) < 0) die_errno(path);
  void* page = mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) die_errno(path);
  close(fd);
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  return *new (page) std::atomic<std::uint64_t>(0);
}

}  // namespace
}  // namespace epaulet::bench

int main(int argc, char** argv) {
  using namespace epaulet::bench;
  if (argc < 2 || argc > 3) die("usage: bench_origin HOST:PORT [COUNT_FILE]");
  std::signal(SIGPIPE, SIG_IGN);
  static Origin origin(parse_address(argv[1]), counter(argc == 3 ? argv[2] : nullptr));
  origin.run();
}
