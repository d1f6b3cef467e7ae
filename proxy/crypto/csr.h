#pragma once

#include <string>
#include <string_view>

#include "crypto/key.h"
#include "crypto/reason.h"

namespace epaulet {

/// A PKCS#10 request (RFC 2986) without a name: whoever signs takes the key from it and nothing
/// else. PEM.
[[nodiscard]] std::string make_csr(const PrivateKey& key);

/// The key that a request asks a certificate for. Refuses what is no single PEM request, a weak
/// key, and a request that was not signed with the key itself: nobody gets a certificate for a key
/// that they do not hold. Names, extensions and attributes are not looked at.
[[nodiscard]] Checked<PublicKey> key_of_csr(std::string_view pem);

}  // namespace epaulet
