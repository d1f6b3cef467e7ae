#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Text that peers chose may be any octets; JSON is UTF-8 (RFC 8259 section 8.1).
namespace epaulet::telemetry {

/// The length of the valid sequence at the start of `text`, 0 if there is none (RFC 3629 section 4:
/// neither overlong, nor a surrogate, nor above U+10FFFF). `text`: not empty.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// C1 controls (U+0080 to U+009F) drive terminals as well as C0 ones do. `sequence`: one valid
/// sequence.
[[nodiscard]] bool is_c1_control(std::string_view sequence);

/// With U+FFFD in the place of each octet that is not part of a valid sequence.
[[nodiscard]] std::string valid_utf8(std::string_view text);

}  // namespace epaulet::telemetry
