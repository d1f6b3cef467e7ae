#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"

namespace epaulet::redirect {

/// Listeners that stand in, for the time of a check, where a connection must be accepted and nobody
/// does: the proxy's own before it is up, and decoys. They accept nothing themselves; that the
/// kernel completes a handshake is enough.
class StandIns {
 public:
  /// `proxy_uid`: whose sockets they pretend to be, so that a proxy which starts meanwhile may bind
  /// the same ports with SO_REUSEPORT.
  explicit StandIns(std::uint32_t proxy_uid) : proxy_uid_(proxy_uid) {}
  ~StandIns();
  StandIns(const StandIns&) = delete;
  StandIns& operator=(const StandIns&) = delete;

  enum class Opened : std::uint8_t {
    here,    ///< We listen now.
    theirs,  ///< Somebody listens there already.
    failed,  ///< Neither; `errno` says why.
  };
  /// TCP. Port 0 is not allowed.
  [[nodiscard]] Opened open(const SocketAddress& address);

  /// A TCP listener on every address of the family, on a port of the kernel's choice that is none
  /// of `avoid`; 0 if it cannot be had.
  [[nodiscard]] std::uint16_t open_decoy(bool v4, const std::vector<std::uint16_t>& avoid);

 private:
  [[nodiscard]] int bound_socket(const SocketAddress& address, bool shared) const;

  std::uint32_t proxy_uid_;
  std::vector<int> sockets_;
};

/// Is a UDP socket bound to `address`?
[[nodiscard]] bool udp_is_taken(const SocketAddress& address);

}  // namespace epaulet::redirect
