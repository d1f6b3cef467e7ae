#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/settings.h"
#include "dns/codec.h"
#include "dns/message.h"
#include "dns/names.h"
#include "dns/observer.h"
#include "dns/virtual_address_table.h"

/// What the in-pod DNS says, as a function of bytes (no I/O, no time): server.h brings the bytes
/// and waits.
namespace epaulet {

/// The part of the configuration that answers are made of. Immutable: a query keeps the one it
/// began with.
struct DnsView {
  NameTable names;
  VirtualAddressTablePtr addresses;
  DomainName cluster_domain;
  /// The cluster domain and the search domains: who writes there may lead to our services.
  std::vector<DomainName> trusted_zones;
  std::uint32_t ttl_s = 0;
  std::uint32_t negative_ttl_s = 0;
};
using DnsViewPtr = std::shared_ptr<const DnsView>;

/// `search`: of /etc/resolv.conf.
[[nodiscard]] DnsViewPtr make_dns_view(const Settings& settings, VirtualAddressTablePtr addresses,
                                       const std::vector<std::string>& search);

/// A query in good order: one question of class IN.
struct DnsQuery {
  DnsMessage message;
  /// What the client takes: 512 to 4096 octets over UDP, 65535 over TCP.
  std::size_t answer_bytes_max = 512;
  /// Not 0: a named port of a service is asked for; the name is that of the service with two labels
  /// before it.
  std::uint16_t port = 0;

  [[nodiscard]] const DnsQuestion& question() const { return message.questions.front(); }
};

struct DnsReply {
  DnsBytes bytes;
  DnsResult result = DnsResult::dropped;
  Rcode rcode = Rcode::noerror;
  /// `none`: the client got what it asked for, or an honest "there is none".
  Error error;
};

/// What to do with a message that came in.
struct DnsDecision {
  enum class Next : std::uint8_t {
    drop,     ///< Nothing may be sent: no id to answer to, or the message is itself a response (RFC
              ///< 1035: no loops).
    reply,    ///< Send `reply`.
    service,  ///< `service` is asked for: find out whether it ever had an endpoint, then use one of
              ///< the answers below.
    forward,  ///< Not ours: ask upstream, then answer_forwarded() or answer_failure().
  } next = Next::drop;
  DnsReply reply;
  /// Set unless the message could not be read.
  std::optional<DnsQuery> query;
  /// With Next::service. Valid as long as the view.
  const NamedService* service = nullptr;
};
[[nodiscard]] DnsDecision read_query(const DnsView& view, std::span<const std::byte> bytes,
                                     bool over_tcp);

/// The service has or had an endpoint: its virtual addresses for A, AAAA and ANY; NOERROR without
/// records for any other type and for AAAA where there are no virtual IPv6 addresses. Never
/// NXDOMAIN for one type only: musl takes that for the whole name. For a named port: SRV with the
/// service's name as it was written, and the addresses beside it; NOERROR for other types.
[[nodiscard]] DnsReply answer_service(const DnsView& view, const DnsQuery& query,
                                      const NamedService& service);

/// A name that is not ours and by aliases leads to one that is.
struct ServiceAlias {
  const NamedService* service = nullptr;  ///< Valid as long as the view.
  std::vector<DnsRecord> aliases;         ///< From the name that was asked for.
};
/// Whether the upstream's answer to a query for A or AAAA is one. Only where every alias on the way
/// stands in a trusted zone (an ExternalName service): anybody can make an alias elsewhere.
[[nodiscard]] std::optional<ServiceAlias> find_service_alias(const DnsView& view,
                                                             const DnsQuery& query,
                                                             std::span<const std::byte> upstream);
/// Its aliases, and the service's virtual addresses under the last of their names instead of what
/// the upstream knows there.
[[nodiscard]] DnsReply answer_service_alias(const DnsView& view, const DnsQuery& query,
                                            const ServiceAlias& alias);

/// The service never had an endpoint: NXDOMAIN, to be forgotten after `negative_ttl`.
[[nodiscard]] DnsReply answer_not_deployed(const DnsView& view, const DnsQuery& query,
                                           const NamedService& service);

/// What is asked upstream for a name that is not ours: the client's question and flags. EDNS goes
/// from hop to hop (RFC 6891 section 6.1.1): a client's OPT becomes one of ours with the client's
/// payload size and DO bit, and its options (cookies, subnets, padding) stay here. A query with
/// other additional records may be signed and goes as it came.
[[nodiscard]] DnsBytes upstream_query(const DnsQuery& query, std::span<const std::byte> asked);

/// The upstream's message as it is, whatever it says (an RCODE other than NOERROR and NXDOMAIN
/// counts as forward_failed), but for the client's id and spelling of the name, and an OPT for a
/// client that sent one where the upstream knows none; cut to header and question with TC if the
/// client cannot take it. An answer that names a virtual address is refused: only this sidecar
/// gives those, and a name under somebody else's control must not lead to one of our services (DNS
/// rebinding).
[[nodiscard]] DnsReply answer_forwarded(const DnsView& view, const DnsQuery& query,
                                        std::span<const std::byte> upstream);

/// SERVFAIL, or REFUSED for DnsResult::looped. `service`: "" if the name is not ours.
[[nodiscard]] DnsReply answer_failure(const DnsQuery& query, DnsResult result, const Error& error,
                                      std::string_view service = {});

}  // namespace epaulet
