#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "redirect/conntrack.h"
#include "redirect/failure.h"

namespace epaulet::redirect {

struct Dial {
  Transport transport = Transport::tcp;
  SocketAddress destination;
  std::string interface;  ///< Bound to it, where nobody answers: sent is enough; "": any.
};

struct Dialled {
  int error = 0;  ///< errno, ETIMEDOUT after `kDialMilliseconds`; 0: connected, or sent.
  SocketAddress source;
};

inline constexpr int kDialMilliseconds = 1000;
/// The step in which the child waits. A refusal by our own rules comes in the same system call;
/// this only leaves it some room.
inline constexpr int kRefusalMilliseconds = 20;

/// A child process of another user that dials. Its sockets stay open, and the kernel's memory of
/// them complete, until this object is destroyed.
class DialledAs {
 public:
  /// Begins all dials in order, then waits for all of them. The child has `uid` as user and group
  /// and no capability, and creates its sockets as that user: `meta skuid` looks at that.
  /// Fails if the process may not take that user (CAP_SETUID, CAP_SETGID).
  [[nodiscard]] static OrFailure<DialledAs> dial(std::uint32_t uid, const std::vector<Dial>& dials);
  ~DialledAs();
  DialledAs(DialledAs&& other) noexcept;
  DialledAs& operator=(DialledAs&&) = delete;

  /// One for each dial, in order.
  [[nodiscard]] const std::vector<Dialled>& results() const { return results_; }

 private:
  DialledAs(pid_t child, int hold) : child_(child), hold_(hold) {}

  pid_t child_ = -1;
  int hold_ = -1;  ///< The child ends when this closes.
  std::vector<Dialled> results_;
};

}  // namespace epaulet::redirect
