// Preloaded into the program, turns its minutes of TCP keepalive into seconds: idle for 1 s, then
// a probe each second, three of them, whatever it asks for. What it does not ask for stays off.

#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

extern "C" int setsockopt(int socket, int level, int option, const void* value,
                          socklen_t size) noexcept {
  using Function = int (*)(int, int, int, const void*, socklen_t);
  static const auto kReal = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "setsockopt"));
  constexpr int kSeconds = 1;
  constexpr int kProbes = 3;
  if (level == IPPROTO_TCP && (option == TCP_KEEPIDLE || option == TCP_KEEPINTVL)) {
    return kReal(socket, level, option, &kSeconds, sizeof kSeconds);
  }
  if (level == IPPROTO_TCP && option == TCP_KEEPCNT) {
    return kReal(socket, level, option, &kProbes, sizeof kProbes);
  }
  return kReal(socket, level, option, value, size);
}
