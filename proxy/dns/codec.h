#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"
#include "dns/message.h"

/// DNS messages from and to bytes (RFC 1035 section 4.1, RFC 6891). No I/O, no state.
namespace epaulet {

using DnsBytes = std::vector<std::byte>;

inline constexpr std::size_t kDnsHeaderBytes = 12;

/// The twelve octets of the header alone, for answering what cannot be read further. `rcode` has
/// four bits.
[[nodiscard]] Result<DnsHeader> read_dns_header(std::span<const std::byte> bytes);

/// The whole message, or dns_refused if one octet of it is out of order: lengths that do not fit, a
/// compression pointer that does not point backwards, names above 255 octets, a second OPT record,
/// octets left over. Reads at most once over each octet and each name: the cost is linear, whatever
/// the message says.
[[nodiscard]] Result<DnsMessage> read_dns_message(std::span<const std::byte> bytes);

/// Names are compressed against those before them, except within data of kinds that RFC 3597
/// section 4 excludes. If it does not fit into `limit` octets, what is returned is header, question
/// and OPT with the TC bit set (RFC 2181 section 9); `limit` must leave room for that: 512 does for
/// one question.
[[nodiscard]] DnsBytes write_dns_message(const DnsMessage& message, std::size_t limit);

}  // namespace epaulet
