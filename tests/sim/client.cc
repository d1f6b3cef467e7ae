#include "client.h"

#include <fmt/format.h>

#include "runtime/fork.h"

namespace epaulet::sim {
namespace {

using Abort = RequestScript::Abort;

/// Longer than any deadline of the proxies: whoever waits so long was forgotten.
constexpr std::chrono::minutes kPatience{30};

std::string head_text(const Exchanged& exchanged, int id) {
  const RequestScript& script = exchanged.request;
  std::string head =
      fmt::format("{} {} HTTP/1.{}\r\n", script.method, script.path, script.http10 ? 0 : 1);
  head += "Host: api2.default\r\n";
  head += fmt::format("X-Request-Id: {}\r\n", id_text(id));
  for (const auto& [name, value] : script.fields) head += fmt::format("{}: {}\r\n", name, value);
  head += framing_lines(script.body);
  if (script.http10 && script.keep_alive) head += "Connection: keep-alive\r\n";
  if (!script.http10 && !script.keep_alive) head += "Connection: close\r\n";
  return head + "\r\n";
}

}  // namespace

void Client::connect(SocketAddress to, std::vector<int> ids, Manner manner) {
  ++open_;
  loop_.spawn(converse(to, std::move(ids), manner));
}

Task<void> Client::converse(SocketAddress to, std::vector<int> ids, Manner manner) {
  Scope scope(loop_);
  scope.set_deadline(loop_.now() + kPatience, {ErrorCode::idle_timeout, Side::self, Stage::none});
  (void)co_await sleep_until(scope, loop_.now() + manner.start);
  for (const int id : ids) ledger_.at(id).never_asked = true;
  auto dialled = co_await dialer_->dial(to, scope);
  if (dialled) {
    Peer peer(std::move(*dialled), scope, MessageReader::Kind::response);
    if (manner.silence.count() > 0) {
      (void)co_await sleep_until(scope, loop_.now() + manner.silence);
    }
    if (manner.pipelined) {
      co_await pipeline(peer, ids);
    } else {
      for (const int id : ids) {
        if (!co_await exchange(peer, id)) break;
        if (think.count() > 0) (void)co_await sleep_until(scope, loop_.now() + think);
      }
    }
    peer.close();
  }
  --open_;
}

void Client::talk(SocketAddress to, Talk& talk) {
  ++open_;
  loop_.spawn(dial_and_talk(to, talk));
}

Task<void> Client::dial_and_talk(SocketAddress to, Talk& talk) {
  Scope scope(loop_);
  scope.set_deadline(loop_.now() + kPatience, {ErrorCode::idle_timeout, Side::self, Stage::none});
  (void)co_await sleep_until(scope, loop_.now() + talk.start);
  auto dialled = co_await dialer_->dial(to, scope);
  if (dialled) {
    Peer peer(std::move(*dialled), scope, MessageReader::Kind::response);
    co_await hold(talk, peer);
    peer.close();
  }
  --open_;
}

void Client::abort(Peer& peer, int id) {
  ledger_.at(id).aborted = true;
  peer.stream().reset();
  peer.scope().cancel({ErrorCode::cancelled, Side::self, Stage::none});
}

Task<bool> Client::send(Peer& peer, int id) {
  Exchanged& exchanged = ledger_.at(id);
  const RequestScript& script = exchanged.request;
  exchanged.never_asked = false;
  exchanged.sent_at = loop_.now();
  if (!co_await peer.write(head_text(exchanged, id))) co_return false;
  exchanged.head_sent = true;
  const std::string text = body_text(id, true, script.body.bytes);
  for (std::size_t at = 0; script.body.framing != BodyScript::Framing::none;) {
    const auto piece = std::string_view(text).substr(at, script.body.piece);
    if (script.body.pause.count() > 0) {
      (void)co_await sleep_until(peer.scope(), loop_.now() + script.body.pause);
    }
    if (script.abort == Abort::in_body && at + piece.size() > script.abort_after) {
      abort(peer, id);
      co_return false;
    }
    at += piece.size();
    if (!co_await peer.write(framed_piece(script.body, piece, at == text.size(), id)))
      co_return false;
    if (at == text.size()) break;
  }
  exchanged.request_sent = true;
  if (script.half_close) (void)co_await peer.finish();
  if (script.abort == Abort::waiting) {
    (void)co_await sleep_until(peer.scope(), loop_.now() + script.abort_wait);
    if (exchanged.answered) co_return true;
    abort(peer, id);
    co_return false;
  }
  co_return true;
}

Task<bool> Client::receive(Peer& peer, int id) {
  Exchanged& exchanged = ledger_.at(id);
  const RequestScript& script = exchanged.request;
  peer.reader.answers_head(script.method == "HEAD");
  for (;;) {
    if (!co_await peer.read_message(true)) co_return false;
    if (!peer.reader.message().informational()) break;
    exchanged.informational.push_back(peer.reader.message());
    peer.reader.next();
  }
  exchanged.head_at = loop_.now();
  while (!peer.reader.message().complete) {
    if (script.abort == Abort::in_response &&
        peer.reader.message().body.size() >= script.abort_after) {
      abort(peer, id);
      break;
    }
    const bool more = co_await peer.read_more();
    if (!peer.reader.advance() || !more) break;
  }
  exchanged.response = peer.reader.message();
  exchanged.answered = exchanged.response.complete;
  exchanged.ended_at = loop_.now();
  co_return exchanged.answered;
}

Task<bool> Client::exchange(Peer& peer, int id) {
  Exchanged& exchanged = ledger_.at(id);
  Fork<bool> upload;
  upload.start(send(peer, id));
  const bool answered = co_await receive(peer, id);
  const bool goes_on =
      answered && !exchanged.response.asks_to_close() && !exchanged.request.half_close;
  // Nobody wants the rest of the request: stop writing it.
  if (!goes_on) peer.scope().cancel({ErrorCode::cancelled, Side::self, Stage::none});
  const bool sent = co_await upload.join();
  peer.reader.next();
  co_return goes_on&& sent;
}

Task<bool> Client::send_all(Peer& peer, const std::vector<int>& ids) {
  for (const int id : ids) {
    if (!co_await send(peer, id)) co_return false;
  }
  co_return true;
}

Task<void> Client::pipeline(Peer& peer, const std::vector<int>& ids) {
  Fork<bool> upload;
  upload.start(send_all(peer, ids));
  for (const int id : ids) {
    if (!co_await receive(peer, id)) break;
    const bool closes = peer.reader.message().asks_to_close();
    peer.reader.next();
    if (closes) break;
  }
  peer.scope().cancel({ErrorCode::cancelled, Side::self, Stage::none});
  (void)co_await upload.join();
}

}  // namespace epaulet::sim
