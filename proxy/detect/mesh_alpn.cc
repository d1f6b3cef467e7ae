#include "detect/mesh_alpn.h"

#include <array>
#include <utility>

#include "base/assert.h"
#include "detect/client_hello.h"

namespace epaulet::detect {
namespace {

/// Every version's tokens begin so: reserved for ever, in order that unknown ones fail closed.
constexpr std::string_view kFamily = "epaulet/";
constexpr std::array<std::pair<MeshProtocol, std::string_view>, 5> kTokens{{
    {MeshProtocol::http1, "epaulet/1-h1"},
    {MeshProtocol::http2, "epaulet/1-h2"},
    {MeshProtocol::opaque, "epaulet/1-tcp"},
    {MeshProtocol::any, "epaulet/1-any"},
    {MeshProtocol::multiplexed, "epaulet/1-h1-in-h2"},
}};

}  // namespace

std::string_view token_of(MeshProtocol protocol) {
  for (const auto& [known, token] : kTokens) {
    if (known == protocol) return token;
  }
  EPAULET_ASSERT(false && "a mesh protocol without a token");
  return {};
}

std::optional<MeshProtocol> mesh_protocol(std::string_view token) {
  for (const auto& [protocol, known] : kTokens) {
    if (known == token) return protocol;
  }
  return std::nullopt;
}

AlpnVerdict judge_alpn(std::string_view alpn) {
  bool knows_one = false;
  bool names_family = false;
  for_each_protocol(alpn, [&](std::string_view token) {
    knows_one = knows_one || mesh_protocol(token).has_value();
    names_family = names_family || token.starts_with(kFamily);
  });
  if (knows_one) return AlpnVerdict::mesh;
  return names_family ? AlpnVerdict::unknown_mesh : AlpnVerdict::foreign;
}

}  // namespace epaulet::detect
