// The load of handshakes: one after the other, so that what a handshake costs is seen and nothing
// else.
//
//   bench_handshakes HOST:PORT IDENTITY_DIR ALPN full|resumed SECONDS COUNT_FILE
//
// Each dials, shakes hands by TLS 1.3 with a certificate of its own, waits for a session ticket and
// takes its leave; no request is made. ALPN is one protocol, or - for none. `resumed`: each with
// the ticket of the one before; a server that shakes hands in full all the same is an error.
// COUNT_FILE holds a native 64-bit integer that grows with each. Prints the line of report.lua.

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/load/sockets.h"

namespace epaulet::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kPatienceMs = 2000;

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

[[noreturn]] void die_tls(const char* what) {
  die((std::string(what) + ": " + ERR_reason_error_string(ERR_peek_last_error())).c_str());
}

class Load {
 public:
  Load(const sockaddr_in& address, const std::string& identity, std::string_view alpn, bool resumes)
      : address_(address), resumes_(resumes), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX* const context = context_.get();
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);  // A read returns behind a ticket.
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_set_app_data(context, this);
    SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* session) {
      auto* self = static_cast<Load*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
      self->ticket_.reset(session);
      return 1;
    });
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_load_verify_file(context, (identity + "/ca.pem").c_str()) != 1 ||
        SSL_CTX_use_certificate_chain_file(context, (identity + "/cert.pem").c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, (identity + "/key.pem").c_str(), SSL_FILETYPE_PEM) !=
            1) {
      die_tls("identity");
    }
    if (alpn == "-") return;
    std::string protocols(1, static_cast<char>(alpn.size()));
    protocols += alpn;
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
  }

  void shake_hands() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die_errno("socket");
    send_at_once(fd);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) < 0)
      die_errno("connect");
    const Owned<SSL> ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), fd);
    if (resumes_ && ticket_) SSL_set_session(ssl.get(), ticket_.get());
    const bool must_resume = resumes_ && ticket_ != nullptr;
    ticket_.reset();
    if (SSL_connect(ssl.get()) != 1) die_tls("handshake");
    if (must_resume && SSL_session_reused(ssl.get()) != 1) die("not resumed");
    wait_for_ticket(*ssl, fd);
    SSL_shutdown(ssl.get());
    shutdown(fd, SHUT_WR);
    drain(fd);
    close(fd);
  }

 private:
  void wait_for_ticket(SSL& ssl, int fd) {
    while (!ticket_) {
      pollfd waiting{fd, POLLIN, 0};
      if (SSL_pending(&ssl) == 0 && poll(&waiting, 1, kPatienceMs) != 1) die("no ticket came");
      char byte = 0;
      const int got = SSL_read(&ssl, &byte, 1);
      if (got > 0 || SSL_get_error(&ssl, got) != SSL_ERROR_WANT_READ) die("no ticket came");
    }
  }

  /// Until the server has left, too: what it still says must not meet a closed port.
  static void drain(int fd) {
    char rest[512];
    for (;;) {
      pollfd waiting{fd, POLLIN, 0};
      if (poll(&waiting, 1, kPatienceMs) != 1) die("the server does not take its leave");
      if (recv(fd, rest, sizeof rest, 0) <= 0) return;
    }
  }

  sockaddr_in address_;
  bool resumes_;
  Owned<SSL_SESSION> ticket_;
  Owned<SSL_CTX> context_;
};

std::atomic<std::uint64_t>& counter(const char* path) {
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) die_errno(path);
  void* page = mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) die_errno(path);
  close(fd);
  return *static_cast<std::atomic<std::uint64_t>*>(page);
}

double microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

}  // namespace
}  // namespace epaulet::bench

int main(int argc, char** argv) {
  using namespace epaulet::bench;
  if (argc != 7 || (std::string_view(argv[4]) != "full" && std::string_view(argv[4]) != "resumed"))
    die("usage: bench_handshakes HOST:PORT IDENTITY_DIR ALPN full|resumed SECONDS COUNT_FILE");
  std::signal(SIGPIPE, SIG_IGN);
  Load load(parse_address(argv[1]), argv[2], argv[3], std::string_view(argv[4]) == "resumed");
  auto& count = counter(argv[6]);
  std::vector<double> took;
  const auto end = Clock::now() + std::chrono::seconds(std::atoi(argv[5]));
  while (Clock::now() < end) {
    const auto begin = Clock::now();
    load.shake_hands();
    took.push_back(microseconds(Clock::now() - begin));
    count.fetch_add(1, std::memory_order_relaxed);
  }
  std::sort(took.begin(), took.end());
  std::printf("result {\"requests\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"errors\": {}}\n",
              took.size(), took[took.size() / 2], took[took.size() * 99 / 100]);
  return 0;
}
