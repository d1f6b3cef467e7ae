#include "http2_client.h"

#include <fmt/format.h>

namespace epaulet::sim {
namespace {

using Abort = RequestScript::Abort;

/// Longer than any deadline of the proxies: whoever waits so long was forgotten.
constexpr std::chrono::minutes kPatience{30};

FieldList head_fields(const RequestScript& script, int id) {
  FieldList fields{{":method", script.method},
                   {":scheme", "http"},
                   {":path", script.path},
                   {":authority", "api2.default"},
                   {"x-request-id", id_text(id)}};
  if (script.grpc) {
    fields.emplace_back("content-type", "application/grpc");
    fields.emplace_back("te", "trailers");
  }
  if (script.grpc_timeout) {
    fields.emplace_back("grpc-timeout", fmt::format("{}m", script.grpc_timeout->count()));
  }
  if (script.body.framing == BodyScript::Framing::length) {
    fields.emplace_back("content-length", std::to_string(script.body.bytes));
  }
  fields.insert(fields.end(), script.fields.begin(), script.fields.end());
  return fields;
}

Task<void> end_stall(Http2Peer& peer, Http2Stream& stream, Scope& scope,
                     std::chrono::nanoseconds time) {
  (void)co_await sleep_until(scope, scope.loop().now() + time);
  peer.end_stall(stream);
}

Task<void> leave(Http2Peer& peer, Scope& scope, std::chrono::nanoseconds time) {
  const auto slept = co_await sleep_until(scope, scope.loop().now() + time);
  if (slept) peer.say_goodbye();
}

}  // namespace

void Http2Client::connect(SocketAddress to, std::vector<int> ids, Http2Calling calling) {
  ++open_;
  loop_.spawn(converse(to, std::move(ids), calling));
}

Task<void> Http2Client::converse(SocketAddress to, std::vector<int> ids, Http2Calling calling) {
  Scope scope(loop_);
  scope.set_deadline(loop_.now() + kPatience, {ErrorCode::idle_timeout, Side::self, Stage::none});
  (void)co_await sleep_until(scope, loop_.now() + calling.start);
  for (const int id : ids) ledger_.at(id).never_asked = true;
  auto dialled = co_await dialer_->dial(to, scope);
  if (dialled) {
    if (calling.silence.count() > 0) {
      (void)co_await sleep_until(scope, loop_.now() + calling.silence);
    }
    Http2Peer peer(std::move(*dialled), scope, Http2Peer::Role::client, calling.manners);
    Fork<void> running;
    running.start(peer.run());
    Scope streams(scope);
    Fork<void> leaving;
    if (calling.goodbye_at) leaving.start(leave(peer, streams, *calling.goodbye_at));
    std::deque<Fork<void>> exchanges;
    for (const int id : ids) exchanges.emplace_back().start(exchange(peer, streams, id));
    for (auto& one : exchanges) co_await one.join();
    streams.cancel({ErrorCode::cancelled, Side::self, Stage::none});
    if (calling.goodbye_at) co_await leaving.join();
    peer.end();
    co_await running.join();
    violations_.insert(violations_.end(), peer.violations().begin(), peer.violations().end());
  }
  --open_;
}

void Http2Client::abort(Http2Peer& peer, Http2Stream& stream, int id) {
  if (stream.message.complete || stream.closed) return;
  ledger_.at(id).aborted = true;
  peer.reset(stream, ledger_.at(id).request.reset_code);
}

Task<void> Http2Client::upload(Http2Peer& peer, Http2Stream& stream, Scope& scope, int id) {
  Exchanged& exchanged = ledger_.at(id);
  const RequestScript& script = exchanged.request;
  const std::string text = body_text(id, true, script.body.bytes);
  bool more = script.body.framing != BodyScript::Framing::none;
  for (std::size_t at = 0; more;) {
    const std::string piece = text.substr(at, script.body.piece);
    if (script.body.pause.count() > 0) {
      (void)co_await sleep_until(scope, loop_.now() + script.body.pause);
    }
    if (script.abort == Abort::in_body && at + piece.size() > script.abort_after) {
      co_return abort(peer, stream, id);
    }
    at += piece.size();
    const bool last = at == text.size();
    FieldList trailers;
    if (last) trailers = http2_trailers(script.body, id);
    const bool sent = co_await peer.send(stream, piece, last, trailers);
    if (!sent) {
      exchanged.upload_stuck = !stream.closed && !peer.over();
      co_return;
    }
    more = !last;
  }
  exchanged.request_sent = true;
  if (script.abort == Abort::waiting) {
    (void)co_await sleep_until(scope, loop_.now() + script.abort_wait);
    abort(peer, stream, id);
  }
}

Task<void> Http2Client::receive(Http2Peer& peer, Http2Stream& stream, int id) {
  Exchanged& exchanged = ledger_.at(id);
  const RequestScript& script = exchanged.request;
  for (bool waits = true; waits;) {
    const Message& message = stream.message;
    const bool answering = message.has_head && !message.informational();
    if (answering && exchanged.head_at == TimePoint{}) exchanged.head_at = loop_.now();
    if (message.complete || stream.closed || peer.over()) break;
    if (script.abort == Abort::in_response && answering &&
        message.body.size() >= script.abort_after) {
      abort(peer, stream, id);
    }
    waits = co_await peer.await_news(stream);
  }
  exchanged.response = stream.message;
  exchanged.informational = stream.informational;
  exchanged.answered = stream.message.complete;
  exchanged.ended_at = loop_.now();
  if (exchanged.answered) co_return;
  exchanged.reset_code = stream.closed;
  exchanged.connection_lost = !stream.closed && peer.over();
}

Task<void> Http2Client::exchange(Http2Peer& peer, Scope& scope, int id) {
  Exchanged& exchanged = ledger_.at(id);
  const RequestScript& script = exchanged.request;
  (void)co_await sleep_until(scope, loop_.now() + script.start);
  Http2Stream& stream = peer.make();
  while (!peer.may_ask()) {
    if (peer.over() || peer.goes()) co_return;
    const bool waits = co_await peer.await_news(stream);
    if (!waits) co_return;
  }
  exchanged.never_asked = false;
  exchanged.sent_at = loop_.now();
  peer.ask(stream, head_fields(script, id), script.body.framing == BodyScript::Framing::none);
  exchanged.head_sent = true;
  Scope stalling(scope);
  Fork<void> stall;
  stream.stalled = script.stall.count() > 0;
  if (stream.stalled) stall.start(end_stall(peer, stream, stalling, script.stall));
  Fork<void> sending;
  sending.start(upload(peer, stream, scope, id));
  co_await receive(peer, stream, id);
  co_await sending.join();
  stalling.cancel({ErrorCode::cancelled, Side::self, Stage::none});
  if (script.stall.count() > 0) co_await stall.join();
}

}  // namespace epaulet::sim
