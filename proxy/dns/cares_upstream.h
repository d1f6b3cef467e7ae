#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "base/address.h"
#include "dns/upstream.h"
#include "io/fd_watch.h"
#include "runtime/loop.h"

namespace epaulet {

/// c-ares below the seam: raw messages through ares_send(), which fails over between servers,
/// repeats over TCP what came truncated, and takes only answers from the server asked, under the id
/// and question sent. A query that ends with an OPT record without options gets answers up to its
/// payload size over UDP, and goes out again without it to a server that does not know EDNS.
/// Nothing is read from /etc/resolv.conf or /etc/hosts. Control thread. Destroying it ends all
/// exchanges.
class CaresUpstream final : public UpstreamDns {
 public:
  struct Options {
    std::vector<SocketAddress> servers;
    /// The first server gets so long, later tries longer.
    std::chrono::milliseconds timeout{800};
    int tries = 3;  ///< Per server.
  };

  CaresUpstream(Loop& loop, std::unique_ptr<FdWatch> fd_watch, Options options);
  ~CaresUpstream() override;

  /// From now on these are asked; exchanges under way end with those they began with.
  void set_servers(std::vector<SocketAddress> servers);
  [[nodiscard]] const std::vector<SocketAddress>& servers() const { return options_.servers; }

  void start_exchange(ExchangeOp& op) override;
  bool is_own_socket(const SocketAddress& from) const override;

 private:
  class Channel;
  struct Channels;
  [[nodiscard]] std::size_t pending() const;
  void forget_idle_channels();

  Loop& loop_;
  std::unique_ptr<FdWatch> fd_watch_;
  Options options_;
  std::unique_ptr<Channels> channels_;
  std::vector<std::unique_ptr<Channels>> retired_;  ///< With exchanges under way.
};

}  // namespace epaulet
