#pragma once

#include <optional>

#include "http/http1/server_connection.h"
#include "http/replay_buffer.h"
#include "http/stream.h"
#include "path/connection.h"
#include "path/mirror.h"
#include "path/session.h"
#include "resilience/adaptive_concurrency.h"
#include "resilience/idle_timer.h"
#include "telemetry/in_flight.h"
#include "upstream/pool.h"

namespace epaulet::path {

class LedFlight;  // path/single_flight.h

/// One request with its response. What it takes comes from the worker's pools and goes back when it
/// ends: a steady exchange allocates nothing, and an idle connection has none.
class Exchange final : private http::CallerWatcher {
 public:
  /// `http1_`: the same, if it is a connection of HTTP/1, which an upgrade takes over.
  Exchange(Connection& connection_, Scope& parent_, http::ServerStream& server_,
           http::http1::ServerConnection* http1_)
      : connection(connection_),
        parent(parent_),
        server(server_),
        http1(http1_),
        body(&connection_.replay_bytes) {}
  ~Exchange() { server.watch(nullptr); }

  /// Once, before its request is read.
  void begin();

  Connection& connection;
  Scope& parent;  ///< Of all exchanges of the connection.
  http::ServerStream& server;
  http::http1::ServerConnection* const http1;
  ViewPtr view;                ///< Pinned for this request.
  std::optional<Scope> scope;  ///< With the request's deadline until the response head.
  std::optional<resilience::IdleTimer> longest;  ///< `timeouts.max_duration`, if there is one.
  http::RequestHead request;
  http::ResponseHead response;
  http::ReplayBuffer body;
  telemetry::ExchangeRecord record;
  std::string websocket_key;  ///< Ours, if the request came without.
  bool committed = false;     ///< A final response head was handed to the downstream writer.
  /// A gRPC call without a deadline of its own may be a stream of the caller's: its time counts
  /// from the end of its request.
  bool untimed = false;
  bool has_own_deadline = false;  ///< Of a gRPC call: `grpc-timeout`.
  std::size_t added_bytes = 0;    ///< Of request.added, but for what belongs to one attempt.
  /// What the sidecar before us has left for it, which we may do with; an outsider may only ask for
  /// less than `timeouts.request`.
  std::optional<Duration> given_time;
  /// The caller gives less time than `timeouts.request`: no fault of whoever is asked.
  bool hurried = false;
  Duration delayed{};  ///< By an injected fault: of the time that an untimed call has.
  /// What is delivered in the background: nobody waits for the answer.
  const struct Delivery* delivery = nullptr;
  telemetry::SpanPlace span;   ///< What becomes of it for tracing.
  const Cors* cors = nullptr;  ///< What its route says of other origins.
  /// Inbound: while the app works on it, so that what it asks meanwhile is joined to it.
  telemetry::InFlight::Entry in_flight;
  std::vector<std::shared_ptr<MirrorPair>> mirrors;  ///< With copies that are sent elsewhere.
  LedFlight* flight = nullptr;                       ///< Of requests that wait for its answer.
  /// Inbound, with `concurrency`: from its admission to the head of the app's answer.
  resilience::AdaptiveConcurrency::Place place;
  /// Of the rate limit that leaves least, if any was met.
  std::optional<resilience::RateLimit::Verdict> rate;

  /// A call of gRPC, which HTTP/2 alone carries: it has deadlines and statuses of its own.
  [[nodiscard]] bool is_grpc() const;
  [[nodiscard]] bool came_by_http2() const;
  [[nodiscard]] Worker& worker() const { return connection.worker; }
  [[nodiscard]] const Snapshot& snapshot() const { return view->snapshot(); }
  [[nodiscard]] TimePoint now() const { return connection.now(); }
  void trace(Stage stage, telemetry::Event event, std::uint32_t a = 0, std::uint32_t b = 0) {
    record.trace.add(now(), stage, event, a, b);
  }

  /// Watches the caller while its request is complete and the answer is not: a reset cancels the
  /// exchange, a FIN is passed on to the upstream connection given here (a half-close stays a
  /// half-close).
  void watch_downstream(http::ClientStream* upstream);
  /// Before the upstream connection is let go.
  void unwatch_downstream();

 private:
  void on_caller_gone(const Error& why) override { scope->cancel(why); }
  void on_caller_half_closed() override;

  http::ClientStream* half_close_to_ = nullptr;
};

/// Where a request goes and under which rules: what routing and access decided.
struct Plan {
  const EffectiveTimeouts* timeouts = nullptr;
  const resilience::RetryRules* retry = nullptr;
  resilience::RetryBudget* budget = nullptr;
  const BreakerState* breaker = nullptr;
  resilience::HedgeDelay* hedge = nullptr;      ///< When a second attempt begins; none: never.
  std::uint32_t backend = Destination::kNone;   ///< kNone: the app beside us.
  std::optional<SocketAddress> pinned;          ///< This endpoint and no other.
  HttpVersion http = HttpVersion::same;         ///< What the next hop is asked in.
  std::string_view criticality;                 ///< Told to the next sidecar; "": nothing is.
  Session session;                              ///< Which of the backend's endpoints.
  const BackgroundState* background = nullptr;  ///< Accept at once, deliver later.
  const FallbackState* fallback = nullptr;      ///< What stands in for a failure.
  const ShapingState* shaping = nullptr;        ///< What is done to the request and its response.
  /// To be told, where this request may change what others ask for.
  resilience::ChangeCount* changes = nullptr;
  bool inbound = false;
  bool is_counted = false;    ///< The budget knows of its first attempt already.
  bool is_preflight = false;  ///< Answered by the route's `cors`.
};

/// What the caller speaks, the next hop does too, unless the configuration says what its app wants.
[[nodiscard]] inline bool asks_http2(const Exchange& exchange, const Plan& plan) {
  if (plan.http == HttpVersion::same) return exchange.came_by_http2();
  return plan.http == HttpVersion::http2;
}

/// Serves HTTP on the connection until either end closes it. http1_session.cc, http2_session.cc
Task<void> serve_http1(Connection& connection);
Task<void> serve_http2(Connection& connection);

/// Serves the request whose head was read: routing, access, attempts, the answer; reports it.
Task<void> serve_request(Exchange& exchange);
/// Answers a head that cannot be served, and reports it.
Task<Result<void>> answer_bad_head(Exchange& exchange, Error error);

/// Routing and access for one request, both directions; cleans its fields. The Error is what the
/// caller gets.
[[nodiscard]] Result<Plan> admit_inbound(Exchange& exchange);
[[nodiscard]] Result<Plan> admit_outbound(Exchange& exchange);

/// Sends the request until it is answered, retries where that is safe, delivers the response.
/// Returns how it ended.
Task<Error> fulfil(Exchange& exchange, const Plan& plan);

/// The trailers that tell a caller of gRPC how its call failed.
[[nodiscard]] std::string grpc_trailers(const Exchange& exchange, const Error& error);

/// Answers with our own response, as the error table says. `may_keep`: another request may follow
/// if it is known where the next one begins; otherwise the answer says close.
Task<Result<void>> answer(Exchange& exchange, const Error& error, bool may_keep = true);

}  // namespace epaulet::path
