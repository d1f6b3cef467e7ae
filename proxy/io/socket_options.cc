#include "io/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace epaulet {
namespace {

constexpr int kOn = 1;
constexpr int kIdleSeconds = 60;
constexpr int kIntervalSeconds = 10;
constexpr int kProbes = 6;

void set(int socket, int level, int option, const int& value) {
  (void)::setsockopt(socket, level, option, &value, sizeof value);
}

}  // namespace

void set_tcp_options(int socket) {
  set(socket, IPPROTO_TCP, TCP_NODELAY, kOn);
  set(socket, SOL_SOCKET, SO_KEEPALIVE, kOn);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, kIdleSeconds);
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, kIntervalSeconds);
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
}

}  // namespace epaulet
