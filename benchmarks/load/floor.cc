// The floor: what any proxy on this machine must pay before it does anything useful.
//
//   bench_floor LISTEN_HOST:PORT UPSTREAM_HOST:PORT
//
// One thread, one level-triggered epoll, one upstream connection for each downstream connection,
// bytes moved and never looked at. A keep-alive exchange costs four system calls (two recv, two
// send) and a share of an epoll_wait; the rest is the kernel's TCP. Nothing is allocated for an
// exchange: one scratch buffer serves every read, and bytes are kept only if a send was short.

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "benchmarks/load/sockets.h"

namespace epaulet::bench {
namespace {

constexpr std::size_t kScratchBytes = 65536;
constexpr int kEventsPerWait = 256;

/// One socket of a forwarded connection, and the bytes that wait to be written to it.
struct End {
  int fd = -1;
  End* other = nullptr;
  struct Pair* pair = nullptr;
  std::vector<char> unsent;  // at most one scratch buffer: the other end is not read while any wait
  bool read_ended = false;   // it sent a FIN; the other end is shut down once its bytes are out
  std::uint32_t interest = 0;
};

struct Pair {
  End down;
  End up;
  bool connected = false;
  bool dead = false;
};

class Forwarder {
 public:
  Forwarder(const sockaddr_in& listen_address, const sockaddr_in& upstream)
      : epoll_(epoll_create1(EPOLL_CLOEXEC)),
        listener_(listen_on(listen_address)),
        upstream_(upstream) {
    if (epoll_ < 0) die_errno("epoll_create1");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) < 0) die_errno("epoll_ctl");
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
          serve(*static_cast<End*>(event.data.ptr), event.events);
        }
      }
      // Only here: an earlier event of the same batch may still point into a closed pair.
      closed_.clear();
    }
  }

 private:
  void accept_all() {
    for (;;) {
      const int down = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (down < 0) return;
      const int up = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (up < 0) {
        close(down);
        return;
      }
      send_at_once(down);
      send_at_once(up);
      const int result =
          connect(up, reinterpret_cast<const sockaddr*>(&upstream_), sizeof(upstream_));
      if (result < 0 && errno != EINPROGRESS) {
        close(up);
        close(down);
        continue;
      }
      auto* pair = new Pair;  // owned by itself until it dies, then by closed_
      pair->down = End{down, &pair->up, pair, {}, false, 0};
      pair->up = End{up, &pair->down, pair, {}, false, 0};
      // Downstream is not read before there is somewhere to put its bytes.
      watch(pair->down, 0, EPOLL_CTL_ADD);
      watch(pair->up, EPOLLOUT, EPOLL_CTL_ADD);
    }
  }

  void serve(End& end, std::uint32_t events) {
    Pair& pair = *end.pair;
    if (pair.dead) return;
    if (events & EPOLLERR) return destroy(pair);
    if (!pair.connected) {
      if (events & EPOLLHUP) return destroy(pair);
      if (&end == &pair.up && (events & EPOLLOUT)) {
        pair.connected = true;
        update(pair);
      }
      return;
    }
    if (events & EPOLLOUT) {
      if (!flush(end)) return destroy(pair);
      update(pair);
    }
    if ((events & (EPOLLIN | EPOLLHUP)) && end.other->unsent.empty()) forward(end);
  }

  /// One read, one write. What the kernel did not take waits for EPOLLOUT.
  void forward(End& from) {
    Pair& pair = *from.pair;
    const ssize_t got = recv(from.fd, scratch_.data(), scratch_.size(), 0);
    if (got < 0) {
      if (errno != EAGAIN && errno != EINTR) destroy(pair);
      return;
    }
    End& to = *from.other;
    if (got == 0) {
      if (from.read_ended) return destroy(pair);  // a hang-up is reported until someone closes
      from.read_ended = true;
      shutdown(to.fd, SHUT_WR);
      if (to.read_ended) return destroy(pair);
      return update(pair);
    }
    const ssize_t sent = send(to.fd, scratch_.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return destroy(pair);
    const ssize_t done = sent < 0 ? 0 : sent;
    if (done < got) {
      to.unsent.assign(scratch_.data() + done, scratch_.data() + got);
      update(pair);
    }
  }

  bool flush(End& end) {
    if (end.unsent.empty()) return true;
    const ssize_t sent = send(end.fd, end.unsent.data(), end.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    end.unsent.erase(end.unsent.begin(), end.unsent.begin() + sent);
    return true;
  }

  /// Level-triggered interest follows from the state, and is told to the kernel only on a change:
  /// never in a keep-alive exchange whose sends are whole.
  void update(Pair& pair) {
    for (End* end : {&pair.down, &pair.up}) {
      std::uint32_t interest = 0;
      if (!end->read_ended && end->other->unsent.empty()) interest |= EPOLLIN;
      if (!end->unsent.empty()) interest |= EPOLLOUT;
      if (interest != end->interest) watch(*end, interest, EPOLL_CTL_MOD);
    }
  }

  void watch(End& end, std::uint32_t interest, int operation) {
    epoll_event event{};
    event.events = interest;
    event.data.ptr = &end;
    end.interest = interest;
    if (epoll_ctl(epoll_, operation, end.fd, &event) < 0) die_errno("epoll_ctl");
  }

  void destroy(Pair& pair) {
    pair.dead = true;
    close(pair.down.fd);
    close(pair.up.fd);
    closed_.emplace_back(&pair);
  }

  int epoll_;
  int listener_;
  sockaddr_in upstream_;
  std::array<char, kScratchBytes> scratch_;
  std::vector<std::unique_ptr<Pair>> closed_;
};

}  // namespace
}  // namespace epaulet::bench

int main(int argc, char** argv) {
  using namespace epaulet::bench;
  if (argc != 3) die("usage: bench_floor LISTEN_HOST:PORT UPSTREAM_HOST:PORT");
  std::signal(SIGPIPE, SIG_IGN);
  static Forwarder forwarder(parse_address(argv[1]), parse_address(argv[2]));
  forwarder.run();
}
