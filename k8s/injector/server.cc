#include "k8s/injector/server.h"

#include "base/error_table.h"
#include "http/http1/server_connection.h"
#include "io/accept.h"
#include "io/ops.h"
#include "k8s/injector/inject.h"
#include "tls/stream.h"

namespace epaulet::injector {
namespace {

constexpr std::chrono::milliseconds kPauseWhenExhausted{50};
constexpr unsigned kAcceptsPerTurn = 16;
constexpr std::chrono::seconds kLinger{1};
constexpr std::string_view kPath = "/inject";

struct Answer {
  std::uint16_t status = 200;
  std::string_view phrase = "OK";
  std::string_view content_type = "application/json";
  std::string body;
};

Answer failure(std::uint16_t status, std::string_view phrase, const std::string& why) {
  Answer answer;
  answer.status = status;
  answer.phrase = phrase;
  answer.content_type = "text/plain; charset=utf-8";
  answer.body = why + "\n";
  return answer;
}

}  // namespace

struct InjectorServer::State {
  State(Loop& loop_, telemetry::ProcessLog& log_)
      : loop(loop_), log(log_), scope(loop_), accepting(scope) {}

  Answer answer(const http::RequestHead& head, std::string_view body);
  void note(const Review& review, const Verdict& verdict);

  static Task<void> serve(std::shared_ptr<State> state, StreamPtr lower);
  Task<void> exchange(TlsStream& stream, Scope& within);
  static Task<void> linger(StreamReader& reader, Scope& within);
  static Task<void> accept(std::shared_ptr<State> state, Listener& listener);

  Loop& loop;
  telemetry::ProcessLog& log;
  Scope scope;
  Scope accepting;
  std::shared_ptr<const TlsContext> tls;
  std::shared_ptr<const InjectorSettings> settings;
  std::size_t count = 0;
  InjectorCounts counts;
};

void InjectorServer::State::note(const Review& review, const Verdict& verdict) {
  const auto now = loop.wall_now();
  if (!verdict.allowed) {
    ++counts.refused;
    return log.warning(now, "pod_refused", "a pod was refused",
                       {{"namespace", std::string_view(review.name_space)},
                        {"pod", std::string_view(review.pod_name)},
                        {"uid", std::string_view(review.uid)},
                        {"reason", std::string_view(verdict.refusal)}});
  }
  verdict.patch.empty() ? ++counts.untouched : ++counts.injected;
  log.info(now, verdict.patch.empty() ? "pod_untouched" : "pod_injected",
           verdict.patch.empty() ? "a pod stays as it is" : "a pod has a sidecar",
           {{"namespace", std::string_view(review.name_space)},
            {"pod", std::string_view(review.pod_name)},
            {"uid", std::string_view(review.uid)},
            {"warnings", static_cast<std::int64_t>(verdict.warnings.size())}});
}

Answer InjectorServer::State::answer(const http::RequestHead& head, std::string_view body) {
  if (head.path.substr(0, head.path.find('?')) != kPath)
    return failure(404, "Not Found", "there is only /inject");
  if (head.method != http::Method::post)
    return failure(405, "Method Not Allowed", "only POST is answered");
  const auto review = read_review(body);
  if (!review) {
    ++counts.malformed;
    const auto why = review.error().to_string();
    log.warning(loop.wall_now(), "review_malformed", "what was sent is no review",
                {{"reason", std::string_view(why)}});
    return failure(400, "Bad Request", why);
  }
  const auto verdict = inject(*review, *settings);
  note(*review, verdict);
  Answer answer;
  answer.body = answer_text(review->uid, verdict);
  return answer;
}

Task<void> InjectorServer::State::exchange(TlsStream& stream, Scope& within) {
  StreamReader reader(stream);
  http::http1::HeadLimits head_limits;
  head_limits.bytes = 16 * limits::kKiB;
  http::http1::ServerConnection connection(stream, reader, head_limits);
  http::RequestHead head;
  const auto read = co_await connection.read_head(head, within);
  std::string body;
  Answer answer;
  if (!read) {
    if (read.error().stage != Stage::parse) co_return;
    answer = failure(400, "Bad Request", std::string(describe(read.error().code).summary));
  } else {
    bool too_large = false;
    while (!connection.body().complete() && !too_large) {
      const auto chunk = co_await connection.body().pull(within);
      if (!chunk) co_return;
      too_large = body.size() + chunk->bytes.size() > kReviewBytesMax;
      if (!too_large)
        body.append(reinterpret_cast<const char*>(chunk->bytes.data()), chunk->bytes.size());
    }
    answer = too_large ? failure(413, "Content Too Large", "the review is too large")
                       : this->answer(head, body);
  }
  http::ResponseHead response;
  response.status = answer.status;
  response.reason = answer.phrase;
  response.framing = {http::Framing::Kind::length, answer.body.size()};
  response.added.add("Content-Type", answer.content_type);
  response.added.add("Content-Length", std::to_string(answer.body.size()));
  connection.begin_response(head, response, false);
  const bool with_body = head.method != http::Method::head;
  const http::Chunk all(with_body ? as_bytes(answer.body) : ConstBytes(), true);
  const auto sent = co_await connection.writer().push(all, within);
  if (!sent) co_return stream.reset();
  const auto ended = co_await write_end(stream, within);
  if (ended) co_await linger(reader, within);
}

/// Until the client's end: closing with unread input would destroy the answer before it is read
/// (RFC 9112 section 9.6).
Task<void> InjectorServer::State::linger(StreamReader& reader, Scope& within) {
  Scope lingering(within);
  lingering.set_deadline(within.loop().now() + kLinger,
                         {ErrorCode::idle_timeout, Side::downstream, Stage::shutdown});
  for (std::size_t skipped = 0; skipped < kReviewBytesMax && !reader.at_end();) {
    skipped += reader.buffered().size();
    reader.consume(reader.buffered().size());
    const auto filled = co_await reader.fill(lingering);
    if (!filled || *filled == 0) co_return;
  }
}

Task<void> InjectorServer::State::serve(std::shared_ptr<State> state, StreamPtr lower) {
  struct Counted {
    explicit Counted(std::size_t& count) : count_(count) { ++count_; }
    ~Counted() { --count_; }
    std::size_t& count_;
  };
  const Counted counted(state->count);
  Scope scope(state->scope);
  const auto source = lower->info().peer.to_string();
  auto stream = TlsStream::server(std::move(lower), state->tls);
  {
    Scope shaking(scope);
    shaking.set_deadline(state->loop.now() + kHandshakeTime,
                         {ErrorCode::tls_timeout, Side::downstream, Stage::tls});
    const auto shaken = co_await stream->handshake(shaking);
    if (!shaken) {
      ++state->counts.handshakes_failed;
      const auto diagnosis = stream->report().diagnosis;
      state->log.warning(state->loop.wall_now(), "handshake_failed",
                         "a TLS handshake failed; does caBundle belong to our certificate?",
                         {{"error", describe(shaken.error().code).name},
                          {"diagnosis", std::string_view(diagnosis)},
                          {"source", std::string_view(source)}});
      co_return;
    }
  }
  Scope exchanging(scope);
  exchanging.set_deadline(state->loop.now() + kExchangeTime,
                          {ErrorCode::idle_timeout, Side::downstream, Stage::send});
  co_await state->exchange(*stream, exchanging);
}

Task<void> InjectorServer::State::accept(std::shared_ptr<State> state, Listener& listener) {
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
    if (state->count >= kConnectionsMax || !state->tls || !state->settings) {
      ++state->counts.connections_full;
      (*stream)->reset();
      continue;
    }
    state->loop.spawn(serve(state, std::move(*stream)));
  }
}

InjectorServer::InjectorServer(Loop& loop, telemetry::ProcessLog& log)
    : state_(std::make_shared<State>(loop, log)) {}

InjectorServer::~InjectorServer() {
  state_->scope.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

void InjectorServer::set_tls(std::shared_ptr<const TlsContext> tls) {
  state_->tls = std::move(tls);
}

void InjectorServer::set_settings(std::shared_ptr<const InjectorSettings> settings) {
  state_->settings = std::move(settings);
}

void InjectorServer::listen(Listener& listener) {
  state_->loop.spawn(State::accept(state_, listener));
}

void InjectorServer::stop_accepting() {
  state_->accepting.cancel({ErrorCode::draining, Side::self, Stage::shutdown});
}

std::size_t InjectorServer::connections() const {
  return state_->count;
}

const InjectorCounts& InjectorServer::counts() const {
  return state_->counts;
}

}  // namespace epaulet::injector
