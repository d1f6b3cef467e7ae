#include "server/worker_tls.h"

#include <algorithm>

#include "tls/stream.h"

namespace epaulet::server {
namespace {

using upstream::Secured;

Error not_configured() {
  return {ErrorCode::tls_not_configured, Side::self, Stage::tls, Retry::safe};
}

Secured secured(std::unique_ptr<TlsStream> stream, const TlsContext& context) {
  const HandshakeReport& report = stream->report();
  Secured result;
  result.peer = report.spiffe_id;
  result.peer_id = telemetry::intern_foreign(report.spiffe_id);
  if (report.protocol) result.protocol = *report.protocol;
  result.server_name = report.sni;
  result.not_after = std::min(report.not_after, context.identity().not_after());
  result.resumed = report.resumed;
  result.authority = report.authority;
  result.stream = std::move(stream);
  return result;
}

}  // namespace

void WorkerTls::set_context(std::shared_ptr<const TlsContext> context) {
  context_ = std::move(context);
  const auto hash = std::hash<std::string>()(context_->session_generation());
  const auto generation = hash == 0 ? 1 : hash;
  // Sessions of the old one will never be resumed, and each is some KiB.
  if (generation != generation_) sessions_.clear();
  generation_ = generation;
}

bool WorkerTls::trusts(const Sha256& authority) const {
  if (!context_) return false;
  const auto& bundle = context_->identity().bundle();
  return std::any_of(bundle.begin(), bundle.end(),
                     [&](const Certificate& root) { return root.fingerprint() == authority; });
}

Task<Result<Secured>> WorkerTls::accept(StreamPtr lower, Scope& scope) {
  const auto context = context_;
  if (!context) co_return not_configured();
  auto stream = TlsStream::server(std::move(lower), context);
  stream->note_with(&telemetry::intern_foreign);
  const auto shaken = co_await stream->handshake(scope);
  if (!shaken) co_return shaken.error();
  co_return secured(std::move(stream), *context);
}

Task<Result<Secured>> WorkerTls::connect(StreamPtr lower, std::span<const std::string> identities,
                                         const std::string& server_name,
                                         detect::MeshProtocol protocol, Scope& scope) {
  const auto context = context_;
  if (!context) co_return not_configured();
  // Pods of one identity have ticket keys of their own: sessions belong to an address.
  const std::string session_scope = lower->info().peer.to_string();
  TlsClientOptions options;
  options.server_name = server_name;
  options.protocol = protocol;
  options.expected = identities;
  options.sessions = &sessions_;
  options.session_scope = session_scope;
  auto stream = TlsStream::client(std::move(lower), context, options);
  stream->note_with(&telemetry::intern_foreign);
  const auto shaken = co_await stream->handshake(scope);
  if (!shaken) co_return shaken.error();
  co_return secured(std::move(stream), *context);
}

}  // namespace epaulet::server
