// The load of an open loop: each request is sent when it is due, whatever became of those before,
// and its latency counts from then, so that no pause of whoever answers is left out.
//
//   bench_open_loop HOST:PORT NAME REQUESTS_A_SECOND CONNECTIONS SECONDS
//
// HTTP/1.1 keep-alive, GET /, `Host: NAME`. The times between requests are exponential, drawn from
// a fixed seed: they come as from many independent callers, and every run asks at the same times.
// A request takes the connection that has been free longest; where none is, it waits, and its time
// runs. The first half second is sent and not counted. Prints the line of report.lua, with `late`:
// how long after it was due a request for which a connection was free was sent, which is our own
// delay and a part of every latency.

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/load/sockets.h"

namespace epaulet::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr std::uint64_t kSeed = 20;
constexpr std::chrono::milliseconds kSettles{500};
constexpr std::chrono::seconds kPatience{5};  // for what is still asked at the end
constexpr std::size_t kAnswerBytesMax = 16384;
constexpr std::string_view kSuccess = "HTTP/1.1 200";

struct Connection {
  int fd = -1;
  Clock::time_point due;
  std::size_t size = 0;
  std::array<char, kAnswerBytesMax> answer;

  /// Whether the answer is whole. Its head must say how long it is.
  [[nodiscard]] bool is_answered() const {
    const std::string_view text(answer.data(), size);
    const auto head = text.find("\r\n\r\n");
    if (head == std::string_view::npos) return false;
    if (!text.starts_with(kSuccess)) die("answered with " + std::string(text.substr(0, head)));
    return size >= head + 4 + body_bytes(text.substr(0, head));
  }

 private:
  static std::size_t body_bytes(std::string_view head) {
    constexpr std::string_view kName = "\r\ncontent-length:";
    const auto found = std::search(head.begin(), head.end(), kName.begin(), kName.end(),
                                   [](char a, char b) { return (a | 0x20) == (b | 0x20); });
    if (found == head.end()) die("an answer without Content-Length");
    return std::strtoul(&*found + kName.size(), nullptr, 10);
  }
};

/// When requests are due.
class Schedule {
 public:
  Schedule(double per_second, Clock::time_point begin) : gap_(per_second), next_(begin) {}
  [[nodiscard]] Clock::time_point next() const { return next_; }
  void advance() {
    next_ += std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(gap_(random_)));
  }

 private:
  std::mt19937_64 random_{kSeed};
  std::exponential_distribution<double> gap_;
  Clock::time_point next_;
};

class Load {
 public:
  Load(const sockaddr_in& address, std::string_view name, std::size_t connections)
      : request_("GET / HTTP/1.1\r\nHost: " + std::string(name) + "\r\n\r\n"),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        connections_(connections) {
    if (epoll_ < 0) die_errno("epoll_create1");
    for (auto& one : connections_) {
      one.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (one.fd < 0) die_errno("socket");
      if (connect(one.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        die_errno("connect");
      send_at_once(one.fd);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &one;
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, one.fd, &event) < 0) die_errno("epoll_ctl");
      free_.push_back(&one);
    }
  }

  void run(double per_second, std::chrono::seconds seconds) {
    const auto begin = Clock::now();
    counted_from_ = begin + kSettles;
    const auto end = counted_from_ + seconds;
    Schedule schedule(per_second, begin);
    while (Clock::now() < end + kPatience) {
      for (; schedule.next() <= Clock::now() && schedule.next() < end; schedule.advance()) {
        const bool waits = free_.empty();
        due_.push_back(schedule.next());
        send_what_is_due(!waits);
      }
      const bool is_over = schedule.next() >= end;
      if (is_over && free_.size() == connections_.size()) return;
      take_answers(is_over ? end + kPatience : schedule.next());
    }
    die(std::to_string(due_.size() + connections_.size() - free_.size()) +
        " requests are not answered in the end");
  }

  void print() {
    std::printf(
        "result {\"requests\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
        "\"max_us\": %.1f, \"late_p50_us\": %.1f, \"late_p99_us\": %.1f, \"errors\": {}}\n",
        took_.size(), quantile(took_, 0.5), quantile(took_, 0.99), quantile(took_, 0.999),
        quantile(took_, 1), quantile(late_, 0.5), quantile(late_, 0.99));
  }

 private:
  void send_what_is_due(bool at_once) {
    while (!due_.empty() && !free_.empty()) {
      Connection& one = *free_.front();
      free_.pop_front();
      one.due = due_.front();
      due_.pop_front();
      if (at_once && one.due >= counted_from_) late_.push_back(Clock::now() - one.due);
      const auto sent = send(one.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
      if (sent != static_cast<ssize_t>(request_.size())) die_errno("send");
    }
  }

  void take_answers(Clock::time_point until) {
    const auto wait = std::max(nanoseconds{0}, nanoseconds(until - Clock::now()));
    const timespec time{wait.count() / 1'000'000'000, wait.count() % 1'000'000'000};
    std::array<epoll_event, 64> events;
    const int count = epoll_pwait2(epoll_, events.data(), events.size(), &time, nullptr);
    if (count < 0 && errno != EINTR) die_errno("epoll_pwait2");
    for (int i = 0; i < count; ++i) {
      receive(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
  }

  void receive(Connection& one) {
    const auto got = recv(one.fd, one.answer.data() + one.size, one.answer.size() - one.size, 0);
    if (got <= 0) die("a connection ended");
    one.size += static_cast<std::size_t>(got);
    if (!one.is_answered()) return;
    if (one.due >= counted_from_) took_.push_back(Clock::now() - one.due);
    one.size = 0;
    free_.push_back(&one);
    send_what_is_due(false);
  }

  /// In microseconds. Sorts as far as it needs to.
  static double quantile(std::vector<nanoseconds>& times, double share) {
    if (times.empty()) return 0;
    const auto last = static_cast<double>(times.size() - 1);
    const auto at = times.begin() + static_cast<std::ptrdiff_t>(share * last);
    std::nth_element(times.begin(), at, times.end());
    return std::chrono::duration<double, std::micro>(*at).count();
  }

  std::string request_;
  int epoll_;
  std::vector<Connection> connections_;
  std::deque<Connection*> free_;
  std::deque<Clock::time_point> due_;  // that found no connection free
  Clock::time_point counted_from_;
  std::vector<nanoseconds> took_;
  std::vector<nanoseconds> late_;
};

}  // namespace
}  // namespace epaulet::bench

int main(int argc, char** argv) {
  using namespace epaulet::bench;
  if (argc != 6) die("usage: bench_open_loop HOST:PORT NAME REQUESTS_A_SECOND CONNECTIONS SECONDS");
  std::signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1);  // in nanoseconds: wake up when it is time
  const double per_second = std::atof(argv[3]);
  const int connections = std::atoi(argv[4]);
  const int seconds = std::atoi(argv[5]);
  if (!(per_second > 0) || connections < 1 || seconds < 1) die("what is asked for is nothing");
  Load load(parse_address(argv[1]), argv[2], static_cast<std::size_t>(connections));
  load.run(per_second, std::chrono::seconds(seconds));
  load.print();
  return 0;
}
