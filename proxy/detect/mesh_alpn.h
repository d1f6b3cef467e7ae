#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace epaulet::detect {

/// What two sidecars agree to speak inside their TLS (design section 5).
enum class MeshProtocol : std::uint8_t {
  http1,   ///< epaulet/1-h1
  http2,   ///< epaulet/1-h2
  opaque,  ///< epaulet/1-tcp: no detection.
  any,     ///< epaulet/1-any: the accepting side detects.
  /// epaulet/1-h1-in-h2: HTTP/2 whose streams are connections of HTTP/1.1. Offered together with
  /// http1, which a sidecar that does not know it takes instead.
  multiplexed,
};

/// The token of a protocol, as it stands in ALPN.
[[nodiscard]] std::string_view token_of(MeshProtocol protocol);
/// Tokens compare octet for octet (RFC 7301 section 3.1). Nothing for any other, one of another
/// version included.
[[nodiscard]] std::optional<MeshProtocol> mesh_protocol(std::string_view token);

/// Whose TLS a ClientHello begins.
enum class AlpnVerdict : std::uint8_t {
  foreign,       ///< No token of ours: an application's own TLS.
  mesh,          ///< A sidecar that speaks our version.
  unknown_mesh,  ///< Tokens of ours, but none that we know: a sidecar of another version. Refuse,
                 ///< and say so.
};

/// `alpn`: the wire form, as in ClientHello. A peer that offers another version beside ours is
/// `mesh`: ALPN offers are alternatives, so a newer sidecar can still talk to this one.
[[nodiscard]] AlpnVerdict judge_alpn(std::string_view alpn);
[[nodiscard]] inline bool is_mesh(std::string_view alpn) {
  return judge_alpn(alpn) == AlpnVerdict::mesh;
}

}  // namespace epaulet::detect
