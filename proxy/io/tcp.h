#pragma once

#include <memory>

#include "base/owned_fd.h"
#include "io/datagram.h"
#include "io/dialer.h"
#include "io/listener.h"
#include "io/stream.h"
#include "runtime/io_loop.h"

/// Real sockets on a loop that can wait for them.
namespace epaulet {

/// Takes a connected, non-blocking TCP socket.
[[nodiscard]] StreamPtr make_tcp_stream(IoLoop& loop, OwnedFd socket);

/// Listens, with SO_REUSEPORT so that each worker has its own queue. An IPv6 any-address takes IPv4
/// too unless `v6_only`. Errors: io_failed with errno.
[[nodiscard]] Result<OwnedFd> open_listening_socket(const SocketAddress& address,
                                                    bool v6_only = false);

/// Accepts from a listening socket that somebody else owns and closes. Accepted streams run on
/// `loop`, with the socket options of the dialled ones: they inherit them.
[[nodiscard]] std::unique_ptr<Listener> make_tcp_listener(IoLoop& loop, int listening_socket);

/// Dials over TCP; TCP_NODELAY and keepalive set.
[[nodiscard]] std::unique_ptr<Dialer> make_tcp_dialer(IoLoop& loop);

/// Binds a UDP socket; port 0 asks the kernel for one.
[[nodiscard]] Result<std::unique_ptr<DatagramSocket>> open_datagram_socket(
    IoLoop& loop, const SocketAddress& address);

}  // namespace epaulet
