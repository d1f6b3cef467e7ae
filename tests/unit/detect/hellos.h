#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// ClientHellos for tests: recorded ones, and a builder for those that no library would send.
namespace epaulet::detect {

inline std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return out;
}

/// OpenSSL 3.0, server name "API2.default", ALPN epaulet/1-h1 and epaulet/1-any.
inline constexpr std::string_view kMeshHello =
    "1603010200010001fc03031792e42b04a70642f5567f9074750668ef9deab532b5f0c30145700a127b1794200da9f8"
    "d2"
    "b27ee38b5f9398b1afb1e9e1530ee3a4699bcd1190dfb96cc42624cd0024130213031301c02cc030c02bc02fcca9cc"
    "a8"
    "c024c028c023c027009f009e006b006700ff0100018f00000011000f00000c415049322e64656661756c74000b0004"
    "03"
    "000102000a00160014001d0017001e0019001801000101010201030104002300000010001d001b0c657061756c6574"
    "2f"
    "312d68310d657061756c65742f312d616e790016000000170000000d002a0028040305030603080708080809080a08"
    "0b"
    "080408050806040105010601030303010302040205020602002b00050403040303002d00020101003300260024001d"
    "00"
    "20d0c6e5fe2b2910fe45d8c8a1ae5d0f1a40b99d04ce2e1103b8b77fa865992821001500c000000000000000000000"
    "00"
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00"
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00"
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00"
    "00000000000000000000000000000000000000000000000000000000000000000000000000";

/// OpenSSL 3.0, server name "www.example.org", ALPN h2 and http/1.1.
inline constexpr std::string_view kForeignHello =
    "1603010200010001fc03031df532031fe2676f8a04019ab935de53bb746d19f9a24dcca638149f83973bb12048b978"
    "75"
    "be65b88cd55b080b5da0e57c702510c63e0481badd452a09658b87f30024130213031301c02cc030c02bc02fcca9cc"
    "a8"
    "c024c028c023c027009f009e006b006700ff0100018f00000014001200000f7777772e6578616d706c652e6f726700"
    "0b"
    "000403000102000a00160014001d0017001e0019001801000101010201030104002300000010000e000c0268320868"
    "74"
    "74702f312e310016000000170000000d002a0028040305030603080708080809080a080b0804080508060401050106"
    "01"
    "030303010302040205020602002b00050403040303002d00020101003300260024001d00208a5a2bcf61363bde3fe9"
    "99"
    "81121b442eb9c106ed4bc5ef0707c214f14bf2d251001500cc00000000000000000000000000000000000000000000"
    "00"
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00"
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00"
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00"
    "00000000000000000000000000000000000000000000000000000000000000000000000000";

/// OpenSSL 3.0 limited to TLS 1.2, neither server name nor ALPN.
inline constexpr std::string_view kPlainHello =
    "160301009d0100009903037aab3b2c2beeee54433e8e16a49eb949e0c15785dc84d8ca43ca49b393b8952600001ec0"
    "2c"
    "c030c02bc02fcca9cca8c024c028c023c027009f009e006b006700ff01000052000b000403000102000a000c000a00"
    "1d"
    "0017001e00190018002300000016000000170000000d002a0028040305030603080708080809080a080b0804080508"
    "06"
    "040105010601030303010302040205020602";

inline std::string number(std::size_t value, int octets) {
  std::string out;
  for (int i = octets - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}
/// A length of `octets` octets, then `content`.
inline std::string piece(const std::string& content, int octets) {
  return number(content.size(), octets) + content;
}
inline std::string record(const std::string& fragment) {
  return "\x16\x03\x01" + piece(fragment, 2);
}
inline std::string server_name_extension(const std::string& name) {
  return number(0, 2) + piece(piece(number(0, 1) + piece(name, 2), 2), 2);
}
inline std::string alpn_extension(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += piece(name, 1);
  return number(16, 2) + piece(piece(list, 2), 2);
}
/// The handshake message without its record.
inline std::string message_with(const std::string& extensions) {
  return number(1, 1) +
         piece(number(0x0303, 2) + std::string(32, 'r') + piece("", 1) +
                   piece(number(0x1301, 2), 2) + piece(number(0, 1), 1) + piece(extensions, 2),
               3);
}
inline std::string hello_with(const std::string& extensions) {
  return record(message_with(extensions));
}

}  // namespace epaulet::detect
