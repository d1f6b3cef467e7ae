#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace epaulet {

/// `bytes` from OpenSSL's generator for secrets, in hexadecimal.
[[nodiscard]] std::string random_secret(std::size_t bytes);

/// Whether they are the same, in a time that tells nothing of where they differ. Their lengths are
/// no secret.
[[nodiscard]] bool equal_secrets(std::string_view a, std::string_view b);

}  // namespace epaulet
