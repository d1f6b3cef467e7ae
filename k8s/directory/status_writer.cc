#include "k8s/directory/status_writer.h"

#include <fmt/format.h>

#include <set>

#include "crypto/wall_time.h"
#include "k8s/directory/route_status.h"
#include "runtime/event.h"

namespace epaulet::kube {

struct StatusWriter::State {
  State(Loop& loop_, ApiClient& api_, Model& model_, OnFailure on_failure_)
      : loop(loop_),
        api(api_),
        model(model_),
        on_failure(std::move(on_failure_)),
        scope(loop_),
        news(loop_) {}

  static Task<void> run(std::shared_ptr<State> state);
  Task<bool> write_all();
  Task<bool> write_one(RouteBook::Key key);
  Task<bool> tell(RouteKind kind, RouteFacts facts, std::string refused);
  bool failed(std::string_view what, std::uint16_t status, const std::string& why);

  Loop& loop;
  ApiClient& api;
  Model& model;
  OnFailure on_failure;
  Scope scope;
  Event news;
  StatusCounts counts;
  std::string last_error;
  std::set<std::string> told;       ///< Names of Events of ours, of routes that are refused now.
  std::set<RouteBook::Key> untold;  ///< Whose status says it, and of which no Event could be made.
};

bool StatusWriter::State::failed(std::string_view what, std::uint16_t status,
                                 const std::string& why) {
  ++counts.failures;
  auto text = why.empty() ? fmt::format("the API server answered {} to {}", status, what) : why;
  if (status == 403) text += "; bind our service account to the ClusterRole epaulet-directory";
  if (text != last_error) on_failure(text);
  last_error = std::move(text);
  return false;
}

/// False: try again later.
Task<bool> StatusWriter::State::tell(RouteKind kind, RouteFacts facts, std::string refused) {
  const auto id = fmt::format("{} {} {}", facts.uid, facts.generation, refused);
  if (told.contains(id)) co_return true;
  const auto path = fmt::format("/api/v1/namespaces/{}/events", facts.name_space);
  const auto event = event_of(facts, kind, refused, rfc3339(loop.wall_now()));
  Scope within(scope);
  within.set_deadline(loop.now() + kTime,
                      {ErrorCode::attempt_timeout, Side::upstream, Stage::receive});
  const auto answer = co_await api.post(path, event, within);
  if (scope.cancelled()) co_return false;
  if (!answer) co_return failed("an Event", 0, answer.error().to_string());
  constexpr std::uint16_t kThere = 409;  // Another replica's, or our own before a restart.
  if (answer->status >= 300 && answer->status != kThere)
    co_return failed("an Event", answer->status, "");
  if (answer->status != kThere) ++counts.events;
  constexpr std::size_t kToldMax = 10'000;
  if (told.size() >= kToldMax) told.clear();
  told.insert(id);
  co_return true;
}

/// The route may be another, or gone, after each wait: nothing of it is held.
Task<bool> StatusWriter::State::write_one(RouteBook::Key key) {
  const auto* route = model.routes().find(key);
  if (route == nullptr) co_return true;
  const auto now = rfc3339(loop.wall_now());
  const auto parents = new_parents(route->facts, conditions_of(key, *route, model), now);
  const bool owes_event = !route->refused.empty() && (parents || untold.contains(key));
  if (!owes_event) untold.erase(key);
  if (!parents && !owes_event) co_return true;
  const RouteFacts facts = route->facts;
  bool is_told = true;
  if (owes_event) {
    is_told = co_await tell(key.first, facts, route->refused);
    if (scope.cancelled()) co_return false;
    if (is_told) {
      untold.erase(key);
    } else {
      untold.insert(key);
    }
  }
  // A namespace may have no room for Events, or give us no right to them: its routes' authors are
  // to read what became of them all the more.
  if (!parents) co_return is_told;
  const auto path = fmt::format("/apis/{}/namespaces/{}/{}/{}/status", kRouteApi, facts.name_space,
                                plural_of(key.first), facts.name);
  const auto patch = status_patch(facts, *parents);
  Scope within(scope);
  within.set_deadline(loop.now() + kTime,
                      {ErrorCode::attempt_timeout, Side::upstream, Stage::receive});
  const auto answer = co_await api.patch(path, patch, within);
  if (scope.cancelled()) co_return false;
  if (!answer) co_return failed("a status", 0, answer.error().to_string());
  // Changed or gone meanwhile: the watch tells, and we look again.
  if (answer->status == 409 || answer->status == 404) {
    ++counts.conflicts;
    co_return is_told;
  }
  if (answer->status >= 300) co_return failed("a status", answer->status, "");
  ++counts.written;
  if (is_told) last_error.clear();
  co_return is_told;
}

/// True: all that is to be said is said, or will be looked at because of a change.
Task<bool> StatusWriter::State::write_all() {
  std::vector<RouteBook::Key> keys;
  for (const auto& [key, route] : model.routes().all()) keys.push_back(key);
  std::erase_if(untold, [&](const auto& key) { return model.routes().find(key) == nullptr; });
  bool is_done = true;
  for (const auto& key : keys) {
    const bool is_written = co_await write_one(key);
    if (scope.cancelled()) co_return false;
    is_done = is_done && is_written;
  }
  co_return is_done;
}

Task<void> StatusWriter::State::run(std::shared_ptr<State> state) {
  auto& self = *state;
  for (;;) {
    const auto heard = co_await self.news.wait(self.scope);
    if (!heard) co_return;
    const auto paused = co_await sleep_until(self.scope, self.loop.now() + kPause);
    if (!paused) co_return;
    self.news.reset();
    const bool is_done = co_await self.write_all();
    if (self.scope.cancelled()) co_return;
    if (is_done) continue;
    const auto rested = co_await sleep_until(self.scope, self.loop.now() + kAgain);
    if (!rested) co_return;
    self.news.set();
  }
}

StatusWriter::StatusWriter(Loop& loop, ApiClient& api, Model& model, OnFailure on_failure)
    : state_(std::make_shared<State>(loop, api, model, std::move(on_failure))) {}

StatusWriter::~StatusWriter() {
  state_->scope.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

void StatusWriter::start() {
  state_->loop.spawn(State::run(state_));
}

void StatusWriter::look() {
  state_->news.set();
}

const StatusCounts& StatusWriter::counts() const {
  return state_->counts;
}

}  // namespace epaulet::kube
