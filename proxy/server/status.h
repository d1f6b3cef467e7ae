#pragma once

#include <string>

#include "discovery/endpoints.h"
#include "dns/virtual_address_table.h"
#include "enroll/client.h"
#include "jwks/remote_keys.h"
#include "path/snapshot.h"
#include "server/identity_keeper.h"

/// What the admin endpoints show: JSON, without secrets.
namespace epaulet::server {

/// GET /config: the settings in force, since when, and why newer ones were refused ("" if none
/// were).
[[nodiscard]] std::string config_json(const path::Snapshot& snapshot, WallTime loaded_at,
                                      const std::string& rejection);
/// GET /services: names, ports, virtual addresses, routes with their backends.
[[nodiscard]] std::string services_json(const path::Snapshot& snapshot,
                                        const VirtualAddressTable& addresses);
/// Monotonic times as people read them.
struct Clocks {
  TimePoint now{};
  WallTime wall_now{};
};
/// GET /endpoints: each backend's endpoints, where they come from, the last error, connections in
/// use; who is left out or was, and all breakers: why, on which evidence, until when.
/// `own_zone`: where we run; "": nobody knows.
[[nodiscard]] std::string endpoints_json(const path::Snapshot& snapshot, const Endpoints& endpoints,
                                         std::string_view own_zone, const Clocks& clocks);
/// GET /certs: our identity, the chain and the bundle with their validity; why newer files were
/// refused.
[[nodiscard]] std::string certs_json(const IdentityKeeper& keeper,
                                     const enroll::EnrollStatus* enrolling);
/// GET /issuers: those whose keys are fetched: how many there are, since when, when again, and why
/// there are none.
[[nodiscard]] std::string issuers_json(const std::vector<jwks::IssuerStatus>& issuers);

}  // namespace epaulet::server
