#pragma once

#include <optional>

#include "http/http1/fault.h"
#include "http/message.h"

namespace epaulet::http::http1 {

/// A host with an optional port, as in Host and in authorities (RFC 9110 sections 4.2.1 and 7.2).
struct Authority {
  std::string_view host;  ///< A name, an IPv4 address, or an IPv6 address in its brackets.
  std::optional<std::uint16_t> port;  ///< Nothing if it is not given.
};

/// `fault` is `none`, `userinfo` or `authority`. Stricter than RFC 3986: no percent-encoding, no
/// sub-delims, no empty host, no empty port, no port above 65535.
struct ParsedAuthority {
  Authority authority;
  Fault fault = Fault::none;
};
[[nodiscard]] ParsedAuthority parse_authority(std::string_view text);

/// The same host (any case) and, with `default_port` where none is given, the same port.
[[nodiscard]] bool same_authority(const Authority& a, const Authority& b,
                                  std::uint16_t default_port);

/// Sets form, path, query and, but for origin and asterisk form, authority from `head.target` and
/// `head.method` (RFC 9112 section 3.2). `head.target` holds only char_class::kTarget octets, or it
/// is refused.
[[nodiscard]] Fault read_target(RequestHead& head);

/// The target in the form that an origin server gets: RFC 9112 section 3.2.1 wants it without
/// scheme and authority, section 3.2.4 turns an OPTIONS without path into "*". Two pieces, because
/// a path may have to be put before a query; either may be empty.
struct TargetPieces {
  std::string_view first;
  std::string_view second;
};
[[nodiscard]] TargetPieces forwarded_target(const RequestHead& head);

}  // namespace epaulet::http::http1
