#include <array>
#include <vector>

#include "base/limits.h"
#include "dns/receive.h"
#include "dns/server_state.h"
#include "io/accept.h"
#include "io/ops.h"

// Datagrams and streams: how queries come in and answers go out.
namespace epaulet {
namespace {

/// So many datagrams in one turn, then others run: a flood of queries must not stop discovery or
/// the admin API.
constexpr std::size_t kDatagramsPerTurn = 32;
/// A socket or listener that fails (no memory, no descriptor) is tried again after this.
constexpr std::chrono::milliseconds kRetryAfter{100};

/// Reads until `buffer` is full. False: the stream ended or failed first.
Task<bool> read_exactly(ByteStream& stream, Bytes buffer, Scope& scope) {
  while (!buffer.empty()) {
    const auto got = co_await read_some(stream, buffer, scope);
    if (!got || *got == 0) co_return false;
    buffer = buffer.subspan(*got);
  }
  co_return true;
}

}  // namespace

Task<void> DnsServer::State::serve_datagrams(std::shared_ptr<State> state, DatagramSocket& socket) {
  // One octet more than a query may have shows the one that is too long.
  std::vector<std::byte> buffer(limits::kDnsMessageBytesMax + 1);
  for (std::size_t received = 1;; ++received) {
    const auto datagram = co_await Receive(socket, buffer, state->scope);
    if (state->is_stopped()) co_return;
    if (!datagram) {
      (void)co_await sleep_until(state->scope, state->loop.now() + kRetryAfter);
      continue;
    }
    const ConstBytes bytes(buffer.data(), datagram->bytes);
    Query query = state->read(bytes, datagram->from, false);
    if (auto reply = state->answer_now(query)) {
      state->record(query, *reply);
      if (!reply->bytes.empty()) (void)socket.send(reply->bytes, query.client);
    } else {
      state->loop.spawn(answer_datagram(state, socket, std::move(query)));
    }
    if (received % kDatagramsPerTurn == 0) co_await next_turn(state->loop);
  }
}

Task<void> DnsServer::State::answer_datagram(std::shared_ptr<State> state, DatagramSocket& socket,
                                             Query query) {
  const auto reply = co_await answer(state, query);
  if (!reply) co_return;
  state->record(query, *reply);
  (void)socket.send(
      reply->bytes,
      query.client);  // What does not fit into the socket is lost: the client asks again.
}

Task<void> DnsServer::State::accept_streams(std::shared_ptr<State> state, Listener& listener) {
  for (;;) {
    auto stream = co_await Accept(listener, state->scope);
    if (state->is_stopped()) co_return;
    if (!stream) {
      (void)co_await sleep_until(state->scope, state->loop.now() + kRetryAfter);
    } else if (state->tcp_connections >= limits::kDnsTcpConnectionsMax) {
      (*stream)->reset();
      state->counters.add(DnsResult::overloaded);
    } else {
      state->loop.spawn(serve_stream(state, std::move(*stream)));
    }
  }
}

Task<void> DnsServer::State::serve_stream(std::shared_ptr<State> state, StreamPtr stream) {
  const Counted is_open(state->tcp_connections);
  const Error idle(ErrorCode::idle_timeout, Side::downstream, Stage::dns);
  const SocketAddress client = stream->info().peer;
  std::vector<std::byte> buffer;
  for (;;) {
    // RFC 1035 section 4.2.2: two octets of length before each message.
    Scope scope(state->scope);
    scope.set_deadline(state->loop.now() + limits::kDnsTcpIdle, idle);
    std::array<std::byte, 2> prefix;
    const bool has_prefix = co_await read_exactly(*stream, prefix, scope);
    if (!has_prefix || state->is_stopped()) co_return;
    const std::size_t length =
        std::to_integer<std::size_t>(prefix[0]) << 8 | std::to_integer<std::size_t>(prefix[1]);
    if (length > limits::kDnsMessageBytesMax) {
      stream->reset();
      state->counters.add(DnsResult::malformed);
      co_return;
    }
    buffer.resize(length);
    const bool has_message = co_await read_exactly(*stream, buffer, scope);
    if (!has_message || state->is_stopped()) co_return;
    scope.clear_deadline();

    const Query query = state->read(buffer, client, true);
    auto reply = state->answer_now(query);
    if (!reply) {
      reply = co_await answer(state, query);
      if (!reply) co_return;
    }
    state->record(query, *reply);
    if (reply->bytes.empty()) co_return;
    const std::size_t size = reply->bytes.size();
    prefix = {static_cast<std::byte>(size >> 8), static_cast<std::byte>(size & 0xff)};
    const std::array<ConstBytes, 2> pieces{ConstBytes(prefix), ConstBytes(reply->bytes)};
    scope.set_deadline(state->loop.now() + limits::kDnsTcpIdle, idle);
    const auto written = co_await write_all(*stream, pieces, scope);
    if (!written || state->is_stopped()) co_return;
  }
}

}  // namespace epaulet
