#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace epaulet::detect {

/// What a TLS ClientHello asks for (RFC 8446 section 4.1.2): enough to route it, and to know our
/// own peers.
struct ClientHello {
  std::string server_name;  ///< Lower case; empty if there is none, or if it is not a name of
                            ///< letters and digits.
  std::string alpn;  ///< The wire form of RFC 7301: length octet and name, repeated; empty if none.
};

enum class HelloVerdict : std::uint8_t {
  complete,
  need_more,
  malformed,  ///< Not a ClientHello, inconsistent lengths, or longer than
              ///< limits::kClientHelloBytesMax.
};

/// Reads the ClientHello at the start of `bytes`, also if it is cut into several records (RFC 8446
/// section 5.1).
///
/// With limits::kClientHelloBytesMax bytes there is always a verdict other than need_more.
/// `hello` is filled only if the verdict is complete; bytes behind the ClientHello are not looked
/// at. Strict in structure (lengths must fit exactly, extensions come once, no record may be
/// empty), because what we route by must be what the application's TLS reads; everything that we do
/// not use is skipped. Cost: linear in the bytes given, for each call; allocates only for names
/// above 15 octets and for hellos that are cut into records.
[[nodiscard]] HelloVerdict parse_client_hello(std::span<const std::byte> bytes, ClientHello& hello);

/// Calls `visit(name)` for each protocol in `alpn` (the wire form, as parse_client_hello() accepted
/// it).
template <class Visit>
void for_each_protocol(std::string_view alpn, Visit&& visit) {
  while (!alpn.empty()) {
    const auto length = static_cast<unsigned char>(alpn.front());
    visit(alpn.substr(1, length));
    alpn.remove_prefix(std::size_t{1} + length < alpn.size() ? std::size_t{1} + length
                                                             : alpn.size());
  }
}

}  // namespace epaulet::detect
