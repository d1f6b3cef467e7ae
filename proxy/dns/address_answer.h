#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "discovery/resolver.h"
#include "dns/codec.h"
#include "dns/message.h"

/// What upstream answers to our own questions for A and AAAA mean. Pure.
namespace epaulet {

/// A query with one question, recursion desired. With EDNS: some seventy addresses fit into one
/// datagram, and not every network lets DNS over TCP through.
[[nodiscard]] DnsBytes address_query(const DomainName& name, RecordType type);

/// One family's part of an answer.
struct FamilyAnswer {
  std::vector<IpAddress> addresses;  ///< Empty: authoritatively none (NXDOMAIN or no data).
  std::chrono::seconds ttl{0};       ///< The smallest on the way; meaningless without addresses.
};
/// Follows CNAMEs from `name` (at most limits::kDnsCnameChainMax) to the addresses of `type`.
/// Errors: dns_failed for an RCODE that says nothing about the name (detail: the RCODE) and for
/// nonsense.
[[nodiscard]] Result<FamilyAnswer> read_address_answer(std::span<const std::byte> bytes,
                                                       const DomainName& name, RecordType type);

/// Both families together, as Resolver promises it.
[[nodiscard]] Result<Addresses> combine(const Result<FamilyAnswer>& v4,
                                        const Result<FamilyAnswer>& v6);

}  // namespace epaulet
