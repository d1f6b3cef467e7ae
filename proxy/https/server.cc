#include "https/server.h"

#include <map>
#include <utility>

#include "base/error_table.h"
#include "base/limits.h"
#include "http/http1/server_connection.h"
#include "http/reason_phrase.h"
#include "io/accept.h"
#include "io/ops.h"
#include "tls/stream.h"

namespace epaulet::https {
namespace {

constexpr std::chrono::milliseconds kPauseWhenExhausted{50};
constexpr unsigned kAcceptsPerTurn = 16;
constexpr std::chrono::seconds kLinger{1};
constexpr std::chrono::seconds kRefusalTime{10};

/// Why a request could not be read.
struct Unreadable {
  std::uint16_t status = 400;
  Reason why;
};

class Connection final : public Exchange {
 public:
  Connection(std::unique_ptr<TlsStream> stream, const Bounds& bounds, Peer peer, Scope& scope)
      : stream_(std::move(stream)),
        bounds_(bounds),
        peer_(std::move(peer)),
        scope_(scope),
        reader_(*stream_),
        http_(*stream_, reader_, head_limits(bounds)) {}

  /// False: there is no request to serve; without unreadable() the client left, or was too slow.
  Task<bool> read() {
    Scope reading(scope_);
    reading.set_deadline(scope_.loop().now() + bounds_.request,
                         {ErrorCode::head_timeout, Side::downstream, Stage::parse});
    const auto head = co_await http_.read_head(head_, reading);
    if (!head) {
      if (head.error().stage != Stage::parse) co_return false;
      note_unreadable(400, std::string(describe(head.error().code).summary), "send HTTP/1.1");
      co_return false;
    }
    while (!http_.body().complete()) {
      const auto chunk = co_await http_.body().pull(reading);
      if (!chunk) co_return false;
      if (body_.size() + chunk->bytes.size() > bounds_.body_bytes) {
        note_unreadable(413, "the body is too large", "send what was asked for and nothing else");
        co_return false;
      }
      body_.append(reinterpret_cast<const char*>(chunk->bytes.data()), chunk->bytes.size());
    }
    co_return true;
  }
  [[nodiscard]] const std::optional<Unreadable>& unreadable() const { return unreadable_; }

  [[nodiscard]] const http::RequestHead& head() const override { return head_; }
  [[nodiscard]] const std::string& body() const override { return body_; }
  void forget_body() override { body_ = {}; }
  [[nodiscard]] const Peer& peer() const override { return peer_; }

  Task<void> answer(const Reply& reply, Scope& scope) override {
    http::ResponseHead response;
    response.status = reply.status;
    response.reason = http::reason_phrase(reply.status);
    response.framing = {
        reply.body.empty() ? http::Framing::Kind::none : http::Framing::Kind::length,
        reply.body.size()};
    response.added = reply.fields;
    response.added.add("Content-Type", reply.content_type);
    response.added.add("Content-Length", std::to_string(reply.body.size()));
    response.added.add("Cache-Control", "no-store");
    http_.begin_response(head_, response, false);
    const bool with_body = head_.method != http::Method::head;
    const http::Chunk all(with_body ? as_bytes(reply.body) : ConstBytes(), true);
    const auto sent = co_await http_.writer().push(all, scope);
    if (!sent) co_return stream_->reset();
    co_await finish(scope);
  }

  void begin_stream(std::string_view content_type) override {
    http::ResponseHead response;
    response.status = 200;
    response.reason = http::reason_phrase(200);
    response.framing = {http::Framing::Kind::until_close, 0};  // Chunked, where the peer knows it.
    response.added.add("Content-Type", content_type);
    response.added.add("Cache-Control", "no-store");
    http_.begin_response(head_, response, false);
  }
  Task<Result<void>> send(std::string_view text, Scope& scope) override {
    const http::Chunk piece(as_bytes(text), false);
    auto sent = co_await http_.writer().push(piece, scope);
    if (!sent) stream_->reset();
    co_return sent;
  }
  Task<void> end_stream(Scope& scope) override {
    const http::Chunk last(ConstBytes(), true);
    const auto sent = co_await http_.writer().push(last, scope);
    if (!sent) co_return stream_->reset();
    co_await finish(scope);
  }

 private:
  static http::http1::HeadLimits head_limits(const Bounds& bounds) {
    http::http1::HeadLimits limits;
    limits.bytes = bounds.head_bytes;
    return limits;
  }

  void note_unreadable(std::uint16_t status, std::string what, std::string remedy) {
    unreadable_.emplace();
    unreadable_->status = status;
    unreadable_->why = Reason(std::move(what), std::move(remedy));
  }

  /// Until the client's end: closing with unread input would destroy the answer before it is read
  /// (RFC 9112 section 9.6).
  Task<void> finish(Scope& scope) {
    const auto ended = co_await write_end(*stream_, scope);
    if (!ended) co_return;
    Scope lingering(scope);
    lingering.set_deadline(scope.loop().now() + kLinger,
                           {ErrorCode::idle_timeout, Side::downstream, Stage::shutdown});
    for (std::size_t skipped = 0; skipped < 4 * bounds_.body_bytes && !reader_.at_end();) {
      skipped += reader_.buffered().size();
      reader_.consume(reader_.buffered().size());
      const auto filled = co_await reader_.fill(lingering);
      if (!filled || *filled == 0) co_return;
    }
  }

  std::unique_ptr<TlsStream> stream_;
  const Bounds& bounds_;
  Peer peer_;
  Scope& scope_;
  StreamReader reader_;
  http::http1::ServerConnection http_;
  http::RequestHead head_;
  std::string body_;
  std::optional<Unreadable> unreadable_;
};

}  // namespace

struct Server::State {
  State(Loop& loop_, Bounds bounds_, std::shared_ptr<Handler> handler_)
      : loop(loop_),
        bounds(bounds_),
        handler(std::move(handler_)),
        scope(loop_),
        accepting(scope) {}

  static Task<void> serve(std::shared_ptr<State> state, StreamPtr lower,
                          std::shared_ptr<const TlsContext> tls);
  static Task<void> accept(std::shared_ptr<State> state, Listener& listener);

  /// One connection among its peer's.
  class Place {
   public:
    Place(State& state, const Peer& peer, Scope& scope);
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();

   private:
    State& state_;
    const std::pair<std::string, IpAddress> peer_;
    Scope& scope_;
  };

  Loop& loop;
  const Bounds bounds;
  const std::shared_ptr<Handler> handler;
  Scope scope;
  Scope accepting;
  std::size_t count = 0;
  std::map<std::pair<std::string, IpAddress>, std::vector<Scope*>> peers;  ///< Oldest first.
};

Server::State::Place::Place(State& state, const Peer& peer, Scope& scope)
    : state_(state), peer_(peer.identity, peer.address.ip), scope_(scope) {
  auto& all = state.peers[peer_];
  all.push_back(&scope);
  const auto most = state.bounds.connections_per_peer;
  if (most == 0 || all.size() <= most) return;
  auto* oldest = all.front();
  all.erase(all.begin());
  oldest->cancel({ErrorCode::cancelled, Side::self, Stage::limit});
  state.handler->replaced(peer);
}

Server::State::Place::~Place() {
  const auto found = state_.peers.find(peer_);
  if (found == state_.peers.end()) return;  // It gave way, and those after it have left.
  std::erase(found->second, &scope_);
  if (found->second.empty()) state_.peers.erase(found);
}

Task<void> Server::State::serve(std::shared_ptr<State> state, StreamPtr lower,
                                std::shared_ptr<const TlsContext> tls) {
  struct Counted {
    explicit Counted(std::size_t& count) : count_(count) { ++count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --count_; }
    std::size_t& count_;
  };
  const Counted counted(state->count);
  Scope scope(state->scope);
  Peer peer;
  peer.address = lower->info().peer;
  auto stream = TlsStream::server(std::move(lower), std::move(tls));
  {
    Scope shaking(scope);
    shaking.set_deadline(state->loop.now() + state->bounds.handshake,
                         {ErrorCode::tls_timeout, Side::downstream, Stage::tls});
    const auto shaken = co_await stream->handshake(shaking);
    if (state->scope.cancelled()) co_return;
    if (!shaken) {
      state->handler->handshake_failed(shaken.error(), stream->report().diagnosis, peer.address);
      co_return;
    }
  }
  peer.identity = stream->report().spiffe_id;
  const Place place(*state, peer, scope);
  Connection connection(std::move(stream), state->bounds, std::move(peer), scope);
  const bool is_whole = co_await connection.read();
  if (scope.cancelled()) co_return;
  if (is_whole) {
    co_await state->handler->serve(connection, scope);
  } else if (const auto& fault = connection.unreadable()) {
    const auto reply = state->handler->unreadable(fault->status, fault->why, connection.peer());
    Scope answering(scope);
    answering.set_deadline(state->loop.now() + kRefusalTime,
                           {ErrorCode::idle_timeout, Side::downstream, Stage::send});
    co_await connection.answer(reply, answering);
  }
}

Task<void> Server::State::accept(std::shared_ptr<State> state, Listener& listener) {
  for (unsigned accepted = 1; !state->accepting.cancelled(); ++accepted) {
    auto stream = co_await Accept(listener, state->accepting);
    if (state->accepting.cancelled()) co_return;
    if (!stream) {
      const auto waited =
          co_await sleep_until(state->accepting, state->loop.now() + kPauseWhenExhausted);
      if (!waited) co_return;
      continue;
    }
    if (accepted % kAcceptsPerTurn == 0) co_await next_turn(state->loop);
    if (state->accepting.cancelled()) co_return;
    if (!state->handler->admits((*stream)->info().peer)) {
      (*stream)->reset();
      continue;
    }
    auto tls = state->handler->tls();
    if (state->count >= state->bounds.connections || tls == nullptr) {
      state->handler->turned_away();
      (*stream)->reset();
      continue;
    }
    state->loop.spawn(serve(state, std::move(*stream), std::move(tls)));
  }
}

Server::Server(Loop& loop, Bounds bounds, std::shared_ptr<Handler> handler)
    : state_(std::make_shared<State>(loop, bounds, std::move(handler))) {}

Server::~Server() {
  state_->scope.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

void Server::listen(Listener& listener) {
  state_->loop.spawn(State::accept(state_, listener));
}

void Server::stop_accepting() {
  state_->accepting.cancel({ErrorCode::draining, Side::self, Stage::shutdown});
}

std::size_t Server::connections() const {
  return state_->count;
}

}  // namespace epaulet::https
