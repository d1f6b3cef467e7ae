#include "http2_app.h"

#include <algorithm>

namespace epaulet::sim {
namespace {

using Fault = AnswerScript::Fault;
constexpr std::uint32_t kNoError = 0;
constexpr std::uint32_t kRefused = 7;

/// Until all of the request has come, or `enough` bytes of it. False: its stream is over.
Task<bool> read_request(Http2Peer& peer, Http2Stream& stream, std::size_t enough) {
  while (!stream.message.complete && stream.message.body.size() < enough) {
    if (stream.closed || peer.over()) co_return false;
    const bool waits = co_await peer.await_news(stream);
    if (!waits) co_return false;
  }
  co_return !stream.closed && !peer.over();
}

Task<void> end_stall(Http2Peer& peer, Http2Stream& stream, Scope& scope,
                     std::chrono::nanoseconds time) {
  (void)co_await sleep_until(scope, scope.loop().now() + time);
  peer.end_stall(stream);
}

}  // namespace

Task<void> Http2Server::serve(StreamPtr stream, std::string heard) {
  Http2Peer peer(std::move(stream), scope_, Http2Peer::Role::server, serving_.manners,
                 std::move(heard));
  std::deque<Fork<void>> handlers;
  peer.on_request = [&](Http2Stream& one) {
    handlers.emplace_back().start(handle(peer, one));
    if (++requests_ == serving_.goodbye_after) peer.say_goodbye();
  };
  Fork<void> idle;
  idle.start(leave_when_idle(peer));
  Fork<void> squeezing;
  squeezing.start(squeeze(peer));
  co_await peer.run();
  scope_.cancel({ErrorCode::cancelled, Side::self, Stage::none});
  for (auto& one : handlers) co_await one.join();
  co_await idle.join();
  co_await squeezing.join();
  violations_ = peer.violations();
}

Task<void> Http2Server::leave_when_idle(Http2Peer& peer) {
  constexpr std::chrono::seconds kLinger{5};
  if (serving_.keep_alive.count() == 0) co_return;
  for (std::size_t before = SIZE_MAX; peer.streams_open() > 0 || before != requests_;) {
    before = requests_;
    const auto slept = co_await sleep_until(scope_, scope_.loop().now() + serving_.keep_alive);
    if (!slept) co_return;
  }
  peer.say_goodbye();
  // Who closes with input unread destroys its own GOAWAY.
  (void)co_await sleep_until(scope_, scope_.loop().now() + kLinger);
  peer.end();
}

Task<void> Http2Server::squeeze(Http2Peer& peer) {
  if (serving_.squeezes_for.count() == 0) co_return;
  auto slept = co_await sleep_until(scope_, scope_.loop().now() + serving_.squeezes_at);
  if (!slept) co_return;
  peer.announce(1, 100);
  slept = co_await sleep_until(scope_, scope_.loop().now() + serving_.squeezes_for);
  if (slept) peer.announce(serving_.manners.streams_max, serving_.manners.window);
}

void Http2Server::keep_request(const Http2Stream& stream, int id, std::size_t index) {
  Delivery& delivery = ledger_.at(id).deliveries[index];
  delivery.request = stream.message;
  delivery.whole = delivery.request.complete;
}

bool Http2Server::suffer(Http2Peer& peer, Http2Stream& stream, const AnswerScript& script) {
  switch (script.fault) {
    case Fault::reset_before_response:
      peer.reset(stream, script.reset_code);
      return true;
    case Fault::close_before_response:
      peer.break_off();
      return true;
    case Fault::garbage:
      peer.respond(stream, {{":status", "fine"}}, true);
      return true;
    case Fault::silence:
      return true;
    case Fault::none:
    case Fault::close_in_body:
    case Fault::reset_in_body:
      break;
  }
  return false;
}

Task<void> Http2Server::handle(Http2Peer& peer, Http2Stream& stream) {
  const int id = id_of(stream.message);
  if (!ledger_.contains(id)) {
    ++strangers_;
    co_return peer.reset(stream, kRefused);
  }
  Exchanged& exchanged = ledger_.at(id);
  const AnswerScript& script = exchanged.answer;
  if (exchanged.refused < script.refusals) {
    ++exchanged.refused;
    co_return peer.reset(stream, kRefused);
  }
  const std::size_t index = exchanged.deliveries.size();
  exchanged.deliveries.emplace_back().at = scope_.loop().now();
  Fork<void> stall;
  stream.stalled = script.stall.count() > 0;
  if (stream.stalled) stall.start(end_stall(peer, stream, scope_, script.stall));
  const bool goes_on = co_await read_request(peer, stream, script.early_after.value_or(SIZE_MAX));
  const bool early = !stream.message.complete;
  keep_request(stream, id, index);
  if (goes_on && (script.think + slowness_).count() > 0) {
    (void)co_await sleep_until(scope_, scope_.loop().now() + script.think + slowness_);
  }
  const bool faulty = index < script.faulty_deliveries;
  if (goes_on && !(faulty && suffer(peer, stream, script))) {
    exchanged.deliveries[index].head_sent = scope_.loop().now();
    co_await answer(peer, stream, id, index);
    if (early && script.reads_rest) (void)co_await read_request(peer, stream, SIZE_MAX);
    if (early) keep_request(stream, id, index);
    if (early && !script.reads_rest) peer.reset(stream, kNoError);
  }
  if (script.stall.count() > 0) co_await stall.join();
}

Task<void> Http2Server::answer(Http2Peer& peer, Http2Stream& stream, int id, std::size_t index) {
  const Exchanged& exchanged = ledger_.at(id);
  const AnswerScript& script = exchanged.answer;
  const bool faulty = index < script.faulty_deliveries;
  for (unsigned i = 0; i < script.informational; ++i) {
    peer.inform(stream, {{":status", "103"}, {"link", "</style.css>"}});
  }
  const bool grpc = exchanged.request.grpc;
  const int status = faulty && script.failing_status != 0 ? script.failing_status : script.status;
  const bool bodiless = exchanged.request.method == "HEAD" || status == 204 || status == 304;
  FieldList fields{{":status", std::to_string(status)}, {"x-answers", id_text(id)}};
  if (grpc) fields.emplace_back("content-type", "application/grpc");
  if (script.body.framing == BodyScript::Framing::length && status != 204) {
    fields.emplace_back("content-length", std::to_string(script.body.bytes));
  }
  peer.respond(stream, fields, bodiless);
  const bool cut =
      faulty && (script.fault == Fault::close_in_body || script.fault == Fault::reset_in_body);
  const std::string text = body_text(id, false, script.body.bytes);
  bool more = !bodiless;
  for (std::size_t at = 0; more;) {
    const std::string piece = text.substr(at, script.body.piece);
    at += piece.size();
    if (cut && at >= text.size() / 2) {
      if (script.fault == Fault::close_in_body) co_return peer.break_off();
      co_return peer.reset(stream, script.reset_code);
    }
    if (script.body.pause.count() > 0) {
      (void)co_await sleep_until(scope_, scope_.loop().now() + script.body.pause);
    }
    const bool last = at == text.size();
    FieldList trailers;
    if (last) trailers = http2_trailers(script.body, id, grpc);
    const bool sent = co_await peer.send(stream, piece, last, trailers);
    more = sent && !last;
  }
}

}  // namespace epaulet::sim
