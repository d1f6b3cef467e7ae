#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace epaulet {

/// Why a handshake failed, as metrics name it: so few that each can be a label, so many that
/// someone who looks at a rising number knows where to look. What the log and explain say beside
/// (the error's name and its diagnosis) is of the same fact.
enum class HandshakeFailure : std::uint8_t {
  expired,            ///< The peer's certificate, or one above it, is outside its time.
  unknown_authority,  ///< Its chain leads to no root of ours.
  untrusted,          ///< Its chain is wrong otherwise: a signature, a purpose, a constraint.
  wrong_identity,     ///< It proved somebody else, or somebody of another trust domain.
  no_certificate,     ///< It presented none.
  no_identity,        ///< Its certificate has no SPIFFE ID, or several.
  refused_by_peer,    ///< It sent an alert: its own log says why.
  protocol_version,   ///< No common ALPN token: no sidecar, or one of another version.
  protocol,           ///< It broke TLS.
  closed,             ///< It left in the middle.
  timeout,            ///< It did not come to its end in time.
  not_configured,     ///< We have no certificate.
  other,
  count_
};
/// snake_case, as the label says it.
[[nodiscard]] std::string_view name_of(HandshakeFailure failure);

/// Of an error of TlsStream's handshake.
[[nodiscard]] HandshakeFailure handshake_failure(const Error& error);

}  // namespace epaulet
