#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace epaulet::redirect {

/// Builds one netlink request: a header, a fixed body, attributes (netlink(7)).
class NetlinkRequest {
 public:
  template <class Body>
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, const Body& body)
      : NetlinkRequest(type, flags) {
    append(&body, sizeof body);
  }
  NetlinkRequest(std::uint16_t type, std::uint16_t flags);

  template <class Value>
  void put(std::uint16_t attribute, const Value& value) {
    put_bytes(attribute, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  void put_bytes(std::uint16_t attribute, std::span<const std::uint8_t> bytes);
  void put_text(std::uint16_t attribute, std::string_view text);  ///< Zero-terminated.

  /// Opens an attribute that holds others; returns what `end` needs.
  [[nodiscard]] std::size_t begin(std::uint16_t attribute);
  void end(std::size_t begun);
  /// Fixed bytes inside a nested attribute (VETH_INFO_PEER holds an ifinfomsg).
  void append(const void* bytes, std::size_t size);

  /// The request as it is sent, its length filled in.
  [[nodiscard]] std::span<const std::uint8_t> finish(std::uint32_t sequence);

 private:
  std::vector<std::uint8_t> bytes_;
};

/// One message of an answer.
struct NetlinkReply {
  std::uint16_t type = 0;
  std::vector<std::uint8_t> payload;  ///< Fixed body, then attributes.
};

/// The bytes of an attribute in `attributes` (which starts at an attribute), or nothing.
[[nodiscard]] std::optional<std::span<const std::uint8_t>> find_attribute(
    std::span<const std::uint8_t> attributes, std::uint16_t wanted);

/// A netlink socket for one request at a time; blocking, because the kernel answers at once.
class NetlinkSocket {
 public:
  /// `protocol`: NETLINK_ROUTE or NETLINK_NETFILTER. Check `error()` before use.
  explicit NetlinkSocket(int protocol);
  ~NetlinkSocket();
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;

  [[nodiscard]] int error() const { return error_; }

  /// Sends and waits for the acknowledgement or the end of a dump, collecting what comes before.
  /// Returns 0 or an errno.
  [[nodiscard]] int ask(NetlinkRequest& request, std::vector<NetlinkReply>* replies = nullptr);

 private:
  int fd_ = -1;
  int error_ = 0;
  std::uint32_t sequence_ = 0;
};

}  // namespace epaulet::redirect
