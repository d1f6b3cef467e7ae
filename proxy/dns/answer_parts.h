#pragma once

#include "dns/answers.h"

// Included only by the .cc files of the answers.
namespace epaulet::answering {

// RFC 8914 section 4.
inline constexpr std::uint16_t kInfoOther = 0;
inline constexpr std::uint16_t kInfoProhibited = 18;
inline constexpr std::uint16_t kInfoNoReachableAuthority = 22;

/// The OPT of an answer to a query with this one.
[[nodiscard]] Edns answering_edns(const Edns& query);

/// Header, question and OPT.
[[nodiscard]] DnsMessage response_to(const DnsMessage& query, Rcode rcode);

/// Says why to a client that understands it.
void explain(DnsMessage& response, std::uint16_t info_code, std::string_view text);

/// Additional records are left out if they do not fit; then the TC bit is set.
[[nodiscard]] DnsReply finish(DnsMessage response, std::size_t limit, DnsResult result,
                              const Error& error = {});

}  // namespace epaulet::answering
