#include "talk.h"

namespace epaulet::sim {
namespace {

/// Reads until so much has been heard. False: there is no more.
Task<bool> hear(Talk& talk, Peer& peer, std::size_t bytes) {
  while (talk.heard.size() < bytes) {
    const bool more = co_await peer.read_more();
    if (!more) break;
    talk.heard += peer.reader.take_rest();
  }
  co_return talk.heard.size() >= bytes;
}

}  // namespace

const std::string Greeter::kGreeting = "220 mail.default is ready\r\n";

std::string Talk::line(std::size_t round) const {
  return "ehlo " + std::string(line_bytes, static_cast<char>('a' + round % 26)) + "\r\n";
}

std::string Talk::expected() const {
  std::string text = Greeter::kGreeting;
  for (std::size_t i = 0; i < rounds; ++i) text += line(i);
  return text;
}

Greeter::Greeter(test::SimLoop& loop, test::MemoryNetwork& network, SocketAddress address)
    : loop_(loop), scope_(loop), acceptor_(network.listen(loop, address), [this](StreamPtr stream) {
        loop_.spawn(serve(std::move(stream)));
      }) {}

Task<void> Greeter::serve(StreamPtr stream) {
  Peer peer(std::move(stream), scope_, MessageReader::Kind::request);
  if (think.count() > 0) (void)co_await sleep_until(scope_, loop_.now() + think);
  bool going = co_await peer.write(kGreeting);
  while (going) {
    const bool heard = co_await peer.read_more();
    if (!heard) break;
    going = co_await peer.write(peer.reader.take_rest());
  }
  if (peer.ended()) (void)co_await peer.finish();
  peer.close();
}

Task<void> hold(Talk& talk, Peer& peer) {
  std::size_t wanted = Greeter::kGreeting.size();
  if (talk.waits_for_greeting) {
    const bool greeted = co_await hear(talk, peer, wanted);
    if (!greeted) co_return;
  }
  for (std::size_t i = 0; i < talk.rounds; ++i) {
    wanted += talk.line(i).size();
    const bool sent = co_await peer.write(talk.line(i));
    if (!sent) co_return;
    const bool heard = co_await hear(talk, peer, wanted);
    if (!heard) co_return;
  }
  const bool finished = co_await peer.finish();
  if (!finished) co_return;
  const bool more = co_await hear(talk, peer, wanted + 1);
  talk.ended = !more && peer.ended();
}

}  // namespace epaulet::sim
