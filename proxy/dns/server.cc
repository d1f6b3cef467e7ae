#include "dns/server.h"

#include <array>
#include <list>
#include <vector>

#include "base/limits.h"
#include "dns/receive.h"
#include "io/ops.h"

namespace epaulet {
namespace {

/// So many datagrams in one turn, then others run: a flood of queries must not stop discovery or
/// the admin API.
constexpr std::size_t kDatagramsPerTurn = 32;
/// A socket or listener that fails (no memory, no descriptor) is tried again after this.
constexpr std::chrono::milliseconds kRetryAfter{100};

const Error kStopped(ErrorCode::cancelled, Side::self, Stage::dns);

}  // namespace

/// Shared with the tasks, which end one turn after the server. Whatever a task does after it
/// waited, it first looks whether the server is still there.
struct DnsServer::State : std::enable_shared_from_this<State> {
  State(Loop& loop_, Endpoints& endpoints_, UpstreamDns& upstream_, DnsObserver& observer_,
        DnsViewPtr view_)
      : loop(loop_),
        endpoints(endpoints_),
        upstream(upstream_),
        observer(observer_),
        view(std::move(view_)),
        scope(loop_) {}

  /// One message on its way to an answer.
  struct Query {
    DnsViewPtr view;  // Keeps the decision's service alive.
    DnsDecision decision;
    DnsBytes bytes;
    SocketAddress client;
    bool over_tcp = false;
  };

  [[nodiscard]] Query read(ConstBytes bytes, const SocketAddress& client, bool over_tcp) const;
  /// The answer, if there is no need to wait for anybody.
  [[nodiscard]] std::optional<DnsReply> answer_now(const Query& query) const;
  /// Waits. Nothing: the server has gone.
  static Task<std::optional<DnsReply>> answer(std::shared_ptr<State> state, const Query& query);
  static Task<std::optional<DnsReply>> answer_after_look(std::shared_ptr<State> state,
                                                         const Query& query);
  static Task<std::optional<DnsReply>> forward(std::shared_ptr<State> state, const Query& query);
  [[nodiscard]] bool ever_had_endpoint(const NamedService& service) const;
  [[nodiscard]] bool is_stopped() const { return scope.cancelled().has_value(); }
  void record(const Query& query, const DnsReply& reply);

  static Task<void> serve_datagrams(std::shared_ptr<State> state, DatagramSocket& socket);
  static Task<void> answer_datagram(std::shared_ptr<State> state, DatagramSocket& socket,
                                    Query query);
  static Task<void> accept_streams(std::shared_ptr<State> state, Listener& listener);
  static Task<void> serve_stream(std::shared_ptr<State> state, StreamPtr stream);

  Loop& loop;
  Endpoints& endpoints;
  UpstreamDns& upstream;
  DnsObserver& observer;
  DnsViewPtr view;
  DnsCounters counters;
  Scope scope;
  std::list<std::unique_ptr<DatagramSocket>> sockets;
  std::list<std::unique_ptr<Listener>> listeners;
  std::size_t pending = 0;
  std::size_t tcp_connections = 0;
};

namespace {

/// Counts up for as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::size_t& count_;
};

DnsReply overloaded(const DnsQuery& query) {
  const Error full(ErrorCode::limit_pending, Side::self, Stage::dns, Retry::safe);
  return answer_failure(query, DnsResult::overloaded, full);
}

DnsReply looped(const DnsQuery& query) {
  const Error ourselves(ErrorCode::destination_is_ourselves, Side::self, Stage::dns);
  return answer_failure(query, DnsResult::looped, ourselves);
}

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

DnsServer::State::Query DnsServer::State::read(ConstBytes bytes, const SocketAddress& client,
                                               bool over_tcp) const {
  Query query;
  query.view = view;
  query.decision = read_query(*view, bytes, over_tcp);
  query.bytes.assign(bytes.begin(), bytes.end());
  query.client = client;
  query.over_tcp = over_tcp;
  return query;
}

bool DnsServer::State::ever_had_endpoint(const NamedService& service) const {
  for (const auto& backend : service.backends) {
    if (endpoints.ever_had_endpoint(backend)) return true;
  }
  return false;
}

std::optional<DnsReply> DnsServer::State::answer_now(const Query& query) const {
  const DnsDecision& decision = query.decision;
  if (decision.next == DnsDecision::Next::drop || decision.next == DnsDecision::Next::reply)
    return decision.reply;
  if (upstream.is_own_socket(query.client)) return looped(*decision.query);
  if (decision.next == DnsDecision::Next::service && ever_had_endpoint(*decision.service)) {
    return answer_service(*query.view, *decision.query, *decision.service);
  }
  if (pending >= limits::kDnsPendingMax) return overloaded(*decision.query);
  return std::nullopt;
}

Task<std::optional<DnsReply>> DnsServer::State::answer(std::shared_ptr<State> state,
                                                       const Query& query) {
  const Counted waits(state->pending);
  if (query.decision.next == DnsDecision::Next::service) co_return co_await answer_after_look(state, query);
  co_return co_await forward(state, query);
}

Task<std::optional<DnsReply>> DnsServer::State::answer_after_look(std::shared_ptr<State> state,
                                                                  const Query& query) {
  const NamedService& service = *query.decision.service;
  Scope scope(state->scope);
  const Error too_late(ErrorCode::dns_failed, Side::upstream, Stage::dns);
  scope.set_deadline(state->loop.now() + limits::kDnsLookWait, too_late);
  // One after the other: a service with several backends of which none ever had an endpoint is
  // rare.
  for (const auto& backend : service.backends) {
    co_await state->endpoints.look(backend, scope);
    if (state->is_stopped()) co_return std::nullopt;
    if (scope.cancelled() || state->ever_had_endpoint(service)) break;
  }
  if (state->ever_had_endpoint(service))
    co_return answer_service(*query.view, *query.decision.query, service);
  co_return answer_not_deployed(*query.view, *query.decision.query, service);
}

Task<std::optional<DnsReply>> DnsServer::State::forward(std::shared_ptr<State> state,
                                                        const Query& query) {
  Scope scope(state->scope);
  const Error too_late(ErrorCode::dns_failed, Side::upstream, Stage::dns, Retry::safe);
  scope.set_deadline(state->loop.now() + limits::kDnsForwardTime, too_late);
  Exchanges exchange(state->upstream, scope);
  exchange.add(query.bytes);
  co_await exchange;
  if (state->is_stopped()) co_return std::nullopt;
  const auto& answer = exchange.result(0);
  if (answer) co_return answer_forwarded(*query.view, *query.decision.query, *answer);
  if (answer.error().code == ErrorCode::limit_pending) co_return overloaded(*query.decision.query);
  const Error failed(ErrorCode::dns_failed, Side::upstream, Stage::dns, Retry::safe);
  co_return answer_failure(*query.decision.query, DnsResult::forward_failed, failed);
}

void DnsServer::State::record(const Query& query, const DnsReply& reply) {
  counters.add(reply.result);
  if (reply.error.code == ErrorCode::none) return;
  DnsRefusal refusal;
  std::string name;
  if (query.decision.query) {
    const auto& question = query.decision.query->question();
    name = question.name.to_text();
    refusal.type = question.type;
  }
  refusal.name = name;
  if (const auto* service = query.decision.service) {
    refusal.service = service->name;
    refusal.cause = ErrorCode::dns_failed;  // Unless a look has ended, it has not been answered.
    for (const auto& backend : service->backends) {
      const auto set = endpoints.find(backend);
      if (set != nullptr && set->last_error) refusal.cause = set->last_error->code;
    }
  }
  refusal.error = reply.error;
  refusal.result = reply.result;
  refusal.rcode = reply.rcode;
  refusal.client = query.client;
  refusal.over_tcp = query.over_tcp;
  observer.on_refusal(refusal);
}

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

DnsServer::DnsServer(Loop& loop, Endpoints& endpoints, UpstreamDns& upstream, DnsObserver& observer,
                     DnsViewPtr view)
    : state_(std::make_shared<State>(loop, endpoints, upstream, observer, std::move(view))) {}

DnsServer::~DnsServer() {
  state_->scope.cancel(kStopped);
}

void DnsServer::serve(std::unique_ptr<DatagramSocket> socket) {
  auto& kept = *state_->sockets.emplace_back(std::move(socket));
  state_->loop.spawn(State::serve_datagrams(state_, kept));
}

void DnsServer::serve(std::unique_ptr<Listener> listener) {
  auto& kept = *state_->listeners.emplace_back(std::move(listener));
  state_->loop.spawn(State::accept_streams(state_, kept));
}

void DnsServer::apply(DnsViewPtr view) {
  state_->view = std::move(view);
}

const DnsCounters& DnsServer::counters() const {
  return state_->counters;
}
std::size_t DnsServer::pending() const {
  return state_->pending;
}
std::size_t DnsServer::tcp_connections() const {
  return state_->tcp_connections;
}

}  // namespace epaulet
