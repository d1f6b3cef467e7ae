#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/certificate.h"
#include "crypto/key.h"

namespace epaulet {

/// Why a client that trusts `roots` would not take `chain` (leaf first) for the server `host` at
/// `now`; nothing if it would. Outside the mesh: a name is proven, no identity.
[[nodiscard]] std::optional<std::string> fault_of_server(const std::vector<Certificate>& chain,
                                                         const std::vector<Certificate>& roots,
                                                         const std::string& host, WallTime now);

/// Whether `key` was made for `certificate`.
[[nodiscard]] bool belongs_to(const PrivateKey& key, const Certificate& certificate);

}  // namespace epaulet
