#include "dns/server.h"

#include "base/limits.h"
#include "dns/server_state.h"

namespace epaulet {
namespace {

const Error kStopped(ErrorCode::cancelled, Side::self, Stage::dns);

DnsReply overloaded(const DnsQuery& query) {
  const Error full(ErrorCode::limit_pending, Side::self, Stage::dns, Retry::safe);
  return answer_failure(query, DnsResult::overloaded, full);
}

DnsReply looped(const DnsQuery& query) {
  const Error ourselves(ErrorCode::destination_is_ourselves, Side::self, Stage::dns);
  return answer_failure(query, DnsResult::looped, ourselves);
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
  return service.backends.empty();  // Its routes redirect, and ask nobody.
}

std::optional<DnsReply> DnsServer::State::answer_now(const Query& query) const {
  const DnsDecision& decision = query.decision;
  using Next = DnsDecision::Next;
  if (decision.next == Next::drop || decision.next == Next::reply) return decision.reply;
  if (upstream.is_own_socket(query.client)) return looped(*decision.query);
  if (decision.next == Next::service && ever_had_endpoint(*decision.service)) {
    return answer_service(*query.view, *decision.query, *decision.service);
  }
  if (pending >= limits::kDnsPendingMax) return overloaded(*decision.query);
  return std::nullopt;
}

Task<std::optional<DnsReply>> DnsServer::State::answer(std::shared_ptr<State> state,
                                                       const Query& query) {
  const Counted waits(state->pending);
  const bool is_ours = query.decision.next == DnsDecision::Next::service;
  if (is_ours) co_return co_await answer_after_look(state, query);
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
  exchange.add(upstream_query(*query.decision.query, query.bytes));
  co_await exchange;
  if (state->is_stopped()) co_return std::nullopt;
  const auto& answer = exchange.result(0);
  if (answer) {
    const auto& asked = *query.decision.query;
    const auto alias = find_service_alias(*query.view, asked, *answer);
    if (alias && state->ever_had_endpoint(*alias->service))
      co_return answer_service_alias(*query.view, asked, *alias);
    co_return answer_forwarded(*query.view, asked, *answer);
  }
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
