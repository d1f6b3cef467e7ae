#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "k8s/cni/plugin.h"
#include "redirect/command.h"

namespace epaulet::cni {
namespace {

/// Another plugin brings it up, and the runtime may well be running that one at this moment.
void raise_loopback() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  if (::ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    (void)::ioctl(fd, SIOCSIFFLAGS, &request);  // If it stays down, install says so.
  }
  ::close(fd);
}

}  // namespace

Hands real_hands() {
  Hands hands;
  hands.install = [](const redirect::RedirectOptions& options) {
    raise_loopback();
    return redirect::put_in_place(options);
  };
  hands.check = redirect::try_in_place;
  return hands;
}

}  // namespace epaulet::cni
