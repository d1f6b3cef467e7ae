#pragma once

#include "base/address.h"
#include "base/result.h"
#include "io/stream.h"
#include "runtime/ready.h"

namespace epaulet {

/// One datagram to receive.
class ReceiveOp : public ReadyItem {
 public:
  virtual Bytes prepare() = 0;
  Result<std::size_t> result = std::size_t{0};
  SocketAddress from;

 protected:
  ~ReceiveOp() = default;
};

/// A bound UDP socket. Sending never waits: a datagram that does not fit is lost, as UDP may.
class DatagramSocket {
 public:
  virtual ~DatagramSocket() = default;
  /// True: completed before returning. One receive at a time.
  [[nodiscard]] virtual bool start_receive(ReceiveOp& op) = 0;
  virtual void cancel_receive(const Error& why) = 0;
  virtual Result<void> send(ConstBytes datagram, const SocketAddress& to) = 0;
  [[nodiscard]] virtual SocketAddress local() const = 0;
};

}  // namespace epaulet
