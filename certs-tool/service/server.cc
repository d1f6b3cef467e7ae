#include "certs-tool/service/server.h"

#include "base/error_table.h"
#include "http/http1/server_connection.h"
#include "io/accept.h"
#include "io/ops.h"
#include "tls/stream.h"

namespace epaulet::certs {
namespace {

constexpr std::chrono::milliseconds kPauseWhenExhausted{50};
constexpr unsigned kAcceptsPerTurn = 16;
constexpr std::chrono::seconds kLinger{1};
constexpr std::size_t kHeadBytesMax = 8 * limits::kKiB;

std::string_view phrase_of(std::uint16_t status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    default:
      return "Service Unavailable";
  }
}

/// One connection, one request.
class Connection {
 public:
  Connection(std::unique_ptr<TlsStream> stream, Scope& scope)
      : stream_(std::move(stream)),
        scope_(scope),
        reader_(*stream_),
        http_(*stream_, reader_, head_limits()) {}

  /// Nothing: the client left, or was too slow. An answer without a request to sign: it is wrong.
  Task<std::optional<Answer>> read() {
    Scope reading(scope_);
    reading.set_deadline(scope_.loop().now() + IdentityServer::kRequestTime,
                         {ErrorCode::head_timeout, Side::downstream, Stage::parse});
    const auto head = co_await http_.read_head(head_, reading);
    if (!head) {
      if (head.error().stage != Stage::parse) co_return std::nullopt;
      const Reason reason(std::string(describe(head.error().code).summary), "send HTTP/1.1");
      co_return refusal(400, Ending::malformed, reason);
    }
    while (!http_.body().complete()) {
      const auto chunk = co_await http_.body().pull(reading);
      if (!chunk) co_return std::nullopt;
      if (body_.size() + chunk->bytes.size() > Requests::kBodyBytesMax) {
        const Reason reason("the body is too large", "send a certificate request and nothing else");
        co_return refusal(413, Ending::malformed, reason);
      }
      body_.append(reinterpret_cast<const char*>(chunk->bytes.data()), chunk->bytes.size());
    }
    is_whole_ = true;
    co_return std::nullopt;
  }

  Task<void> send(const Answer& answer, Scope& sending) {
    http::ResponseHead response;
    response.status = answer.status;
    response.reason = phrase_of(answer.status);
    response.framing = {
        answer.body.empty() ? http::Framing::Kind::none : http::Framing::Kind::length,
        answer.body.size()};
    response.added.add("Content-Type", answer.content_type);
    response.added.add("Content-Length", std::to_string(answer.body.size()));
    response.added.add("Cache-Control", "no-store");
    if (answer.status == 401) response.added.add("WWW-Authenticate", "Bearer");
    if (answer.status == 405) response.added.add("Allow", "POST");
    http_.begin_response(head_, response, false);
    const bool with_body = head_.method != http::Method::head;
    const http::Chunk all(with_body ? as_bytes(answer.body) : ConstBytes(), true);
    const auto sent = co_await http_.writer().push(all, sending);
    if (!sent) co_return stream_->reset();
    const auto ended = co_await write_end(*stream_, sending);
    if (!ended) co_return;
    co_await linger();
  }

  [[nodiscard]] bool is_whole() const { return is_whole_; }
  [[nodiscard]] const http::RequestHead& head() const { return head_; }
  [[nodiscard]] const std::string& body() const { return body_; }

 private:
  static http::http1::HeadLimits head_limits() {
    http::http1::HeadLimits limits;
    limits.bytes = kHeadBytesMax;
    return limits;
  }

  /// Until the client's end: closing with unread input would destroy the answer before it is read
  /// (RFC 9112 section 9.6).
  Task<void> linger() {
    Scope lingering(scope_);
    lingering.set_deadline(scope_.loop().now() + kLinger,
                           {ErrorCode::idle_timeout, Side::downstream, Stage::shutdown});
    for (std::size_t skipped = 0; skipped < 4 * Requests::kBodyBytesMax && !reader_.at_end();) {
      skipped += reader_.buffered().size();
      reader_.consume(reader_.buffered().size());
      const auto filled = co_await reader_.fill(lingering);
      if (!filled || *filled == 0) co_return;
    }
  }

  std::unique_ptr<TlsStream> stream_;
  Scope& scope_;
  StreamReader reader_;
  http::http1::ServerConnection http_;
  http::RequestHead head_;
  std::string body_;
  bool is_whole_ = false;
};

}  // namespace

struct IdentityServer::State {
  State(Loop& loop_, Signer& signer_, Requests& requests_, telemetry::ProcessLog& log_,
        RateLimit::Rate rate)
      : loop(loop_),
        signer(signer_),
        requests(requests_),
        log(log_),
        limit(rate),
        scope(loop_),
        accepting(scope) {}

  void note(const Answer& answer, const Caller& caller, const http::RequestHead& head) {
    ++counts.requests[static_cast<std::size_t>(answer.ending)];
    if (answer.ending == Ending::page) return;
    const bool is_good = answer.ending == Ending::issued || answer.ending == Ending::renewed;
    const auto source = caller.address.to_string();
    log.write(is_good ? LogLevel::info : LogLevel::warning, loop.wall_now(),
              is_good ? "signed" : "refused",
              is_good ? "a certificate was signed" : "nothing was signed",
              {{"result", name_of(answer.ending)},
               {"identity", std::string_view(answer.identity)},
               {"status", std::int64_t{answer.status}},
               {"reason", std::string_view(answer.why)},
               {"path", head.path.substr(0, 64)},
               {"peer", std::string_view(caller.identity)},
               {"source", std::string_view(source)}});
  }

  static Task<void> serve(std::shared_ptr<State> state, StreamPtr lower);
  static Task<void> accept(std::shared_ptr<State> state, Listener& listener);

  Loop& loop;
  Signer& signer;
  Requests& requests;
  telemetry::ProcessLog& log;
  RateLimit limit;
  Scope scope;
  Scope accepting;
  std::size_t count = 0;
  ServiceCounts counts;
};

Task<void> IdentityServer::State::serve(std::shared_ptr<State> state, StreamPtr lower) {
  struct Counted {
    explicit Counted(std::size_t& count) : count_(count) { ++count_; }
    ~Counted() { --count_; }
    std::size_t& count_;
  };
  const Counted counted(state->count);
  Scope scope(state->scope);
  Caller caller;
  caller.address = lower->info().peer;
  auto stream = TlsStream::server(std::move(lower), state->signer.tls());
  {
    Scope shaking(scope);
    shaking.set_deadline(state->loop.now() + kHandshakeTime,
                         {ErrorCode::tls_timeout, Side::downstream, Stage::tls});
    const auto shaken = co_await stream->handshake(shaking);
    if (!shaken) {
      const auto why = handshake_failure(shaken.error());
      ++state->counts.handshakes_failed[static_cast<std::size_t>(why)];
      const auto source = caller.address.to_string();
      const auto diagnosis = stream->report().diagnosis;
      state->log.warning(state->loop.wall_now(), "handshake_failed", "a TLS handshake failed",
                         {{"error", describe(shaken.error().code).name},
                          {"diagnosis", std::string_view(diagnosis)},
                          {"source", std::string_view(source)}});
      co_return;
    }
  }
  caller.identity = stream->report().spiffe_id;
  Connection connection(std::move(stream), scope);
  auto answer = co_await connection.read();
  if (!answer && !connection.is_whole()) co_return;
  Scope answering(scope);
  answering.set_deadline(state->loop.now() + kAnswerTime,
                         {ErrorCode::idle_timeout, Side::downstream, Stage::send});
  if (!answer) {
    answer =
        co_await state->requests.answer(connection.head(), connection.body(), caller, answering);
  }
  if (state->scope.cancelled()) co_return;
  state->note(*answer, caller, connection.head());
  co_await connection.send(*answer, answering);
}

Task<void> IdentityServer::State::accept(std::shared_ptr<State> state, Listener& listener) {
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
    // Before the handshake, which is what costs.
    if (!state->limit.admit((*stream)->info().peer.ip, state->loop.now())) {
      ++state->counts.rate_limited;
      (*stream)->reset();
      continue;
    }
    if (state->count >= kConnectionsMax || !state->signer.tls()) {
      ++state->counts.connections_full;
      (*stream)->reset();
      continue;
    }
    state->loop.spawn(serve(state, std::move(*stream)));
  }
}

IdentityServer::IdentityServer(Loop& loop, Signer& signer, Requests& requests,
                               telemetry::ProcessLog& log, RateLimit::Rate rate)
    : state_(std::make_shared<State>(loop, signer, requests, log, rate)) {}

IdentityServer::~IdentityServer() {
  state_->scope.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

void IdentityServer::listen(Listener& listener) {
  state_->loop.spawn(State::accept(state_, listener));
}

void IdentityServer::stop_accepting() {
  state_->accepting.cancel({ErrorCode::draining, Side::self, Stage::shutdown});
}

std::size_t IdentityServer::connections() const {
  return state_->count;
}

const ServiceCounts& IdentityServer::counts() const {
  return state_->counts;
}

}  // namespace epaulet::certs
