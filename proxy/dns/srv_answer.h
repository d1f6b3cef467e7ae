#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "dns/message.h"

/// What upstream answers to our own questions for SRV mean (RFC 2782). Pure.
namespace epaulet {

struct SrvTarget {
  SrvData srv;
  /// From the additional section; empty: to be asked for.
  std::vector<IpAddress> addresses;
};

struct SrvAnswer {
  /// The smallest priority first; at most limits::kEndpointsPerBackendMax. Empty: authoritatively
  /// none, also where a target of "." says so.
  std::vector<SrvTarget> targets;
  std::chrono::seconds ttl{0};  ///< The smallest of all records that count.
};

/// Follows CNAMEs within the message. Errors: dns_failed, as for addresses.
[[nodiscard]] Result<SrvAnswer> read_srv_answer(std::span<const std::byte> bytes,
                                                const DomainName& name);

}  // namespace epaulet
