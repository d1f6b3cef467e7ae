#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/error.h"
#include "dns/message.h"

namespace epaulet {

/// How a query ended; each query counts once.
enum class DnsResult : std::uint8_t {
  virtual_address,    ///< A or AAAA of a configured name.
  no_data,            ///< A configured name has no records of that type.
  not_deployed,       ///< A configured name that never had an endpoint: NXDOMAIN.
  no_address_free,    ///< A configured name for which the virtual networks have no room: SERVFAIL.
  forwarded,          ///< The upstream's answer, whatever it says, NXDOMAIN excepted.
  forwarded_unknown,  ///< The upstream's NXDOMAIN.
  forward_failed,     ///< No usable answer from upstream: SERVFAIL.
  forward_rejected,   ///< The upstream's answer names a virtual address: REFUSED.
  overloaded,         ///< Too many queries wait already: SERVFAIL.
  looped,             ///< The query came from our own upstream socket: REFUSED.
  malformed,          ///< FORMERR.
  not_supported,      ///< NOTIMP or BADVERS.
  dropped,            ///< Not even an id to answer to, or itself an answer.
  count_,
};
/// snake_case, for metric labels.
[[nodiscard]] std::string_view name_of(DnsResult result);

/// Control thread only: a scrape runs there too.
class DnsCounters {
 public:
  void add(DnsResult result) { ++counts_[static_cast<std::size_t>(result)]; }
  [[nodiscard]] std::uint64_t of(DnsResult result) const {
    return counts_[static_cast<std::size_t>(result)];
  }

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(DnsResult::count_)> counts_{};
};

/// A query that did not get what it asked for, and why. Views are valid during the call only.
struct DnsRefusal {
  std::string_view name;  ///< As asked, without the final dot; "" if the query could not be read.
  RecordType type{};
  std::string_view service;  ///< "" for names that are not configured.
  /// never_had_endpoint, dns_failed (detail: the upstream's RCODE, 0 if none came), dns_refused,
  /// limit_pending, destination_is_ourselves, internal (no virtual address is free).
  Error error;
  /// For never_had_endpoint: what the look upstream said, dns_name_unknown or dns_failed; else
  /// `none`.
  ErrorCode cause = ErrorCode::none;
  DnsResult result{};
  Rcode rcode{};
  SocketAddress client;
  bool over_tcp = false;
};

/// One sentence without a full stop, for log and explain:
/// "service api2.default is configured but has never had an endpoint (asked for A api2.default)".
[[nodiscard]] std::string describe(const DnsRefusal& refusal);

/// Hears of refusals; telemetry/ implements it. Called on the control thread, must not block.
class DnsObserver {
 public:
  virtual void on_refusal(const DnsRefusal& refusal) = 0;

 protected:
  ~DnsObserver() = default;
};

}  // namespace epaulet
