#pragma once

#include <cstddef>
#include <memory>

#include "discovery/endpoints.h"
#include "dns/answers.h"
#include "dns/observer.h"
#include "dns/upstream.h"
#include "io/datagram.h"
#include "io/listener.h"
#include "runtime/loop.h"

namespace epaulet {

/// The DNS that the pod's apps ask (design section 6), over UDP and TCP.
///
/// - A configured name whose service has or had an endpoint: its virtual addresses, at once.
/// - A configured name that never had one: a fresh look upstream, at most once a second per
/// backend, for which the
///   query waits up to limits::kDnsLookWait; then the addresses, or NXDOMAIN that is forgotten
///   within 5 s.
/// - A name in the cluster domain or a search domain that the upstream says is an alias of such a
/// name: the alias and the virtual addresses.
/// - Any other name: the upstream's answer, byte for byte but for what concerns this hop alone.
///
/// At most limits::kDnsPendingMax queries wait at a time, further ones get SERVFAIL. Each query
/// counts once in counters(); each that is refused is reported to the observer. Control thread
/// only. Destroy it before what it was given; its tasks end in the next turn of the loop.
class DnsServer {
 public:
  DnsServer(Loop& loop, Endpoints& endpoints, UpstreamDns& upstream, DnsObserver& observer,
            DnsViewPtr view);
  ~DnsServer();

  void serve(std::unique_ptr<DatagramSocket> socket);
  /// At most limits::kDnsTcpConnectionsMax connections, each idle for at most limits::kDnsTcpIdle;
  /// the queries of one connection are answered in their order.
  void serve(std::unique_ptr<Listener> listener);

  /// Queries from now on are answered from this configuration.
  void apply(DnsViewPtr view);

  [[nodiscard]] const DnsCounters& counters() const;
  /// Queries that wait for an answer, and open TCP connections.
  [[nodiscard]] std::size_t pending() const;
  [[nodiscard]] std::size_t tcp_connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace epaulet
