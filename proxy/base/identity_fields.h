#pragma once

#include <array>
#include <string_view>

namespace epaulet {

/// Header fields by which sidecars, meshes and gateways tell apps who a client is. Whoever is not
/// known to be one of those must not write them. In lower case.
inline constexpr std::array<std::string_view, 8> kIdentityFields{
    "x-forwarded-client-cert",  // Envoy's and Istio's peer identity.
    "l5d-client-id",            // Linkerd's.
    "x-spiffe-id",              // Other meshes' and gateways'.
    "x-client-identity",
    "x-hasura-role",  // What gateways tell apps of scenario 1's family.
    "x-hasura-user-id",
    "x-hasura-allowed-roles",
    "x-hasura-default-role",
};

}  // namespace epaulet
