#include "admin/server.h"

#include "admin/connection.h"
#include "base/limits.h"
#include "io/accept.h"

namespace epaulet::admin {
namespace {

constexpr std::chrono::milliseconds kPauseWhenExhausted{50};
constexpr unsigned kAcceptsPerTurn = 16;

}  // namespace

struct AdminServer::State {
  State(Loop& loop_, Surface surface_, AppPages app_)
      : loop(loop_), surface(std::move(surface_)), app(app_), scope(loop_) {}

  /// Whether another connection may be served.
  bool make_room() {
    if (count < limits::kAdminConnectionsMax) return true;
    ++refused;
    if (on_refused) on_refused();
    AdminConnection* waiting = nullptr;
    connections.for_each([&](AdminConnection& each) {
      if (waiting == nullptr && each.waits_for_client()) waiting = &each;
    });
    if (waiting == nullptr) return false;
    leave(*waiting);
    waiting->give_up();
    return true;
  }

  /// Takes the last place of those that wait.
  void enter(AdminConnection& connection) {
    leave(connection);
    connections.push_back(connection);
    ++count;
  }
  /// Once it has given up, it is not counted any more, though it ends a little later.
  void leave(AdminConnection& connection) {
    if (!connection.linked()) return;
    connection.unlink();
    --count;
  }

  void note_refusal(std::uint16_t status) {
    ++denied;
    if (on_denied) on_denied(status);
  }

  Loop& loop;
  Surface surface;
  const AppPages app;
  Scope scope;
  IntrusiveList<AdminConnection> connections;  // In the order in which they began to wait.
  std::size_t count = 0;
  std::uint64_t refused = 0;
  std::function<void()> on_refused;
  std::uint64_t denied = 0;
  std::function<void(std::uint16_t)> on_denied;

  static Task<void> serve(std::shared_ptr<State> state, StreamPtr stream);
  static Task<void> accept(std::shared_ptr<State> state, Listener& listener);
};

Task<void> AdminServer::State::serve(std::shared_ptr<State> state, StreamPtr stream) {
  AdminConnection connection(std::move(stream), state->surface, state->app, state->scope);
  connection.set_on_refusal([&all = *state](std::uint16_t status) { all.note_refusal(status); });
  do {
    state->enter(connection);
  } while (co_await connection.serve_one());
  state->leave(connection);
}

Task<void> AdminServer::State::accept(std::shared_ptr<State> state, Listener& listener) {
  for (unsigned accepted = 1; !state->scope.cancelled(); ++accepted) {
    auto stream = co_await Accept(listener, state->scope);
    if (state->scope.cancelled()) co_return;
    if (!stream) {
      const auto again = state->loop.now() + kPauseWhenExhausted;
      const auto waited = co_await sleep_until(state->scope, again);
      if (!waited) co_return;
      continue;
    }
    if (!state->make_room()) {
      (*stream)->reset();
      continue;
    }
    state->loop.spawn(serve(state, std::move(*stream)));
    if (accepted % kAcceptsPerTurn == 0) co_await next_turn(state->loop);
  }
}

AdminServer::AdminServer(Loop& loop, Surface surface, AppProbes* probes, AppMetrics* metrics,
                         EndPage* end)
    : state_(std::make_shared<State>(loop, std::move(surface), AppPages{probes, metrics, end})) {}

AdminServer::~AdminServer() {
  state_->on_refused = nullptr;
  state_->on_denied = nullptr;
  state_->scope.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

void AdminServer::listen(Listener& listener) {
  state_->loop.spawn(State::accept(state_, listener));
}

std::size_t AdminServer::connections() const {
  return state_->count;
}

std::uint64_t AdminServer::refused() const {
  return state_->refused;
}

void AdminServer::set_on_refused(std::function<void()> on_refused) {
  state_->on_refused = std::move(on_refused);
}

std::uint64_t AdminServer::denied() const {
  return state_->denied;
}

void AdminServer::set_on_denied(std::function<void(std::uint16_t)> on_denied) {
  state_->on_denied = std::move(on_denied);
}

}  // namespace epaulet::admin
