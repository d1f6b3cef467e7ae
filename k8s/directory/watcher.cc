#include "k8s/directory/watcher.h"

#include <fmt/format.h>

#include "base/line_splitter.h"

namespace epaulet::kube {
namespace {

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

  static Task<void> run(std::shared_ptr<State> state);
  template <class Facts>
  Task<Checked<void>> list();
  template <class Facts>
  Task<Checked<void>> watch();
  template <class Facts>
  bool take(std::string_view line);
  Task<Checked<void>> step();
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
  WatcherStatus status;
};

template <class Facts>
Task<Checked<void>> Watcher::State::list() {
  ++status.lists;
  model.begin_list(kind);
  std::string next;
  do {
    std::string path = fmt::format("{}?limit={}{}", path_of(kind), kPageObjects, query_of(kind));
    if (!next.empty()) path += "&continue=" + escaped(next);
    Scope within(scope);
    within.set_deadline(loop.now() + kPageTime,
                        {ErrorCode::attempt_timeout, Side::upstream, Stage::receive});
    const auto answer = co_await api.get(path, kPageBytesMax, within);
    if (scope.cancelled()) co_return Checked<void>();
    if (!answer) co_return answer.error();
    if (answer->status == 410) {
      // The pages are of a state that the server has forgotten: from the start, after a pause.
      ++status.expired;
      co_return Checked<void>();
    }
    constexpr std::uint16_t kUnknownKind = 404;
    constexpr std::uint16_t kForbidden = 403;
    if (is_optional(kind) && answer->status == kUnknownKind) {
      // Nobody has installed them, or somebody took them away: asked again, ever more rarely.
      model.end_list(kind);
      status.is_listed = true;
      heard();
      listener.on_change();
      co_return Checked<void>();
    }
    if (is_optional(kind) && answer->status == kForbidden && !status.is_listed) {
      status.is_listed = true;  // Services are not kept back because of it.
      listener.on_change();
    }
    if (answer->status != 200) co_return answered(kind, answer->status);
    auto page = read_page<Facts>(answer->body);
    if (!page) co_return Reason("the API server sent no list", "is another server there?");
    for (auto& each : page->items) model.put(std::move(each));
    status.unreadable += page->left;
    for (const auto& name : page->left_names) listener.on_unreadable(kind, name);
    next = page->next;
    if (next.empty()) {
      model.end_list(kind);
      reflector.listed(page->version);
      status.is_listed = true;
    }
    heard();
    listener.on_change();
  } while (!next.empty());
  co_return Checked<void>();
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
      break;
    case EventKind::expired:
      ++status.expired;
      reflector.expired();
      return false;
    case EventKind::failed:
      return false;
    case EventKind::unreadable:
      ++status.unreadable;
      listener.on_unreadable(kind, event.name);
      break;
  }
  heard();
  reflector.news(event.version);
  return true;
}

template <class Facts>
Task<Checked<void>> Watcher::State::watch() {
  ++status.watches;
  const auto share = loop.random().unit();
  const std::string path = fmt::format(
      "{}?watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}{}", path_of(kind),
      escaped(reflector.version()),
      static_cast<int>(static_cast<double>(kWatchTime.count()) * (1 + share)), query_of(kind));
  Scope within(scope);
  const Error silent(ErrorCode::idle_timeout, Side::upstream, Stage::receive);
  within.set_deadline(loop.now() + kPageTime, silent);
  const auto stream = co_await api.open(path, within);
  if (scope.cancelled()) co_return Checked<void>();
  if (!stream) {
    reflector.ended();
    co_return stream.error();
  }
  if ((*stream)->status() == 410) {
    ++status.expired;
    reflector.expired();
    co_return Checked<void>();
  }
  if ((*stream)->status() != 200) {
    reflector.ended();
    co_return answered(kind, (*stream)->status());
  }
  LineSplitter lines(kLineBytesMax);
  const std::string before = reflector.version();
  for (;;) {
    within.set_deadline(loop.now() + kSilenceMax, silent);
    const auto piece = co_await (*stream)->pull(within);
    if (scope.cancelled()) co_return Checked<void>();
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
    listener.on_change();
    if (goes_on) continue;
    if (!reflector.version().empty()) {
      // An error of the server's, or a line without end: what it says next may be anything.
      reflector.expired();
      co_return Reason("a watch ended with an error", "look at the API server's log");
    }
    co_return Checked<void>();
  }
}

Task<Checked<void>> Watcher::State::step() {
  const bool lists = reflector.next() == Reflector::Step::list;
  switch (kind) {
    case ObjectKind::service:
      return lists ? list<ServiceFacts>() : watch<ServiceFacts>();
    case ObjectKind::slice:
      return lists ? list<SliceFacts>() : watch<SliceFacts>();
    case ObjectKind::http_route:
      return lists ? list<HttpRouteFacts>() : watch<HttpRouteFacts>();
    case ObjectKind::grpc_route:
      return lists ? list<GrpcRouteFacts>() : watch<GrpcRouteFacts>();
    case ObjectKind::pod:
    case ObjectKind::count_:
      break;
  }
  return lists ? list<PodFacts>() : watch<PodFacts>();
}

Task<void> Watcher::State::run(std::shared_ptr<State> state) {
  for (;;) {
    const auto wait = state->reflector.wait(state->loop.random().unit());
    if (wait.count() > 0) {
      const auto waited = co_await sleep_until(state->scope, state->loop.now() + wait);
      if (!waited) co_return;
    }
    const bool lists = state->reflector.next() == Reflector::Step::list;
    const auto done = co_await state->step();
    if (state->scope.cancelled()) co_return;
    // A list that could not be read wholly.
    if (lists && state->reflector.version().empty()) state->reflector.ended();
    if (done) continue;
    ++state->status.failures;
    const auto why = done.error().to_string();
    if (std::exchange(state->status.last_error, why) != why)
      state->listener.on_failure(state->kind, why);
  }
}

Watcher::Watcher(Seams seams, ObjectKind kind, Listener listener)
    : state_(std::make_shared<State>(seams, kind, std::move(listener))) {}

Watcher::~Watcher() {
  state_->scope.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

void Watcher::start() {
  state_->loop.spawn(State::run(state_));
}

const WatcherStatus& Watcher::status() const {
  return state_->status;
}

}  // namespace epaulet::kube
