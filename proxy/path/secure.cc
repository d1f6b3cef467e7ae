#include "detect/detector.h"
#include "path/detecting.h"
#include "upstream/handshake_counter.h"

namespace epaulet::path {
namespace {

using telemetry::Counter;
using telemetry::Event;

enum class FirstBytes : std::uint8_t { tls, plaintext, silence };

Error downstream_end() {
  return {ErrorCode::end_of_stream, Side::downstream, Stage::detect};
}

/// Waits until the first bytes tell TLS from plaintext. A silent caller is waited for where only
/// mesh TLS is accepted; elsewhere its protocol may begin with the server.
Task<Result<FirstBytes>> look(Connection& connection, bool mesh_only) {
  const auto detect_timeout = connection.snapshot().inbound_timeouts.detect;
  const auto begin = connection.now();
  Scope waiting(connection.scope);
  waiting.set_deadline(begin + detect_timeout,
                       {ErrorCode::detect_timeout, Side::downstream, Stage::detect});
  Scope silent(waiting);
  const Error silence{ErrorCode::detect_timeout, Side::self, Stage::detect};
  if (!mesh_only) silent.set_deadline(begin + limits::kSpeculativeDialAfter, silence);
  StreamReader& reader = connection.reader();
  for (;;) {
    const auto verdict = detect::classify(reader.buffered());
    if (verdict == detect::Verdict::tls_client_hello) co_return FirstBytes::tls;
    if (verdict != detect::Verdict::need_more) co_return FirstBytes::plaintext;
    // Where plaintext may enter, what else it is need not be known here: a few bytes may be all
    // that comes before the app answers.
    if (!mesh_only && !detect::may_be_tls(reader.buffered())) co_return FirstBytes::plaintext;
    const bool nothing_yet = reader.buffered().empty();
    const auto filled = co_await reader.fill(nothing_yet ? silent : waiting);
    if (!filled && filled.error() == silence) co_return FirstBytes::silence;
    if (!filled) co_return filled.error();
    if (*filled == 0)
      co_return nothing_yet ? Result<FirstBytes>(downstream_end()) : FirstBytes::plaintext;
  }
}

/// `p<port>.<service>` (design section 5); 0 if it is not of that form.
std::uint16_t port_in(std::string_view server_name) {
  if (server_name.size() < 2 || server_name.front() != 'p') return 0;
  std::uint32_t port = 0;
  std::size_t i = 1;
  for (; i < server_name.size() && server_name[i] >= '0' && server_name[i] <= '9'; ++i) {
    port = port * 10 + static_cast<std::uint32_t>(server_name[i] - '0');
    if (port > 65535) return 0;
  }
  return i > 1 && i < server_name.size() && server_name[i] == '.' ? static_cast<std::uint16_t>(port)
                                                                  : 0;
}

Task<Result<void>> terminate(Connection& connection) {
  Worker& worker = connection.worker;
  Scope handshake(connection.scope);
  handshake.set_deadline(connection.now() + connection.snapshot().inbound_timeouts.connect,
                         {ErrorCode::tls_timeout, Side::downstream, Stage::tls});
  StreamPtr lower = connection.take_stream();
  auto secured = co_await worker.tls.accept(std::move(lower), handshake);
  if (!secured) {
    worker.telemetry.count(upstream::counter_of(handshake_failure(secured.error())));
    connection.trace(Stage::tls, Event::tls_refused, secured.error().note);
    co_return secured.error();
  }
  worker.telemetry.count(secured->resumed ? Counter::handshakes_inbound_resumed
                                          : Counter::handshakes_inbound);
  connection.put_stream(std::move(secured->stream));
  connection.mesh_tls = true;
  connection.peer = std::move(secured->peer);
  connection.peer_id = secured->peer_id;
  connection.trust = worker.tls.trust_generation();
  connection.authority = secured->authority;
  connection.mesh_protocol = secured->protocol;
  connection.trace(Stage::tls, Event::tls_accepted, connection.peer_id, secured->resumed ? 1 : 0);
  // Never past the trust that it came from: the connection ends when a certificate of it does.
  const auto left = secured->not_after - worker.loop.wall_now();
  connection.scope.set_deadline(connection.now() + std::max<Duration>(left, Duration::zero()),
                                {ErrorCode::tls_peer_expired, Side::downstream, Stage::tls});
  if (connection.entry == Entry::direct)
    connection.destination.port = port_in(secured->server_name);
  co_return Result<void>();
}

}  // namespace

Task<Result<void>> secure(Connection& connection) {
  const auto& ports = connection.snapshot().settings.workload.ports;
  const bool direct = connection.entry == Entry::direct;
  const auto port = ports.find(connection.destination.port);
  if (!direct && port == ports.end()) {
    co_return Error(ErrorCode::port_not_declared, Side::downstream, Stage::route, Retry::never,
                    connection.destination.port);
  }
  const bool mesh_only = direct || port->second.tls == PortTls::strict;
  const auto first = co_await look(connection, mesh_only);
  if (!first) co_return first.error();
  if (*first != FirstBytes::tls) {
    if (!mesh_only) co_return Result<void>();
    connection.worker.telemetry.count(Counter::plaintext_on_strict);
    co_return Error(ErrorCode::plaintext_on_strict_port, Side::downstream, Stage::tls);
  }
  const auto hello = co_await read_hello(connection);
  if (!hello && mesh_only) co_return hello.error();
  const auto alpn = hello ? detect::judge_alpn(hello->alpn) : detect::AlpnVerdict::foreign;
  if (alpn == detect::AlpnVerdict::unknown_mesh) {
    co_return Error(ErrorCode::tls_alpn_unknown, Side::downstream, Stage::tls);
  }
  if (alpn == detect::AlpnVerdict::foreign) {
    if (mesh_only)
      co_return Error(ErrorCode::foreign_tls_on_strict_port, Side::downstream, Stage::tls);
    connection.app_tls = true;
    co_return Result<void>();
  }
  const auto terminated = co_await terminate(connection);
  if (!terminated) co_return terminated.error();
  if (direct && !ports.contains(connection.destination.port)) {
    co_return Error(ErrorCode::port_not_declared, Side::downstream, Stage::route, Retry::never,
                    connection.destination.port);
  }
  co_return Result<void>();
}

}  // namespace epaulet::path
