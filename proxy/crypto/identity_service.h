#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// What `epaulet-certs serve` and the sidecars agree on: HTTPS, TLS 1.3.
///
///   POST /v1/sign     body: a PEM certificate request, of which the key counts and nothing else
///                     proof: `Authorization: Bearer TOKEN`, or the client's current certificate
///                     200: {"identity","certificates" (PEM, leaf first),"bundle" (PEM, roots)}
///                     else: {"error","remedy"}
///   GET /v1/bundle    the roots, PEM
namespace epaulet::identity_service {

inline constexpr std::string_view kSignPath = "/v1/sign";
inline constexpr std::string_view kBundlePath = "/v1/bundle";
inline constexpr std::uint16_t kPort = 15014;
/// What a platform's token for a workload is made for, if it is to prove an identity here.
inline constexpr std::string_view kTokenAudience = "epaulet-identity";

/// Who the service is to its clients. Nobody else is ever given this identity: a workload of the
/// mesh must not be able to pose as the service.
[[nodiscard]] inline std::string id_of(std::string_view trust_domain) {
  return "spiffe://" + std::string(trust_domain) + "/ns/epaulet/sa/identity";
}

}  // namespace epaulet::identity_service
