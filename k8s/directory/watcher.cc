#include "k8s/directory/watcher.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/line_splitter.h"
#include "k8s/directory/page_limit.h"

namespace epaulet::kube {
namespace {

const Error kSilent(ErrorCode::idle_timeout, Side::upstream, Stage::receive);
const Error kSlow(ErrorCode::attempt_timeout, Side::upstream, Stage::receive);

std::string_view path_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::service:
      return "/api/v1/services";
    case ObjectKind::slice:
      return "/apis/discovery.k8s.io/v1/endpointslices";
    case ObjectKind::pod:
      return "/api/v1/pods";
    case ObjectKind::http_route:
      return "/apis/gateway.networking.k8s.io/v1/httproutes";
    case ObjectKind::grpc_route:
      return "/apis/gateway.networking.k8s.io/v1/grpcroutes";
    case ObjectKind::count_:
      break;
  }
  return "";
}

/// A cluster need not have them, nor an older ClusterRole of ours name them.
bool is_optional(ObjectKind kind) {
  return kind == ObjectKind::http_route || kind == ObjectKind::grpc_route;
}

/// Of pods those in the mesh alone.
std::string query_of(ObjectKind kind) {
  return kind == ObjectKind::pod ? "&labelSelector=epaulet.io%2Fmeshed%3Dtrue" : "";
}

/// A `continue` token is base64 of whatever the server likes.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (is_plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Reason answered(ObjectKind kind, std::uint16_t status) {
  return Reason(
      fmt::format("the API server answered {} to a list or watch of {}", status, name_of(kind)),
      status == 403 ? "bind our service account to the ClusterRole epaulet-directory"
                    : "look at the API server's log");
}

}  // namespace

std::string_view name_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::service:
      return "services";
    case ObjectKind::slice:
      return "endpointslices";
    case ObjectKind::pod:
      return "pods";
    case ObjectKind::http_route:
      return "httproutes";
    case ObjectKind::grpc_route:
      return "grpcroutes";
    case ObjectKind::count_:
      break;
  }
  return "";
}

struct Watcher::State {
  State(Seams seams, ObjectKind kind_, Listener listener_)
      : loop(seams.loop),
        api(seams.api),
        model(seams.model),
        kind(kind_),
        listener(std::move(listener_)),
        scope(seams.loop) {}

  static Task<void> open_gate(std::shared_ptr<State> state);
  static Task<void> run(std::shared_ptr<State> state);
  template <class Facts>
  Task<Checked<void>> list();
  [[nodiscard]] std::string page_path(std::string_view next) const;
  template <class Facts>
  Task<Checked<Page<Facts>>> leave_out(const std::string& path);
  template <class Facts>
  Task<Checked<void>> stream();
  template <class Facts>
  Task<Checked<void>> watch();
  Task<Checked<ApiStreamPtr>> open(std::string_view path, Scope& within);
  template <class Facts>
  Task<Checked<void>> follow(ApiStream& stream, Scope& within);
  template <class Facts>
  bool take(std::string_view line);
  void miss(const std::string& head);
  template <class Facts>
  Task<Checked<void>> step_of();
  Task<Checked<void>> step();
  [[nodiscard]] std::string watch_path(std::string_view from) const;
  /// All that there was is told.
  void listed(std::string version) {
    model.end_list(kind);
    reflector.listed(std::move(version));
    status.is_listed = true;
  }
  /// Until something is to have come.
  [[nodiscard]] std::chrono::seconds page_time() const {
    return keeps_others_back() ? kOptionalTime : kPageTime;
  }
  /// A kind that a cluster need not have, and that does not come, keeps nothing else back.
  [[nodiscard]] bool keeps_others_back() const { return is_optional(kind) && !status.is_listed; }
  void keep_nothing_back() {
    if (!keeps_others_back()) return;
    status.is_listed = true;
    model.go_on_without(kind);
    listener.on_change();
  }
  void failed(const std::string& why) {
    ++status.failures;
    if (std::exchange(status.last_error, why) != why) listener.on_failure(kind, why);
  }
  void heard() {
    status.heard_at = loop.now();
    status.last_error.clear();
  }

  Loop& loop;
  ApiClient& api;
  Model& model;
  const ObjectKind kind;
  Listener listener;
  Scope scope;
  Reflector reflector;
  PageLimit limit;
  WatcherStatus status;
  bool is_streaming = false;   ///< What comes is the list, and not news yet.
  std::size_t unreadable = 0;  ///< In it.
  bool is_expired = false;     ///< The watch ended with 410.
};

template <class Facts>
Task<Checked<void>> Watcher::State::list() {
  ++status.lists;
  model.begin_list(kind);
  std::string next;
  for (;;) {
    const auto path = page_path(next);
    Scope within(scope);
    within.set_deadline(loop.now() + page_time(), kSlow);
    const auto answer = co_await api.get(path, PageLimit::kBytesMax, within);
    if (scope.cancelled()) co_return Checked<void>();
    if (!answer) co_return answer.error();
    if (answer->status == 410) {
      // The pages are of a state that the server has forgotten: from the start, after a pause.
      ++status.expired;
      co_return Checked<void>();
    }
    constexpr std::uint16_t kUnknownKind = 404;
    if (is_optional(kind) && answer->status == kUnknownKind) {
      // Nobody has installed them, or somebody took them away: asked again, ever more rarely.
      model.end_list(kind);
      status.is_listed = true;
      heard();
      listener.on_change();
      co_return Checked<void>();
    }
    constexpr std::uint16_t kForbidden = 403;
    if (answer->status == kForbidden) keep_nothing_back();  // Waiting gives nobody a right.
    if (answer->status != 200) co_return answered(kind, answer->status);
    std::optional<Page<Facts>> page;
    if (!answer->is_cut) page = read_page<Facts>(answer->body);
    if (!page) {
      // One object that is too much costs the others nothing.
      if (limit.shrink()) continue;
      auto left = co_await leave_out<Facts>(path);
      if (scope.cancelled()) co_return Checked<void>();
      if (!left) co_return left.error();
      page = std::move(*left);
    } else {
      limit.fits(answer->body.size());
    }
    for (auto& each : page->items) model.put(std::move(each));
    status.unreadable += page->left;
    for (const auto& name : page->left_names) listener.on_unreadable(kind, name);
    next = page->next;
    if (next.empty()) listed(page->version);
    heard();
    listener.on_change();
    if (next.empty()) co_return Checked<void>();
  }
}

std::string Watcher::State::page_path(std::string_view next) const {
  auto path = fmt::format("{}?limit={}{}", path_of(kind), limit.objects(), query_of(kind));
  if (!next.empty()) path += "&continue=" + escaped(next);
  return path;
}

/// The page at `path`, of one object, that is too long or that nobody can read: without it.
template <class Facts>
Task<Checked<Page<Facts>>> Watcher::State::leave_out(const std::string& path) {
  Scope within(scope);
  within.set_deadline(loop.now() + kPageTime, kSlow);
  const auto answer = co_await api.get(path, PageLimit::kBytesMax, within, ApiClient::kNamesJson);
  if (!answer) co_return answer.error();
  if (answer->status != 200) co_return answered(kind, answer->status);
  std::optional<Page<NameFacts>> names;
  if (!answer->is_cut) names = read_page<NameFacts>(answer->body);
  if (!names || names->items.size() + names->left > 1)
    co_return Reason("the API server sent no list", "is another server there?");
  Page<Facts> page;
  page.version = names->version;
  page.next = names->next;
  page.left = names->items.size() + names->left;
  page.left_names = std::move(names->left_names);
  for (const auto& one : names->items) page.left_names.push_back(one.name_space + "/" + one.name);
  co_return std::move(page);
}

/// False: the watch is over.
template <class Facts>
bool Watcher::State::take(std::string_view line) {
  auto event = read_event<Facts>(line);
  ++status.events;
  switch (event.kind) {
    case EventKind::put:
      model.put(std::move(event.facts));
      break;
    case EventKind::removed:
      model.remove(event.facts);
      break;
    case EventKind::bookmark:
      if (is_streaming && event.ends_list) {
        is_streaming = false;
        listed(event.version);
        ++status.streams;
        heard();
        return true;  // A list is no progress yet, see Reflector::listed().
      }
      break;
    case EventKind::expired:
      is_expired = true;
      ++status.expired;
      reflector.expired();
      return false;
    case EventKind::failed:
      return false;
    case EventKind::unreadable:
      ++status.unreadable;
      if (!is_streaming || ++unreadable <= kLeftNamesMax) listener.on_unreadable(kind, event.name);
      break;
  }
  heard();
  // Before all of the list is there no version of it is one to go on from.
  if (is_streaming) return true;
  if (event.kind == EventKind::put || event.kind == EventKind::removed) {
    reflector.news(event.version);
  } else {
    reflector.bookmark(event.version);
  }
  return true;
}

std::string Watcher::State::watch_path(std::string_view from) const {
  const auto share = loop.random().unit();
  return fmt::format("{}?watch=1&allowWatchBookmarks=true&{}&timeoutSeconds={}{}", path_of(kind),
                     from, static_cast<int>(static_cast<double>(kWatchTime.count()) * (1 + share)),
                     query_of(kind));
}

/// A watch of either kind.
Task<Checked<ApiStreamPtr>> Watcher::State::open(std::string_view path, Scope& within) {
  within.set_deadline(loop.now() + page_time(), kSilent);
  auto stream = co_await api.open(path, within);
  if (!stream && !scope.cancelled()) reflector.ended();
  co_return std::move(stream);
}

/// WatchList (KEP-3157): a watch that tells first what there is, object by object, and says where
/// that ends. Neither side then holds a list in memory, and no watch is to be begun behind it.
template <class Facts>
Task<Checked<void>> Watcher::State::stream() {
  const auto path = watch_path("sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
  Scope within(scope);
  const auto stream = co_await open(path, within);
  if (scope.cancelled()) co_return Checked<void>();
  if (!stream) co_return stream.error();
  const auto answer = (*stream)->status();
  if (answer != 200) {
    // Servers that do not know it, or have it switched off, call it an invalid request.
    if (answer == 400 || answer == 422) {
      reflector.has_no_streams();
    } else {
      reflector.stream_failed();
    }
    auto listed = co_await list<Facts>();
    if (reflector.version().empty()) reflector.ended();
    co_return listed;
  }
  ++status.lists;
  ++status.watches;
  model.begin_list(kind);
  is_streaming = true;
  unreadable = 0;
  auto followed = co_await follow<Facts>(**stream, within);
  if (std::exchange(is_streaming, false)) reflector.stream_failed();
  co_return followed;
}

template <class Facts>
Task<Checked<void>> Watcher::State::watch() {
  ++status.watches;
  const auto path = watch_path("resourceVersion=" + escaped(reflector.version()));
  Scope within(scope);
  const auto stream = co_await open(path, within);
  if (scope.cancelled()) co_return Checked<void>();
  if (!stream) co_return stream.error();
  const auto answer = (*stream)->status();
  if (answer == 410) {
    ++status.expired;
    reflector.expired();
    co_return Checked<void>();
  }
  if (answer != 200) {
    reflector.refused(answer);
    co_return answered(kind, answer);
  }
  co_return co_await follow<Facts>(**stream, within);
}

/// An event that was too long. Whoever may make an object can make such ones, so it costs the
/// others nothing, and is told no more often than it is listed for.
void Watcher::State::miss(const std::string& head) {
  ++status.unreadable;
  heard();
  const bool is_told = is_streaming ? ++unreadable <= kLeftNamesMax : reflector.missed(loop.now());
  if (is_told)
    listener.on_unreadable(kind, fmt::format("more than {} MiB: {}...", kLineBytesMax >> 20, head));
}

/// Until it ends.
template <class Facts>
Task<Checked<void>> Watcher::State::follow(ApiStream& stream, Scope& within) {
  LineSplitter lines(kLineBytesMax, LineSplitter::TooLong::is_passed_over);
  std::size_t missed = 0;
  const std::string before = reflector.version();
  const auto begun = loop.now();
  is_expired = false;
  for (;;) {
    within.set_deadline(loop.now() + (is_streaming ? kPageTime : kSilenceMax), kSilent);
    const auto piece = co_await stream.pull(within);
    if (scope.cancelled()) co_return Checked<void>();
    if (loop.now() - begun >= kShortWatch && !is_streaming) reflector.lasted();
    // A silent or broken watch is begun again from where it was; only one that never said
    // anything is a failure.
    if (!piece || piece->empty()) {
      const bool brought_news = reflector.version() != before;
      reflector.ended();
      if (!piece && !brought_news) co_return piece.error();
      co_return Checked<void>();
    }
    const bool goes_on =
        lines.take(*piece, [this](std::string_view line) { return take<Facts>(line); });
    for (; missed < lines.passed_over(); ++missed) miss(lines.head());
    listener.on_change();
    if (goes_on && !is_streaming && reflector.has_to_catch_up(loop.now())) {
      reflector.expired();
      co_return Checked<void>();
    }
    if (goes_on) continue;
    if (is_expired) co_return Checked<void>();
    // An error of the server's: what it says next may be anything.
    reflector.expired();
    co_return Reason("a watch ended with an error", "look at the API server's log");
  }
}

template <class Facts>
Task<Checked<void>> Watcher::State::step_of() {
  switch (reflector.next()) {
    case Reflector::Step::stream:
      return stream<Facts>();
    case Reflector::Step::list:
      return list<Facts>();
    case Reflector::Step::watch:
      break;
  }
  return watch<Facts>();
}

Task<Checked<void>> Watcher::State::step() {
  switch (kind) {
    case ObjectKind::service:
      return step_of<ServiceFacts>();
    case ObjectKind::slice:
      return step_of<SliceFacts>();
    case ObjectKind::http_route:
      return step_of<HttpRouteFacts>();
    case ObjectKind::grpc_route:
      return step_of<GrpcRouteFacts>();
    case ObjectKind::pod:
    case ObjectKind::count_:
      break;
  }
  return step_of<PodFacts>();
}

/// Whatever its requests do meanwhile: many pages, or a stream that stands still, fail nowhere.
Task<void> Watcher::State::open_gate(std::shared_ptr<State> state) {
  const auto waited = co_await sleep_until(state->scope, state->loop.now() + kOptionalTime);
  if (waited) state->keep_nothing_back();
}

Task<void> Watcher::State::run(std::shared_ptr<State> state) {
  for (;;) {
    const auto now = state->loop.now();
    const auto until = now + state->reflector.wait(state->loop.random().unit());
    if (until > now) {
      const auto waited = co_await sleep_until(state->scope, until);
      if (!waited) co_return;
    }
    const bool lists = state->reflector.next() == Reflector::Step::list;
    const auto done = co_await state->step();
    if (state->scope.cancelled()) co_return;
    // A list that could not be read wholly.
    if (lists && state->reflector.version().empty()) state->reflector.ended();
    if (!done) state->failed(done.error().to_string());
  }
}

Watcher::Watcher(Seams seams, ObjectKind kind, Listener listener)
    : state_(std::make_shared<State>(seams, kind, std::move(listener))) {}

Watcher::~Watcher() {
  state_->scope.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

void Watcher::start() {
  if (is_optional(state_->kind)) state_->loop.spawn(State::open_gate(state_));
  state_->loop.spawn(State::run(state_));
}

const WatcherStatus& Watcher::status() const {
  return state_->status;
}

}  // namespace epaulet::kube
