#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace epaulet {

/// What two sidecars speak inside their TLS (design section 5), chosen by an ALPN token of our own.
enum class MeshProtocol : std::uint8_t {
  h1,   ///< HTTP/1.1.
  tcp,  ///< Opaque bytes, no detection.
  any,  ///< The receiving side detects: for speculative dials.
};

/// "epaulet/1-h1" and so on.
[[nodiscard]] constexpr std::string_view token_of(MeshProtocol protocol) {
  switch (protocol) {
    case MeshProtocol::h1:
      return "epaulet/1-h1";
    case MeshProtocol::tcp:
      return "epaulet/1-tcp";
    case MeshProtocol::any:
      return "epaulet/1-any";
  }
  return "";
}

/// Nothing for tokens of other versions and for `epaulet/1-h2`, which is reserved: they fail
/// closed.
[[nodiscard]] constexpr std::optional<MeshProtocol> mesh_protocol_of(std::string_view token) {
  for (const auto protocol : {MeshProtocol::h1, MeshProtocol::tcp, MeshProtocol::any}) {
    if (token == token_of(protocol)) return protocol;
  }
  return std::nullopt;
}

/// A token that only a sidecar sends, of whatever version: this is mesh TLS and never an app's own.
[[nodiscard]] constexpr bool is_mesh_token(std::string_view token) {
  return token.starts_with("epaulet/");
}

}  // namespace epaulet
