#pragma once

#include <memory>

#include "base/address.h"
#include "base/result.h"
#include "io/stream.h"
#include "runtime/ready.h"

namespace epaulet {

class AcceptOp : public ReadyItem {
 public:
  Result<StreamPtr> result = StreamPtr{};

 protected:
  ~AcceptOp() = default;
};

/// A source of connections. Does not own a listening socket: accept/ListenerSet does.
class Listener {
 public:
  virtual ~Listener() = default;
  /// True: completed before returning. Errors: descriptors_exhausted (EMFILE, ENFILE),
  /// memory_exhausted (ENOBUFS, ENOMEM), io_failed; a connection that was gone before it was
  /// accepted is skipped.
  [[nodiscard]] virtual bool start_accept(AcceptOp& op) = 0;
  virtual void cancel_accept(const Error& why) = 0;
  [[nodiscard]] virtual SocketAddress local() const = 0;
};

}  // namespace epaulet
