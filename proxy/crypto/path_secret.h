#pragma once

#include <string>
#include <string_view>

/// Part of a path that nobody guesses, for pages that must be open to somebody without a name: the
/// kubelet.
namespace epaulet {

/// 16 bytes of the kernel's randomness, as 32 hexadecimal digits.
[[nodiscard]] std::string draw_path_secret();

/// Whether it has the form of one.
[[nodiscard]] bool is_path_secret(std::string_view text);

/// In a time that tells nothing but the lengths.
[[nodiscard]] bool is_same_secret(std::string_view one, std::string_view other);

}  // namespace epaulet
