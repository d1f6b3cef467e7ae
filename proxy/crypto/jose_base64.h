#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace epaulet {

/// Decodes base64url as JOSE has it (RFC 7515 section 2): no padding, no white space, no other
/// alphabet, and the bits behind the last byte are zero (RFC 4648 section 3.5), so that no two
/// texts mean the same bytes.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

/// The same, the other way.
[[nodiscard]] std::string encode_base64url(std::string_view bytes);

}  // namespace epaulet
