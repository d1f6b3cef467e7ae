#include "path/accept_loop.h"

#include "io/accept.h"

namespace epaulet::path {
namespace {

using telemetry::Counter;

constexpr std::chrono::milliseconds kPauseWhenExhausted{20};
/// Then what is connected already has its turn, whether these were served or refused.
constexpr unsigned kAcceptsPerTurn = 2;

/// What waits in the queue when accepting ends: the kernel has promised these connections.
class SweepOp final : public AcceptOp {
 public:
  void run() override {}
};

void sweep(Worker& worker, Listener& listener, Entry entry) {
  SweepOp op;
  while (listener.start_accept(op)) {
    if (!op.result) return;
    worker.loop.spawn(serve_connection(worker, std::move(*op.result), entry));
  }
  listener.cancel_accept({ErrorCode::draining, Side::self, Stage::shutdown});
}

}  // namespace

Task<void> accept_loop(Worker& worker, Listener& listener, Entry entry, Scope& scope) {
  for (unsigned accepted = 1;; ++accepted) {
    if (accepted % kAcceptsPerTurn == 0) co_await next_turn(worker.loop);
    auto stream = co_await Accept(listener, scope);
    if (scope.cancelled()) {
      if (scope.cancelled()->code == ErrorCode::draining) sweep(worker, listener, entry);
      co_return;
    }
    if (!stream) {
      const bool memory = stream.error().code == ErrorCode::memory_exhausted;
      worker.telemetry.count(memory ? Counter::accept_failed_memory
                                    : Counter::accept_failed_descriptors);
      const auto waited = co_await sleep_until(scope, worker.loop.now() + kPauseWhenExhausted);
      if (!waited) co_return;
      continue;
    }
    if (worker.shared.connections.load(std::memory_order_relaxed) >=
        worker.view->snapshot().settings.connections) {
      worker.telemetry.count(Counter::connections_refused_overload);
      (*stream)->reset();
      continue;
    }
    worker.loop.spawn(serve_connection(worker, std::move(*stream), entry));
  }
}

}  // namespace epaulet::path
