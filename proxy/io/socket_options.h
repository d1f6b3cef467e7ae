#pragma once

namespace epaulet {

/// What every TCP socket of ours has; set on a listening socket, accepted ones inherit it (tcp(7)).
///
/// TCP_NODELAY: whoever writes has gathered what belongs together. Keepalive: a dead peer is
/// noticed after two minutes of silence, an idle one that answers is left alone, however long it is
/// idle (tunnels have no other timer). There is no TCP_USER_TIMEOUT: it would also cut a peer that
/// is alive and reads nothing for a while.
void set_tcp_options(int socket);

}  // namespace epaulet
