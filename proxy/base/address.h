#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;
struct sockaddr_storage;

namespace epaulet {

/// An IPv4 or IPv6 address. IPv4-mapped IPv6 addresses are always held as IPv4.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  [[nodiscard]] static IpAddress v4(std::uint32_t host_order);
  [[nodiscard]] static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);
  /// "10.0.0.1", "fd00::1" or "[fd00::1]"; no zone.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const { return v4_; }
  [[nodiscard]] bool is_v6() const { return !v4_; }
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_unspecified() const;
  /// Network order; four bytes significant for IPv4.
  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  [[nodiscard]] std::uint32_t to_v4() const;
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  bool v4_ = true;
  std::array<std::uint8_t, 16> bytes_{};
};

/// A network in CIDR notation.
struct IpNetwork {
  IpAddress address;
  unsigned prefix_bits = 0;

  [[nodiscard]] static std::optional<IpNetwork> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& candidate) const;
  [[nodiscard]] std::string to_string() const;
};

/// An address with a TCP or UDP port.
struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0;

  /// "10.0.0.1:80" or "[fd00::1]:80".
  [[nodiscard]] static std::optional<SocketAddress> parse(std::string_view text);
  /// From a sockaddr_in or sockaddr_in6; nothing for other families.
  [[nodiscard]] static std::optional<SocketAddress> from_sockaddr(const sockaddr* address);
  /// Fills `out` and returns the length for bind, connect and sendto.
  [[nodiscard]] unsigned to_sockaddr(sockaddr_storage& out) const;
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

struct SocketAddressHash {
  std::size_t operator()(const SocketAddress& address) const;
};
struct IpAddressHash {
  std::size_t operator()(const IpAddress& address) const;
};

}  // namespace epaulet
