#include "app.h"

#include <fmt/format.h>

#include <algorithm>

namespace epaulet::sim {

using Fault = AnswerScript::Fault;

App::App(test::SimLoop& loop, test::MemoryNetwork& network, SocketAddress address, Ledger& ledger)
    : loop_(loop),
      ledger_(ledger),
      scope_(loop),
      acceptor_(network.listen(loop, address),
                [this](StreamPtr stream) { loop_.spawn(serve(std::move(stream))); }) {}

Task<bool> App::await_request(Peer& peer, bool fresh) {
  Scope idle(scope_);
  if (keep_alive.count() > 0) {
    idle.set_deadline(loop_.now() + keep_alive, {ErrorCode::idle_timeout, Side::self, Stage::none});
  }
  if (!peer.reader.rest().empty()) co_return true;
  std::array<std::byte, 1> first;
  const auto got = co_await read_some(peer.stream(), first, idle);
  if (!got && fresh && answers_silence) {
    (void)co_await peer.write("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
  }
  if (!got || *got == 0) co_return false;
  peer.reader.append(as_text(first));
  co_return true;
}

Task<void> App::serve(StreamPtr stream) {
  ++open_;
  Peer peer(std::move(stream), scope_, MessageReader::Kind::request);
  After after = After::keep;
  bool fresh = true;
  unsigned heard = 0;
  // Not `while (a && co_await b)`: g++ 12 does not look at a
  // (tests/unit/runtime/toolchain_test.cc).
  while (after == After::keep) {
    const bool first = std::exchange(fresh, false);
    if (!co_await await_request(peer, first)) break;
    if (first && !co_await peer.read_at_least(2)) break;
    if (first && peer.reader.rest().starts_with("PR")) {  // PRI: no method that we know.
      co_await serve_http2(peer.release(), peer.reader.take_rest());
      break;
    }
    if (!co_await peer.read_message(true)) break;
    if (peer.reader.message().field("user-agent") == "epaulet/health") {
      ++checks_;
      bool silent = health_status == 0;
      while (silent) silent = co_await peer.read_more();
      if (health_status == 0) break;
      (void)co_await peer.write(fmt::format(
          "HTTP/1.1 {} Checked\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", health_status));
      break;
    }
    const int id = id_of(peer.reader.message());
    if (!ledger_.contains(id)) {
      ++strangers_;
      break;
    }
    ++heard;
    const bool breaks_it = breaks > 0 && heard % breaks == 0;
    after = co_await handle(peer, id, breaks_it);
    peer.reader.next();
  }
  if (after == After::reset) {
    peer.reset();
  } else {
    peer.close();
  }
  --open_;
}

Task<void> App::serve_http2(StreamPtr stream, std::string heard) {
  Http2Server server(ledger_, scope_, http2, slowness);
  co_await server.serve(std::move(stream), std::move(heard));
  strangers_ += server.strangers();
  violations_.insert(violations_.end(), server.violations().begin(), server.violations().end());
}

void App::keep_request(Peer& peer, int id, std::size_t index) {
  Delivery& delivery = ledger_.at(id).deliveries[index];
  delivery.request = peer.reader.message();
  delivery.whole = delivery.request.complete;
}

/// The thread that is free first takes it, in the order of their coming.
TimePoint App::thought_until(std::chrono::nanoseconds think) {
  if (threads == 0) return loop_.now() + think;
  busy_until_.resize(threads);
  const auto thread = std::min_element(busy_until_.begin(), busy_until_.end());
  *thread = std::max(*thread, loop_.now()) + think;
  return *thread;
}

Task<App::After> App::suffer(Peer& peer, Fault fault) {
  if (fault == Fault::garbage) (void)co_await peer.write("SMTP/1.0 hello\r\n\r\n");
  bool silent = fault == Fault::silence;
  if (silent && hints) (void)co_await peer.write("HTTP/1.1 103 Early Hints\r\n\r\n");
  while (silent) silent = co_await peer.read_more();
  co_return fault == Fault::reset_before_response ? After::reset : After::close;
}

Task<App::After> App::handle(Peer& peer, int id, bool breaks_it) {
  Exchanged& exchanged = ledger_.at(id);
  const AnswerScript& script = exchanged.answer;
  const std::size_t index = exchanged.deliveries.size();
  exchanged.deliveries.emplace_back().at = loop_.now();
  const bool faulty = index < script.faulty_deliveries;

  bool early = false;
  if (script.early_after) {
    while (!peer.reader.message().complete &&
           peer.reader.message().body.size() < *script.early_after) {
      if (!co_await peer.read_more()) break;
      if (!peer.reader.advance()) break;
    }
    early = !peer.reader.message().complete;
  } else {
    (void)co_await peer.read_message();
  }
  keep_request(peer, id, index);
  if (peer.failed() || (peer.ended() && !peer.reader.message().complete)) co_return After::close;
  if (script.think + slowness > script.think.zero()) {
    (void)co_await sleep_until(scope_, thought_until(script.think + slowness));
  }
  if (breaks_it) co_return After::reset;
  const bool in_body = script.fault == Fault::close_in_body || script.fault == Fault::reset_in_body;
  if (faulty && script.fault != Fault::none && !in_body)
    co_return co_await suffer(peer, script.fault);

  exchanged.deliveries[index].head_sent = loop_.now();
  const bool whole = co_await answer(peer, id, index);
  if (!whole) {
    co_return script.fault == Fault::reset_in_body ? After::reset : After::close;
  }
  if (early) {
    if (!script.reads_rest) co_return After::close;
    (void)co_await peer.read_message();
    keep_request(peer, id, index);
    if (!peer.reader.message().complete) co_return After::close;
  }
  // Where the connection's end delimits the body. A bodiless answer needs no end.
  const bool delimits = script.body.framing == BodyScript::Framing::until_close &&
                        exchanged.request.method != "HEAD" && script.status != 204 &&
                        script.status != 304;
  const bool ends =
      script.close || script.http10 || delimits || peer.reader.message().asks_to_close();
  co_return ends ? After::close : After::keep;
}

/// False: the connection must end, because the answer is not whole.
Task<bool> App::answer(Peer& peer, int id, std::size_t index) {
  const Exchanged& exchanged = ledger_.at(id);
  const AnswerScript& script = exchanged.answer;
  const bool faulty = index < script.faulty_deliveries;
  for (unsigned i = 0; i < script.informational; ++i) {
    if (!co_await peer.write("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"))
      co_return false;
  }
  const int scripted = faulty && script.failing_status != 0 ? script.failing_status : script.status;
  const int status = failing_status != 0 ? failing_status : scripted;
  const bool bodiless = exchanged.request.method == "HEAD" || status == 204 || status == 304;
  std::string head = fmt::format("HTTP/1.{} {} Whatever\r\nX-Answers: {}\r\n",
                                 script.http10 ? 0 : 1, status, id_text(id));
  for (const auto& [name, value] : script.fields) head += fmt::format("{}: {}\r\n", name, value);
  if (status != 204) head += framing_lines(script.body);
  if (script.close) head += "Connection: close\r\n";
  head += "\r\n";
  if (!co_await peer.write(std::move(head))) co_return false;
  if (bodiless) co_return true;

  const bool cut =
      faulty && (script.fault == Fault::close_in_body || script.fault == Fault::reset_in_body);
  const std::string text = body_text(id, false, script.body.bytes);
  std::size_t at = 0;
  do {
    const auto piece = std::string_view(text).substr(at, script.body.piece);
    at += piece.size();
    if (cut && at >= text.size() / 2) co_return false;
    if (script.body.pause.count() > 0) {
      (void)co_await sleep_until(scope_, loop_.now() + script.body.pause);
    }
    if (!co_await peer.write(framed_piece(script.body, piece, at == text.size(), id)))
      co_return false;
  } while (at < text.size());
  co_return true;
}

}  // namespace epaulet::sim
