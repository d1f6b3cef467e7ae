#include "path/detecting.h"

#include <algorithm>

#include "detect/detector.h"
#include "runtime/event.h"

namespace epaulet::path {
namespace {

/// A silent caller whose server cannot be reached, or has gone, waits for a greeting that will not
/// come; one who is merely slow still gets the chance to ask, and an answer that explains.
constexpr std::chrono::seconds kLastChanceToSpeak{1};

/// Sets an event when either side says something more, or ends.
class EitherSide final : private StreamReader::Observer {
 public:
  EitherSide(Loop& loop, StreamReader& client, StreamReader& server)
      : event_(loop), client_(client), server_(server) {
    const auto client_had = client.buffered().size();
    const auto server_had = server.buffered().size();
    client_.observe(this);
    server_.observe(this);
    client_.watch();
    server_.watch();
    if (has_news(client_, client_had) || has_news(server_, server_had)) event_.set();
  }
  ~EitherSide() {
    client_.observe(nullptr);
    server_.observe(nullptr);
  }
  [[nodiscard]] auto wait(Scope& scope) { return event_.wait(scope); }

 private:
  static bool has_news(const StreamReader& reader, std::size_t had) {
    return reader.buffered().size() > had || reader.at_end() || reader.failed();
  }
  void on_input() override { event_.set(); }

  Event event_;
  StreamReader& client_;
  StreamReader& server_;
};

Spoken spoken(detect::Verdict verdict) {
  switch (verdict) {
    case detect::Verdict::http1:
      return Spoken::http1;
    case detect::Verdict::http2_preface:
      return Spoken::http2;
    case detect::Verdict::tls_client_hello:
      return Spoken::tls;
    case detect::Verdict::opaque:
    case detect::Verdict::need_more:
      return Spoken::opaque;
  }
  return Spoken::opaque;
}

/// True: the caller has spoken (or left). False: it has been silent for so long that the server may
/// begin.
Task<Result<bool>> caller_speaks(Connection& connection) {
  const Error silence{ErrorCode::detect_timeout, Side::self, Stage::detect};
  const bool peer_has_waited = connection.mesh_protocol == detect::MeshProtocol::any;
  const auto patience =
      peer_has_waited ? limits::kSpeculativeDialAfterPeer : limits::kSpeculativeDialAfter;
  Scope silent(connection.scope);
  silent.set_deadline(connection.now() + patience, silence);
  const auto filled = co_await connection.reader().fill(silent);
  if (!filled && filled.error() == silence) co_return false;
  if (!filled) co_return filled.error();
  co_return true;
}

Task<Result<void>> hear(Loop& loop, StreamReader& client, RawUpstream& server, Scope& scope) {
  EitherSide either(loop, client, *server.reader);
  co_return co_await either.wait(scope);
}

/// By a FIN without TLS's own word for it, too, or by a reset: a sidecar that dialled early for a
/// caller who then spoke something else closes like that. Nothing is cut short.
bool has_left(const StreamReader& client) {
  if (!client.failed()) return client.at_end();
  const auto code = client.failed()->code;
  return code == ErrorCode::tls_truncated || code == ErrorCode::upstream_reset ||
         code == ErrorCode::downstream_reset;
}

enum class ServerSaid : std::uint8_t { nothing, opaque, http, gone };

ServerSaid server_said(const StreamReader& server) {
  if (server.buffered().empty()) {
    return server.at_end() || server.failed() ? ServerSaid::gone : ServerSaid::nothing;
  }
  switch (detect::classify_answer(server.buffered())) {
    case detect::Verdict::http1:
    case detect::Verdict::http2_preface:
      return ServerSaid::http;
    case detect::Verdict::need_more:
      return server.at_end() ? ServerSaid::opaque : ServerSaid::nothing;
    case detect::Verdict::tls_client_hello:
    case detect::Verdict::opaque:
      return ServerSaid::opaque;
  }
  return ServerSaid::opaque;
}

}  // namespace

Task<Result<Detected>> find_protocol(Connection& connection, EarlyDial* early) {
  StreamReader& client = connection.reader();
  Detected found;
  Error give_up{ErrorCode::detect_timeout, Side::downstream, Stage::detect};
  Scope waiting(connection.scope);
  const auto until = connection.now() + connection.snapshot().inbound_timeouts.detect;
  waiting.set_deadline(until, give_up);
  for (;;) {
    const auto verdict = detect::classify(client.buffered());
    if (verdict != detect::Verdict::need_more) {
      found.protocol = spoken(verdict);
      co_return found;
    }
    if (client.buffered().empty() && has_left(client))
      co_return Error(ErrorCode::end_of_stream, Side::downstream, Stage::detect);
    if (client.failed()) co_return *client.failed();
    if (client.at_end()) co_return found;  // A few bytes and a FIN: nothing that we know.
    if (found.upstream) {
      // An idle server-first connection may take its time: only the caller's own bytes are awaited
      // with a limit.
      Scope& limit = client.buffered().empty() ? connection.scope : waiting;
      const auto& server = *found.upstream->reader;
      if (server.at_end() || server.failed()) {
        // It has spoken and left, and the caller has begun: only the caller can say more.
        const auto filled = co_await client.fill(limit);
        if (!filled && !client.failed()) co_return filled.error();
        continue;
      }
      const auto heard = co_await hear(connection.worker.loop, client, *found.upstream, limit);
      if (!heard) co_return heard.error();
      const auto said = server_said(*found.upstream->reader);
      if (said == ServerSaid::opaque && client.buffered().empty()) co_return found;
      if (said == ServerSaid::http || said == ServerSaid::gone) {
        // An answer to silence (node's 408), the SETTINGS of HTTP/2, or a server that gave up
        // waiting: not this connection's verdict.
        found.upstream.reset();
        early = nullptr;
        if (said == ServerSaid::gone) {
          waiting.set_deadline(std::min(until, connection.now() + kLastChanceToSpeak), give_up);
        }
      }
      continue;
    }
    if (early != nullptr && client.buffered().empty()) {
      const auto speaks = co_await caller_speaks(connection);
      if (!speaks && !client.failed()) co_return speaks.error();
      if (!speaks || *speaks) continue;
      connection.worker.telemetry.count(telemetry::Counter::speculative_dials);
      auto dialled = co_await std::exchange(early, nullptr)->dial();
      if (dialled) {
        found.upstream.emplace(std::move(*dialled));
      } else {
        give_up = dialled.error();
        waiting.set_deadline(std::min(until, connection.now() + kLastChanceToSpeak), give_up);
      }
      continue;
    }
    const auto filled = co_await client.fill(waiting);
    if (!filled && !client.failed())
      co_return filled.error().code == ErrorCode::detect_timeout ? give_up : filled.error();
  }
}

Task<Result<detect::ClientHello>> read_hello(Connection& connection) {
  Scope waiting(connection.scope);
  waiting.set_deadline(connection.now() + connection.snapshot().inbound_timeouts.detect,
                       {ErrorCode::detect_timeout, Side::downstream, Stage::detect});
  StreamReader& reader = connection.reader();
  detect::ClientHello hello;
  for (;;) {
    const auto verdict = detect::parse_client_hello(reader.buffered(), hello);
    if (verdict == detect::HelloVerdict::complete) co_return hello;
    if (verdict == detect::HelloVerdict::malformed) {
      co_return Error(ErrorCode::tls_protocol_error, Side::downstream, Stage::tls);
    }
    reader.reserve(2 * limits::kClientHelloBytesMax);
    const auto filled = co_await reader.fill(waiting);
    if (!filled) co_return filled.error();
    if (*filled == 0) co_return Error(ErrorCode::tls_truncated, Side::downstream, Stage::tls);
  }
}

}  // namespace epaulet::path
