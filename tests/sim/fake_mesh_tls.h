#pragma once

#include <string>

#include "upstream/mesh_tls.h"

namespace epaulet::sim {

/// Mesh TLS without cryptography: a ClientHello that detect/ takes for a sidecar's, then one line
/// each way that says who speaks. What follows is in the clear. Cheap enough for thousands of
/// simulated handshakes, and it waits where the real one waits.
class FakeMeshTls final : public upstream::MeshTls {
 public:
  /// `shares`: it knows of connections that streams carry.
  explicit FakeMeshTls(std::string identity, bool shares = true)
      : identity_(std::move(identity)), shares_(shares) {}

  Task<Result<upstream::Secured>> accept(StreamPtr lower, Scope& scope) override;
  Task<Result<upstream::Secured>> connect(StreamPtr lower, std::span<const std::string> identities,
                                          const std::string& server_name,
                                          detect::MeshProtocol protocol, Scope& scope) override;
  [[nodiscard]] std::uint64_t trust_generation() const override { return generation_; }
  [[nodiscard]] bool trusts(const Sha256& authority) const override {
    return authority[0] >= trusted_since_;
  }

  /// As after a change of the bundle; `root_leaves`: peers from before are no longer trusted.
  void change_trust(bool root_leaves) {
    ++generation_;
    if (root_leaves) trusted_since_ = static_cast<std::uint8_t>(generation_);
  }
  /// Life of the peers' certificates from now on.
  void set_lifetime(std::chrono::nanoseconds lifetime) { lifetime_ = lifetime; }

 private:
  std::string identity_;
  const bool shares_;
  std::uint64_t generation_ = 1;
  std::uint8_t trusted_since_ = 0;
  std::chrono::nanoseconds lifetime_ = std::chrono::hours(24);
};

/// A ClientHello as in RFC 8446 section 4.1.2, with SNI and ALPN.
[[nodiscard]] std::string client_hello(std::string_view server_name,
                                       std::initializer_list<std::string_view> alpn);

}  // namespace epaulet::sim
