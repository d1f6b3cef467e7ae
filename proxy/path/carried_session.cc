#include <list>

#include "http/http2/carried_stream.h"
#include "path/exchange.h"
#include "path/goodbye.h"
#include "path/slow_heads.h"
#include "runtime/fork.h"

namespace epaulet::path {
namespace {

namespace h2 = http::http2;

/// All connections of HTTP/1.1 that the streams of one mesh connection carry. Each is served as one
/// of its own: the same reader, the same rules for each request in it, the identity that the mesh
/// connection has proved.
class CarriedSession final : private h2::SessionEvents, private h2::Connection::Between {
 public:
  explicit CarriedSession(Connection& connection)
      : connection_(connection),
        limits_(limits_of(connection)),
        carried_scope_(connection.scope),
        mux_(h2::Role::server, limits_, *this, connection.stream(), connection.reader(),
             connection.scope) {}

  Task<void> run() {
    goodbye_.watch_drain();
    goodbye_.rest();
    (void)co_await mux_.run(this);
    report_offence(connection_, mux_.session());
    goodbye_.stop();
    slow_.stop();
    mux_.session().abandon_streams();
    carried_scope_.cancel({ErrorCode::downstream_reset, Side::downstream, Stage::receive});
    for (auto& one : carried_) {
      if (one.begun) co_await one.task.join();
    }
    reaper_.unlink();
  }

 private:
  struct Carried {
    Carried(std::unique_ptr<h2::CarriedStream> stream_, TimePoint since_)
        : stream(std::move(stream_)), since(since_) {}
    std::unique_ptr<h2::CarriedStream> stream;  ///< Until it is served.
    Fork<void> task;
    TimePoint since;
    bool begun = false;
  };
  struct Slow final : SlowHeads {
    explicit Slow(CarriedSession& session_) : SlowHeads(session_.connection_), session(session_) {}
    std::optional<TimePoint> oldest() override { return session.oldest_to_begin(); }
    CarriedSession& session;
  };
  struct Reaper final : ReadyItem {
    explicit Reaper(CarriedSession& session_) : session(session_) {}
    void run() override { session.reap(); }
    CarriedSession& session;
  };

  /// Callers who give up are somebody else's, and many: what is too much from a stranger is not
  /// from a sidecar that has proved who it is.
  static h2::SessionLimits limits_of(const Connection& connection) {
    auto limits = connection.worker.session_limits(connection.snapshot());
    limits.resets_burst = limits::kCarriedResetsBurst;
    limits.resets_per_second = limits::kCarriedResetsPerSecond;
    return limits;
  }

  /// From inside the codec: only notes. Each may want a connection to the app, so that they count
  /// like any other.
  h2::StreamEvents* on_request(h2::StreamId id) override {
    Worker& worker = connection_.worker;
    if (carried_.size() >= 2 * limits_.streams) return nullptr;
    if (worker.shared.connections.load(std::memory_order_relaxed) + to_begin_ >=
        worker.view->snapshot().settings.connections) {
      worker.telemetry.count(telemetry::Counter::connections_refused_overload);
      return nullptr;
    }
    goodbye_.wake();
    ++to_begin_;
    slow_.watch();
    auto& one =
        carried_.emplace_back(std::make_unique<h2::CarriedStream>(mux_, id), connection_.now());
    return &one.stream->events();
  }
  void on_goaway() override {}

  void after_input() override {
    for (auto& one : carried_) {
      if (one.begun || !one.stream->is_open()) continue;
      one.begun = true;
      --to_begin_;
      if (goodbye_.must_leave()) goodbye_.say();
      one.task.start(serve(one));
    }
    reap();
  }

  Task<void> serve(Carried& one) {
    h2::CarriedStream& stream = *one.stream;
    Connection carried(connection_, carried_scope_, std::move(one.stream));
    co_await serve_carried(carried);
    // Its last answer was whole: what the caller has asked for meanwhile goes elsewhere.
    if (carried.ended_at_rest) stream.refuse();
    // The task itself goes later: it has not ended yet.
    if (!reaper_.linked()) connection_.worker.loop.ready(reaper_);
  }

  void reap() {
    std::erase_if(carried_, [this](const Carried& one) {
      if (one.begun) return one.task.ended();
      const bool closed = one.stream->has_closed();
      to_begin_ -= closed;
      return closed;
    });
    if (carried_.empty() && !goodbye_.rests()) goodbye_.rest();
  }

  /// Some that were no such request may have gone without a word to us.
  std::optional<TimePoint> oldest_to_begin() {
    reap();
    for (const auto& one : carried_) {
      if (!one.begun) return one.since;
    }
    return std::nullopt;
  }

  Connection& connection_;
  const h2::SessionLimits limits_;
  Scope carried_scope_;
  h2::Connection mux_;
  std::list<Carried> carried_;
  std::size_t to_begin_ = 0;  ///< Of them: nobody has counted these yet.
  Goodbye goodbye_{connection_, mux_};
  Slow slow_{*this};
  Reaper reaper_{*this};
};

}  // namespace

Task<void> serve_multiplexed(Connection& connection) {
  CarriedSession session(connection);
  co_await session.run();
}

}  // namespace epaulet::path
