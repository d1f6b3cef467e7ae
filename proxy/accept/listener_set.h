#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "io/tcp.h"

namespace epaulet {

/// A place to listen. `name` stays the same over the process's life, so that descriptors can be
/// handed on.
struct ListenerSpec {
  std::string name;  ///< "outbound-v4", "inbound", ...
  SocketAddress address;
  bool optional = false;  ///< A host without IPv6 has no ::1: then there is no such listener.
  bool v6_only = false;
};

/// Owns every listening socket of the process, one per listener and worker. Workers accept from
/// them and never close one: closing an SO_REUSEPORT listener resets the connections in its queue.
/// Can be filled from descriptors that another process handed over. Control thread only; workers
/// get plain descriptors.
class ListenerSet {
 public:
  /// Adopts a descriptor instead of opening one; before open().
  void adopt(const std::string& name, std::size_t worker, OwnedFd socket);

  /// Opens what was not adopted. Port 0 is drawn by the kernel once and shared by all workers.
  /// Errors: io_failed with errno; `failed_name()` says which.
  [[nodiscard]] Result<void> open(const std::vector<ListenerSpec>& specs, std::size_t workers);
  [[nodiscard]] const std::string& failed_name() const { return failed_name_; }

  /// -1 if there is none of this name (an optional one).
  [[nodiscard]] int descriptor(const std::string& name, std::size_t worker) const;
  /// Where it listens, with the port that the kernel gave.
  [[nodiscard]] std::vector<SocketAddress> addresses() const;
  [[nodiscard]] std::optional<SocketAddress> address(const std::string& name) const;

  /// Ends listening for one worker, who has accepted until its queue was empty and calls this
  /// itself, at once: what arrives between would be reset. No other call takes part then.
  void close(const std::string& name, std::size_t worker);

 private:
  struct Entry {
    SocketAddress address;
    std::vector<OwnedFd> per_worker;
  };
  std::map<std::string, Entry> sockets_;
  std::string failed_name_;
};

}  // namespace epaulet
