#include "jwks/remote_keys.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "jwks/fetch_schedule.h"
#include "runtime/event.h"

namespace epaulet::jwks {
namespace {

bool is_same_source(const IssuerSettings& a, const IssuerSettings& b) {
  return a.keys_url == b.keys_url && a.keys_ca == b.keys_ca && a.keys_refresh == b.keys_refresh &&
         a.algorithms == b.algorithms;
}

/// Whether tokens fare the same, however the two are written.
bool are_same_keys(const JwkSet& a, const JwkSet& b) {
  return std::equal(a.keys().begin(), a.keys().end(), b.keys().begin(), b.keys().end(),
                    [](const Jwk& x, const Jwk& y) {
                      return x.id == y.id && x.algorithm == y.algorithm && x.kind == y.kind &&
                             x.key && y.key && x.key->digest() == y.key->digest();
                    });
}

/// A set may have more than these: which key fits a token is looked at again with each token.
std::size_t usable_keys(const JwkSet& set, const std::vector<JwtAlgorithm>& algorithms) {
  const auto all = set.keys();
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const Jwk& key) {
    return std::any_of(algorithms.begin(), algorithms.end(),
                       [&](JwtAlgorithm one) { return key.fits(one); });
  }));
}

bool has_secret(const JwkSet& set) {
  return std::any_of(set.keys().begin(), set.keys().end(),
                     [](const Jwk& key) { return key.kind == JwkKind::secret; });
}

}  // namespace

/// One issuer.
struct RemoteKeys::Source {
  Source(Loop& loop, const IssuerSettings& issuer, KeyDemandPtr by_workers)
      : settings(issuer),
        url(web::parse_url(issuer.keys_url).value_or(web::Url())),
        schedule(issuer.keys_refresh, loop.now()),
        demand(std::move(by_workers)),
        scope(loop),
        demanded(loop) {
    status.issuer = issuer.name;
    status.url = issuer.keys_url;
  }

  /// The same place with other settings: what came from there stays in force until it is asked
  /// again, which may take as long as it is away. A failure under the new settings is news.
  void take_over(const Source& old) {
    status = old.status;
    status.keys = old.keys ? usable_keys(*old.keys, settings.algorithms) : 0;
    if (status.keys > 0) keys = old.keys;
  }

  const IssuerSettings settings;
  const web::Url url;
  FetchSchedule schedule;
  const KeyDemandPtr demand;
  JwkSetPtr keys;  ///< Null before any have come.
  IssuerStatus status;
  FetchResult last_failure = FetchResult::fetched;
  Scope scope;
  Event demanded;
};

struct RemoteKeys::State : std::enable_shared_from_this<State> {
  State(Loop& loop_, Listener listener_) : loop(loop_), listener(std::move(listener_)) {}

  Loop& loop;
  const Listener listener;
  std::optional<Seams> seams;
  std::map<std::string, std::shared_ptr<Source>> sources;
  std::optional<KeyMemory> memory;
  std::uint64_t storage_failures = 0;

  [[nodiscard]] KeyDemandPtr demand_of(const std::string& issuer);
  void on_demand(const std::string& issuer);
  [[nodiscard]] bool adopt(Source& source, JwkSet keys);
  void open_memory(const std::string& state_dir);
  void recall(Source& source, WallTime now);
  void remember(const Source& source, std::string_view text);
  void note_storage(const Result<void>& done);
  void note(Source& source, const FetchOutcome& outcome);
  void note_failure(Source& source, const FetchFailure& failure);

  static Task<void> run(std::shared_ptr<State> state, std::shared_ptr<Source> source);
  Task<void> wait(Source& source) const;
};

/// Raised on a worker, heard here.
KeyDemandPtr RemoteKeys::State::demand_of(const std::string& issuer) {
  const std::weak_ptr<State> weak = weak_from_this();
  return std::make_shared<KeyDemand>([weak, issuer, &to = loop] {
    to.post([weak, issuer] {
      if (const auto state = weak.lock()) state->on_demand(issuer);
    });
  });
}

void RemoteKeys::State::on_demand(const std::string& issuer) {
  const auto found = sources.find(issuer);
  if (found == sources.end()) return;
  Source& source = *found->second;
  source.schedule.demand(loop.now());
  source.demanded.set();
}

/// False: nothing is new.
bool RemoteKeys::State::adopt(Source& source, JwkSet keys) {
  if (source.keys && are_same_keys(*source.keys, keys)) return false;
  for (const auto& skipped : keys.skipped()) listener.on_skipped(source.settings.name, skipped);
  source.status.keys = keys.keys().size();
  source.keys = std::make_shared<const JwkSet>(std::move(keys));
  return true;
}

void RemoteKeys::State::note_storage(const Result<void>& done) {
  if (!done) ++storage_failures;
  if (listener.on_storage)
    listener.on_storage(done ? std::nullopt : std::optional<Error>(done.error()));
}

void RemoteKeys::State::open_memory(const std::string& state_dir) {
  memory.emplace(state_dir);
  // A file that is not ours is replaced by the next that is; whoever wrote it finds it in the log.
  if (const auto loaded = memory->load(); !loaded) note_storage(loaded);
}

void RemoteKeys::State::recall(Source& source, WallTime now) {
  const auto* entry = memory->recall(source.settings.name, source.settings.keys_url, now);
  if (entry == nullptr) return;
  auto keys = JwkSet::parse(entry->keys, source.settings.keys_url, source.settings.algorithms);
  if (!keys || !adopt(source, std::move(*keys))) return;
  source.status.fetched_at = WallTime(std::chrono::seconds(entry->fetched_at));
  if (listener.on_recall) listener.on_recall(source.status);
}

/// Not where a secret is among them: what verifies signs, too, and does not belong on a disk.
void RemoteKeys::State::remember(const Source& source, std::string_view text) {
  const auto& issuer = source.settings.name;
  if (!source.keys || has_secret(*source.keys)) {
    memory->forget(issuer);
  } else {
    memory->remember(issuer, source.settings.keys_url, text, loop.wall_now());
  }
  if (memory->is_changed()) note_storage(memory->save());
}

void RemoteKeys::State::note_failure(Source& source, const FetchFailure& failure) {
  auto& status = source.status;
  ++status.fetches[static_cast<std::size_t>(failure.result)];
  status.failed_at = loop.wall_now();
  source.schedule.fail(loop.now(), loop.random().unit());
  // The text has the time in it, so it is no measure of what is new.
  const bool is_news = status.last_error.empty() || source.last_failure != failure.result;
  source.last_failure = failure.result;
  status.last_error = failure.why.to_string();
  if (is_news) listener.on_failure(status);
}

void RemoteKeys::State::note(Source& source, const FetchOutcome& outcome) {
  auto& status = source.status;
  status.is_first_attempt = false;
  if (const auto* failure = std::get_if<FetchFailure>(&outcome))
    return note_failure(source, *failure);
  const auto& fetched = std::get<Fetched>(outcome);
  auto keys = JwkSet::parse(fetched.body, source.settings.keys_url, source.settings.algorithms);
  if (!keys) {
    FetchFailure failure;
    failure.result = FetchResult::unusable;
    failure.why = keys.error();
    return note_failure(source, failure);
  }
  auto& fetches = status.fetches[static_cast<std::size_t>(FetchResult::fetched)];
  const bool is_news = fetches == 0 || !status.last_error.empty();
  ++fetches;
  status.fetched_at = loop.wall_now();
  status.last_error.clear();
  source.schedule.succeed(loop.now(), fetched.max_age, loop.random().unit());
  const bool changes = adopt(source, std::move(*keys));
  remember(source, fetched.body);
  if (is_news) listener.on_recovery(status);
  if (changes) listener.on_keys();
}

/// Until the keys have aged, or somebody asks for others and may.
Task<void> RemoteKeys::State::wait(Source& source) const {
  while (!source.scope.cancelled() && loop.now() < source.schedule.next()) {
    Scope waiting(source.scope);
    waiting.set_deadline(source.schedule.next(),
                         {ErrorCode::idle_timeout, Side::self, Stage::authenticate});
    (void)co_await source.demanded.wait(waiting);
    source.demanded.reset();
  }
}

Task<void> RemoteKeys::State::run(std::shared_ptr<State> state, std::shared_ptr<Source> source) {
  for (;;) {
    source->status.next_at = state->loop.wall_now() + (source->schedule.next() - state->loop.now());
    co_await state->wait(*source);
    if (source->scope.cancelled()) co_return;
    source->schedule.begin(state->loop.now());
    Scope fetching(source->scope);
    fetching.set_deadline(state->loop.now() + limits::kJwksFetchTime,
                          {ErrorCode::attempt_timeout, Side::upstream, Stage::receive});
    const auto outcome =
        co_await fetch(*state->seams, source->url, source->settings.keys_ca, fetching);
    if (source->scope.cancelled()) co_return;
    // Whoever asks from now on has seen what came.
    state->note(*source, outcome);
    source->demand->clear();
  }
}

RemoteKeys::RemoteKeys(Loop& loop, Listener listener)
    : state_(std::make_shared<State>(loop, std::move(listener))) {}

RemoteKeys::~RemoteKeys() {
  for (const auto& [name, source] : state_->sources)
    source->scope.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

void RemoteKeys::apply(const std::map<std::string, IssuerSettings>& issuers,
                       const std::string& state_dir, WallTime now) {
  auto& sources = state_->sources;
  auto former = std::exchange(sources, {});
  for (const auto& [name, issuer] : issuers) {
    if (issuer.keys_url.empty()) continue;
    if (!state_->memory) state_->open_memory(state_dir);
    const auto old = former.find(name);
    if (old != former.end() && is_same_source(issuer, old->second->settings)) {
      sources.insert(former.extract(old));
      continue;
    }
    auto source = std::make_shared<Source>(state_->loop, issuer, state_->demand_of(name));
    // Who begins to serve waits for it, whoever serves already does not stop for it.
    source->status.is_first_attempt = !state_->seams;
    if (old != former.end() && old->second->settings.keys_url == issuer.keys_url)
      source->take_over(*old->second);
    if (!source->keys) state_->recall(*source, now);
    sources.emplace(name, source);
    if (state_->seams) state_->loop.spawn(State::run(state_, std::move(source)));
  }
  for (const auto& [name, source] : former) {
    source->scope.cancel({ErrorCode::cancelled, Side::self, Stage::config});
    if (!sources.contains(name)) state_->memory->forget(name);  // Written with what comes next.
  }
}

std::uint64_t RemoteKeys::storage_failures() const {
  return state_->storage_failures;
}

void RemoteKeys::start(Seams seams) {
  state_->seams.emplace(seams);
  for (const auto& [name, source] : state_->sources) state_->loop.spawn(State::run(state_, source));
}

void RemoteKeys::add_to(CallerKeys& keys) const {
  for (const auto& [name, source] : state_->sources) {
    if (source->keys) keys.issuers.insert_or_assign(name, source->keys);
    keys.demands.insert_or_assign(name, source->demand);
  }
}

std::vector<IssuerStatus> RemoteKeys::status() const {
  std::vector<IssuerStatus> all;
  for (const auto& [name, source] : state_->sources) all.push_back(source->status);
  return all;
}

}  // namespace epaulet::jwks
