#pragma once

#include "dns/codec.h"

/// The OPT record (RFC 6891) in messages that stay bytes otherwise. Pure.
namespace epaulet {

/// The query's only record besides its question is an OPT without options, at its very end.
[[nodiscard]] bool ends_with_bare_opt(const DnsBytes& query);
/// Such a query as it is without EDNS.
[[nodiscard]] DnsBytes without_bare_opt(DnsBytes query);

/// The answer, to a query with EDNS, of a server that does not know it: FORMERR or NOTIMP, without
/// an OPT (RFC 6891 section 7).
[[nodiscard]] bool lacks_edns(const DnsBytes& answer);

/// Puts an OPT at the end of a message, at least a header, that has none.
void append_opt(DnsBytes& message, const Edns& edns);

}  // namespace epaulet
