#pragma once

#include <string_view>

#include "crypto/digest.h"

namespace epaulet {

/// SHA-256 for every request with a token: like sha256(), but without the three allocations that
/// OpenSSL's one-shot function makes to look the algorithm up.
[[nodiscard]] Sha256 hash_token(std::string_view token);

}  // namespace epaulet
