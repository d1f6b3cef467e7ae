#include <list>
#include <optional>

#include "http/http2/served_stream.h"
#include "io/ops.h"
#include "path/exchange.h"
#include "path/goodbye.h"
#include "path/h2c.h"
#include "path/refuse.h"
#include "path/slow_heads.h"
#include "runtime/event.h"
#include "runtime/fork.h"
#include "runtime/pool_allocator.h"
#include "upstream/offence.h"

namespace epaulet::path {
namespace {

namespace h2 = http::http2;

/// All requests of one HTTP/2 connection, each served by a task of its own.
class Http2Session final : private h2::SessionEvents, private h2::Connection::Between {
 public:
  explicit Http2Session(Connection& connection)
      : connection_(connection),
        limits_(connection.worker.session_limits(connection.snapshot())),
        requests_scope_(connection.scope),
        mux_(h2::Role::server, limits_, *this, connection.stream(), connection.reader(),
             connection.scope) {}

  /// The request that asked for HTTP/2 in HTTP/1.1 is the first stream. False: its settings are
  /// none.
  [[nodiscard]] bool adopt(http::RequestHead head, std::string_view settings) {
    constexpr h2::StreamId kFirst = 1;
    const bool bodiless_answer = head.method == http::Method::head;
    auto& request = requests_.emplace_back(mux_, kFirst, requests_scope_, connection_.now());
    request.stream.adopt(std::move(head));
    return mux_.session().upgrade(as_bytes(settings), bodiless_answer, request.stream.events());
  }

  Task<void> run() {
    goodbye_.watch_drain();
    goodbye_.rest();
    after_input();
    (void)co_await mux_.run(this);
    report_offence(connection_, mux_.session());
    goodbye_.stop();
    slow_.stop();
    mux_.session().abandon_streams();
    requests_scope_.cancel({ErrorCode::downstream_reset, Side::downstream, Stage::receive});
    for (auto& request : requests_) {
      if (request.begun) co_await request.task.join();
    }
    reaper_.unlink();
    // Else the kernel would take the end of the last answer back for what the peer still says.
    if (mux_.ended_well()) co_await close_lingering(connection_);
  }

 private:
  struct Request {
    Request(h2::Connection& mux, h2::StreamId id, Scope& parent, TimePoint since_)
        : scope(parent), stream(mux, id, scope), since(since_) {}
    Scope scope;
    h2::ServedStream stream;
    Fork<void> task;
    TimePoint since;
    bool begun = false;
  };
  struct Slow final : SlowHeads {
    explicit Slow(Http2Session& session_) : SlowHeads(session_.connection_), session(session_) {}
    std::optional<TimePoint> oldest() override { return session.oldest_to_begin(); }
    Http2Session& session;
  };
  struct Reaper final : ReadyItem {
    explicit Reaper(Http2Session& session_) : session(session_) {}
    void run() override { session.reap(); }
    Http2Session& session;
  };

  /// From inside the codec: only notes.
  h2::StreamEvents* on_request(h2::StreamId id) override {
    // A request that the peer has reset may take its time to end: those count too.
    if (requests_.size() >= 2 * limits_.streams) return nullptr;
    goodbye_.wake();
    slow_.watch();
    return &requests_.emplace_back(mux_, id, requests_scope_, connection_.now()).stream.events();
  }
  void on_goaway() override {}
  void on_settings() override {}
  void on_narrowed() override {
    connection_.worker.telemetry.count(telemetry::Counter::http2_windows_narrowed);
  }

  void after_input() override {
    for (auto& request : requests_) {
      if (request.begun || !request.stream.has_head() || request.stream.has_closed()) continue;
      request.begun = true;
      if (connection_.inbound() && goodbye_.must_leave()) goodbye_.say();
      request.task.start(serve(request));
    }
    reap();
  }

  Task<void> serve(Request& request) {
    Exchange exchange(connection_, request.scope, request.stream, nullptr);
    exchange.view = connection_.worker.view;
    exchange.begin();
    const auto head = request.stream.take_head(exchange.request);
    if (head) {
      co_await serve_request(exchange);
    } else {
      (void)co_await answer_bad_head(exchange, head.error());
    }
    request.stream.settle();
    // The task itself goes later: it has not ended yet.
    if (!reaper_.linked()) connection_.worker.loop.ready(reaper_);
  }

  void reap() {
    std::erase_if(requests_, [](const Request& one) {
      return one.begun ? one.task.ended() : one.stream.has_closed();
    });
    if (requests_.empty() && !goodbye_.rests()) goodbye_.rest();
  }

  std::optional<TimePoint> oldest_to_begin() {
    reap();
    for (const auto& request : requests_) {
      if (!request.begun) return request.since;
    }
    return std::nullopt;
  }

  Connection& connection_;
  const h2::SessionLimits limits_;
  Scope requests_scope_;
  h2::Connection mux_;
  std::list<Request, PoolAllocator<Request>> requests_;
  Goodbye goodbye_{connection_, mux_};
  Slow slow_{*this};
  Reaper reaper_{*this};
};

}  // namespace

Task<void> serve_http2(Connection& connection) {
  Http2Session session(connection);
  co_await session.run();
}

Task<void> serve_h2c(Connection& connection, http::RequestHead request, std::string settings) {
  Http2Session session(connection);
  if (!session.adopt(std::move(request), settings)) {
    co_await refuse_connection(connection,
                               Error(ErrorCode::head_malformed, Side::downstream, Stage::parse));
    co_return;
  }
  constexpr std::string_view kAgreed =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
  const std::array<ConstBytes, 1> agreed{as_bytes(kAgreed)};
  const auto sent = co_await write_all(connection.stream(), agreed, connection.scope);
  if (sent) co_await session.run();
}

}  // namespace epaulet::path
