#pragma once

namespace epaulet {

/// Whether a decoder that does not look closely would make a shorter character's code of `first`
/// and `second` (RFC 3629 sections 3 and 10): ASCII in disguise. C0 and C1 begin nothing else. The
/// forms of five and six bytes are long abolished, but those of them that hide a short code still
/// work in some places. `second`: 0 at the end of the text.
[[nodiscard]] constexpr bool is_overlong(unsigned char first, unsigned char second) {
  if (first == 0xc0 || first == 0xc1) return true;
  const auto is_between = [&](unsigned char low, unsigned char high) {
    return second >= low && second <= high;
  };
  return (first == 0xe0 && is_between(0x80, 0x9f)) || (first == 0xf0 && is_between(0x80, 0x8f)) ||
         (first == 0xf8 && is_between(0x80, 0x87)) || (first == 0xfc && is_between(0x80, 0x83));
}

}  // namespace epaulet
