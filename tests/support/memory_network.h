#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/dialer.h"
#include "io/listener.h"
#include "io/ops.h"
#include "io/stream.h"

namespace epaulet::test {

/// How a memory connection misbehaves. Everything is drawn from the network's Random.
struct NetworkConditions {
  std::size_t capacity = 64 * 1024;  ///< Bytes in flight in each direction before a writer waits.
  std::size_t read_max = SIZE_MAX;  ///< Largest read; each read's size is drawn from [1, read_max].
  std::chrono::nanoseconds delay_max{
      0};  ///< Each written piece arrives after a delay drawn from [0, delay_max].
  double reset_probability = 0;  ///< Per write: the connection is reset instead.
};

/// One connection's two ends share it.
class MemoryConnection;

/// An end of a connection in memory, with TCP's semantics: FIN, RST, half-close, back-pressure.
class MemoryStream final : public ByteStream {
 public:
  MemoryStream(std::shared_ptr<MemoryConnection> connection, int side, Loop& loop, Info info);
  ~MemoryStream() override;

  bool start_read(ReadOp& op) override;
  void cancel_read(const Error& why) override;
  bool start_write(WriteOp& op) override;
  void cancel_write(const Error& why) override;
  void reset() override;
  bool has_pending_input() override;
  const Info& info() const override { return info_; }
  Loop& loop() const override { return loop_; }
  /// Ends of this thread that are open.
  [[nodiscard]] static std::size_t in_use() { return in_use_; }

 private:
  static thread_local std::size_t in_use_;
  std::shared_ptr<MemoryConnection> connection_;
  int side_;
  Loop& loop_;
  Info info_;
  bool reset_ = false;
};

struct StreamPair {
  StreamPtr a;
  StreamPtr b;
};
/// Two connected ends, on one loop or on two.
[[nodiscard]] StreamPair make_stream_pair(Loop& a, Loop& b, Random& random,
                                          NetworkConditions conditions = {});

/// Addresses, listeners and connections in memory. One thread; loops may differ.
class MemoryNetwork {
 public:
  explicit MemoryNetwork(Random random) : random_(random) {}

  NetworkConditions conditions;  ///< Of connections made from now on.

  [[nodiscard]] std::unique_ptr<Listener> listen(Loop& loop, SocketAddress address);
  /// A dialer for what runs on `loop`; its connections come from `from`.
  [[nodiscard]] std::unique_ptr<Dialer> dialer(Loop& loop, IpAddress from);
  /// Connections from `pod` (but not from dialers in `exempt`) to anywhere arrive at `listener`
  /// with their original destination: what `epaulet redirect` does for outbound traffic.
  void divert_outbound(IpAddress pod, SocketAddress listener) { outbound_[pod] = listener; }
  /// Connections to `pod`, whatever the port, arrive at `listener` with their original destination.
  void divert_inbound(IpAddress pod, SocketAddress listener) { inbound_[pod] = listener; }
  /// As dialer(), but exempt from outbound diversion: the sidecar's own.
  [[nodiscard]] std::unique_ptr<Dialer> exempt_dialer(Loop& loop, IpAddress from);
  /// Dials to this address do not answer at all (black hole) until removed.
  void set_silent(SocketAddress address, bool silent) { silent_[address] = silent; }

  [[nodiscard]] std::size_t connections_made() const { return connections_made_; }
  /// How often this address was dialled, whether or not somebody is there.
  [[nodiscard]] std::size_t dials(const SocketAddress& to) const {
    const auto found = dials_.find(to);
    return found == dials_.end() ? 0 : found->second;
  }

 private:
  friend class MemoryDialer;
  friend class MemoryListener;
  SocketAddress divert(IpAddress from, SocketAddress to, bool exempt) const;

  Random random_;
  std::map<SocketAddress, std::vector<class MemoryListener*>> listeners_;
  std::map<IpAddress, SocketAddress> outbound_;
  std::map<IpAddress, SocketAddress> inbound_;
  std::map<SocketAddress, bool> silent_;
  std::map<SocketAddress, std::size_t> dials_;
  std::size_t connections_made_ = 0;
  std::uint16_t next_port_ = 40000;
  std::size_t next_listener_ = 0;
};

}  // namespace epaulet::test
