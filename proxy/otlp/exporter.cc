#include "otlp/exporter.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "telemetry/span_record.h"

namespace epaulet::otlp {
namespace {

const Error kReplaced{ErrorCode::cancelled, Side::self, Stage::config};

}  // namespace

struct Exporter::State {
  State(Loop& loop_, Listener listener_) : loop(loop_), listener(std::move(listener_)) {}

  /// One set of settings: a reload ends what runs under the old one.
  struct Target {
    Target(Loop& loop, OtlpSettings settings_)
        : settings(std::move(settings_)),
          url(web::parse_url(settings.url).value_or(web::Url())),
          scope(loop) {}
    const OtlpSettings settings;
    const web::Url url;
    Scope scope;
  };

  Loop& loop;
  const Listener listener;
  telemetry::LogWake wake;  // Nobody sleeps on it.
  std::vector<std::unique_ptr<telemetry::LogRing>> rings;
  std::optional<web::Seams> seams;
  std::shared_ptr<Target> target;
  telemetry::OtlpResource resource;
  SpanQueue queue;
  std::array<std::uint64_t, static_cast<std::size_t>(SendResult::count_)> requests{};
  std::optional<SendResult> last;  ///< Of the last request.
  bool last_was_whole = true;      ///< All of what it took.
  std::string last_error;
  bool is_flushing = false;

  void collect();
  void note(const Target& target, const Sent& sent);

  void run(const std::shared_ptr<State>& self);
  static Task<void> collect_always(std::shared_ptr<State> state, std::shared_ptr<Target> target);
  static Task<void> send_always(std::shared_ptr<State> state, std::shared_ptr<Target> target);
  static Task<bool> send_batch(std::shared_ptr<State> state, std::shared_ptr<Target> target,
                               Scope& within);
};

/// From the workers' rings into the queue.
void Exporter::State::collect() {
  for (auto& ring : rings) {
    const auto waiting = ring->waiting();
    if (waiting.size() == 0) continue;
    // One may lie across the ring's end.
    std::string joined;
    std::string_view rest = waiting.first;
    if (!waiting.second.empty()) {
      joined.reserve(waiting.size());
      joined.append(waiting.first).append(waiting.second);
      rest = joined;
    }
    while (!rest.empty()) {
      const auto packed = telemetry::first_span(rest);
      if (target) queue.push(packed, loop.now());
      rest.remove_prefix(packed.size());
    }
    ring->release(waiting.size());
  }
}

void Exporter::State::note(const Target& from, const Sent& sent) {
  ++requests[static_cast<std::size_t>(sent.result)];
  const bool is_whole = sent.rejected == 0;
  const bool is_news = last != sent.result || last_was_whole != is_whole;
  last = sent.result;
  last_was_whole = is_whole;
  last_error = sent.why.what.empty() ? std::string() : sent.why.to_string();
  const auto now = loop.now();
  if (sent.result == SendResult::taken) {
    queue.taken(sent.rejected, now);
    if (is_news && is_whole) return listener.on_recovery(from.url.authority);
  } else if (may_send_again(sent.result)) {
    queue.failed(now, sent.retry_after, loop.random().unit());
  } else {
    queue.refused(now);
  }
  if (is_news) listener.on_failure({from.url.authority, last_error, may_send_again(sent.result)});
}

/// False: the collector fails, or nobody wants to know any more; the batch is kept.
Task<bool> Exporter::State::send_batch(std::shared_ptr<State> state, std::shared_ptr<Target> target,
                                       Scope& within) {
  const auto body = telemetry::otlp_request(state->resource, state->queue.batch(state->loop.now()));
  Scope sending(within);
  sending.set_deadline(state->loop.now() + target->settings.timeout,
                       {ErrorCode::attempt_timeout, Side::upstream, Stage::receive});
  const auto sent = co_await send(*state->seams, target->settings, target->url, body, sending);
  if (within.cancelled()) co_return false;
  state->note(*target, sent);
  co_return !may_send_again(sent.result);
}

/// Also while a request is under way, which may take its time.
Task<void> Exporter::State::collect_always(std::shared_ptr<State> state,
                                           std::shared_ptr<Target> target) {
  for (;;) {
    const auto slept =
        co_await sleep_until(target->scope, state->loop.now() + limits::kSpanLookEvery);
    if (!slept) co_return;
    state->collect();
  }
}

Task<void> Exporter::State::send_always(std::shared_ptr<State> state,
                                        std::shared_ptr<Target> target) {
  Loop& loop = state->loop;
  while (!target->scope.cancelled()) {
    const auto next = state->queue.next();
    if (next && *next <= loop.now()) {
      (void)co_await send_batch(state, target, target->scope);
      co_await next_turn(loop);  // Others wait for this thread, too.
      continue;
    }
    const auto slept = co_await sleep_until(target->scope, loop.now() + limits::kSpanLookEvery);
    if (!slept) co_return;
  }
}

void Exporter::State::run(const std::shared_ptr<State>& self) {
  if (!target || !seams) return;
  loop.spawn(collect_always(self, target));
  loop.spawn(send_always(self, target));
}

Exporter::Exporter(Loop& loop, Listener listener)
    : state_(std::make_shared<State>(loop, std::move(listener))) {}

Exporter::~Exporter() {
  if (state_->target) state_->target->scope.cancel(kReplaced);
}

telemetry::LogRing& Exporter::add_ring() {
  return *state_->rings.emplace_back(std::make_unique<telemetry::LogRing>(state_->wake));
}

void Exporter::start(web::Seams seams) {
  state_->seams.emplace(seams);
  state_->run(state_);
}

void Exporter::apply(const std::optional<OtlpSettings>& settings,
                     telemetry::OtlpResource resource) {
  auto& target = state_->target;
  if (state_->is_flushing) return;
  state_->resource = std::move(resource);
  if (settings && target && target->settings == *settings) return;
  state_->collect();  // Under the old ones; without any, what came too late for the last.
  if (target) target->scope.cancel(kReplaced);
  target.reset();
  state_->last.reset();
  state_->last_was_whole = true;
  state_->last_error.clear();
  if (!settings) return state_->queue.drop_all(Drop::shutdown);
  state_->queue.configure(settings->queue, settings->interval);
  target = std::make_shared<State::Target>(state_->loop, *settings);
  state_->run(state_);
}

Task<void> Exporter::flush(Scope& scope) {
  const auto state = state_;
  const auto target = state->target;
  state->is_flushing = true;
  if (!target) co_return;
  target->scope.cancel(kReplaced);
  // Whatever is being sent is sent again: twice in the collector, if it was taken, rather than
  // lost.
  for (state->collect(); state->queue.waiting() > 0 && !scope.cancelled(); state->collect()) {
    const bool goes_on = co_await State::send_batch(state, target, scope);
    if (!goes_on) break;
  }
  state->queue.drop_all(Drop::shutdown);
}

ExportStatus Exporter::status() const {
  ExportStatus status;
  status.configured = state_->target != nullptr;
  status.sent = state_->queue.sent();
  for (std::size_t i = 0; i < status.dropped.size(); ++i)
    status.dropped[i] = state_->queue.dropped(static_cast<Drop>(i));
  status.requests = state_->requests;
  status.waiting = state_->queue.waiting();
  status.last_error = state_->last_error;
  return status;
}

}  // namespace epaulet::otlp
