#pragma once

#include <string_view>

#include "http/message.h"

namespace epaulet::http {

/// Does the next hop get the Upgrade that this message asks for, or agrees to?
enum class Upgrading : bool { no, yes };

/// Marks what belongs to one connection only as removed (RFC 9110 section 7.6.1):
/// Connection, the fields that it nominates, Keep-Alive, Proxy-Connection, TE and Upgrade.
///
/// - What Connection may not nominate (Host, framing, credentials, our own fields) was refused by
/// the parser.
/// - `Transfer-Encoding` stays: our codec takes nothing but `chunked`, so that the line, byte for
/// byte, is still
///   true if the next hop is chunked too. Who re-frames removes it:
///   `head.remove(FieldId::transfer_encoding)`.
/// - `TE: trailers` stays, with `Connection: TE` added: trailers are passed on in both directions,
/// and servers
///   may ask for it before they send any (RFC 9110 sections 6.5.1 and 10.1.4). Other values are
///   about codings that the next hop would have to undo, and go.
/// - `Proxy-Authenticate`, `Proxy-Authorization` and `Trailer` stay: nobody chose us as their
/// proxy, so they are
///   meant for the application behind us (RFC 9110 sections 11.7.1 and 11.7.2 let a proxy relay
///   them).
/// - With Upgrading::yes the `Upgrade` line stays and `Connection: Upgrade` is added. Only for a
/// head whose
///   `upgrade` is not empty: the parser found it nominated.
void remove_hop_by_hop(Head& head, Upgrading upgrading = Upgrading::no);

/// Whether a Connection field of the head as it was received nominates `name`: then a trailer field
/// of that name belongs to one connection only, too.
[[nodiscard]] bool is_nominated(const Head& head, std::string_view name);

}  // namespace epaulet::http
