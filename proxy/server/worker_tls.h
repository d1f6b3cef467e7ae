#pragma once

#include "tls/context.h"
#include "tls/session_cache.h"
#include "upstream/mesh_tls.h"

namespace epaulet::server {

/// Mesh TLS of one worker: the context of the identity in force, and the sessions that its dials
/// may resume.
class WorkerTls final : public upstream::MeshTls {
 public:
  /// On the worker's thread. Handshakes under way end with the context that they began with.
  void set_context(std::shared_ptr<const TlsContext> context);

  Task<Result<upstream::Secured>> accept(StreamPtr lower, Scope& scope) override;
  Task<Result<upstream::Secured>> connect(StreamPtr lower, std::span<const std::string> identities,
                                          const std::string& server_name,
                                          detect::MeshProtocol protocol, Scope& scope) override;
  [[nodiscard]] std::uint64_t trust_generation() const override { return generation_; }
  [[nodiscard]] bool trusts(const Sha256& authority) const override;

 private:
  std::shared_ptr<const TlsContext> context_;
  std::uint64_t generation_ = 0;
  TlsSessionCache sessions_;
};

}  // namespace epaulet::server
