#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crypto/digest.h"
#include "crypto/reason.h"

/// API keys at rest. What is kept of a key is its SHA-256: a key is drawn, not thought up, so there
/// is nothing to guess that a slow hash or a salt would protect, and a request's key is found by
/// one fast hash.
namespace epaulet {

/// A new key: 32 bytes of the kernel's randomness as text, 47 characters. `epk_` before them lets
/// scanners for leaked secrets find it.
[[nodiscard]] std::string draw_api_key();

/// Why a text cannot be a key: it is shorter than limits::kApiKeyBytesMin or longer than
/// limits::kApiKeyBytesMax, or has blanks or characters that a header does not carry. "": it can.
[[nodiscard]] std::string flaw_of_api_key(std::string_view key);

/// "sha256:" and 64 hexadecimal digits.
[[nodiscard]] std::string write_api_key_hash(const Sha256& hash);

/// Reads keys, one a line, each as write_api_key_hash() writes it or as it is; a line that begins
/// with # is a comment. A
/// text of comments alone is no keys, one without anything an error: it may be half written. The
/// reason, if one is no key, names its line and never what it says.
/// `name`: of the file or variable.
[[nodiscard]] Checked<std::vector<Sha256>> read_api_keys(std::string_view text,
                                                         std::string_view name);

}  // namespace epaulet
