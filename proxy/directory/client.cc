#include "directory/client.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/error_table.h"
#include "base/line_splitter.h"
#include "enroll/connect.h"
#include "http/http1/client_connection.h"
#include "runtime/event.h"
#include "tls/stream.h"

namespace epaulet::directory {
namespace {

constexpr std::string_view kPath = "/v1/watch";
constexpr std::size_t kRefusalBytesMax = 2048;
constexpr std::chrono::seconds kIdentityLook{1};
/// A reload adds services one after the other: one question for all of them.
constexpr std::chrono::milliseconds kGather{20};

std::string question(const std::vector<std::string>& services, const std::string& version) {
  boost::json::object body;
  body["services"] = boost::json::array(services.begin(), services.end());
  if (!version.empty()) body["version"] = version;
  return boost::json::serialize(body);
}

/// {"error":"...","remedy":"..."}, as far as it is there.
Reason refusal(std::uint16_t status, std::string_view body) {
  boost::json::error_code error;
  const auto said = boost::json::parse(boost::json::string_view(body.data(), body.size()), error);
  const auto text = [&](std::string_view key) {
    const auto* object = error ? nullptr : said.if_object();
    const auto* found = object == nullptr ? nullptr : object->if_contains(key);
    const auto* string = found == nullptr ? nullptr : found->if_string();
    return string == nullptr ? std::string() : std::string(std::string_view(*string));
  };
  const auto what = "the directory answered " + std::to_string(status);
  const auto why = text("error");
  if (why.empty()) return Reason(what, "is another server behind `directory.url`?");
  return Reason(what + ": " + why, text("remedy"));
}

}  // namespace

struct Client::State {
  State(Seams seams, DirectorySettings settings_, OwnIdentity identity_, Listener listener_)
      : loop(seams.loop),
        resolver(seams.resolver),
        dialer(seams.dialer),
        feed(seams.feed),
        settings(std::move(settings_)),
        identity(std::move(identity_)),
        listener(std::move(listener_)),
        url(enroll::parse_service_url(settings.url).value_or(enroll::ServiceUrl())),
        scope(seams.loop),
        changed(seams.loop) {}

  using Connection = std::unique_ptr<http::http1::ClientConnection>;

  static Task<void> run(std::shared_ptr<State> state);
  Task<Checked<void>> attempt();
  Task<Checked<Connection>> ask(std::shared_ptr<const Identity> own, const std::string& body,
                                Scope& within);
  Task<Checked<void>> hear(Connection connection, Scope& within);
  void take(std::string_view line);
  void wanted_changed();
  [[nodiscard]] Reason unreachable(const Error& error) const {
    return Reason("the directory " + url.authority +
                      " cannot be reached: " + std::string(describe(error.code).summary),
                  "is it up, and `directory.url` right?");
  }
  [[nodiscard]] std::chrono::nanoseconds pause(std::uint32_t failures) const;

  Loop& loop;
  Resolver& resolver;
  Dialer& dialer;
  DirectoryFeed& feed;
  const DirectorySettings settings;
  OwnIdentity identity;
  Listener listener;
  const enroll::ServiceUrl url;
  Scope scope;
  Event changed;            ///< Others are wanted than were asked for.
  Scope* asking = nullptr;  ///< Of the answer that is heard.
  std::string version;      ///< Of all that the feed knows.
  DirectoryStatus status;
};

/// The answer at hand is to another question.
void Client::State::wanted_changed() {
  changed.set();
  if (asking != nullptr) asking->cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

std::chrono::nanoseconds Client::State::pause(std::uint32_t failures) const {
  auto most = kBackoff;
  for (std::uint32_t i = 1; i < failures && most < kBackoffMax; ++i) most *= 2;
  // All sidecars lose a directory at once and must not come back so.
  const auto share = 0.2 + 0.8 * loop.random().unit();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::min(most, kBackoffMax) * share);
}

Task<Checked<Client::State::Connection>> Client::State::ask(std::shared_ptr<const Identity> own,
                                                            const std::string& body,
                                                            Scope& within) {
  const Trust trust{std::string(own->id().trust_domain()), own->bundle()};
  auto context = TlsContext::for_identity_client(trust, own);
  if (!context) co_return context.error();
  auto lower = co_await enroll::connect(resolver, dialer, url, within);
  if (!lower) co_return unreachable(lower.error());
  TlsClientOptions options;
  options.server_name = url.host;
  options.expected = settings.identities;
  auto stream = TlsStream::client(std::move(*lower), std::move(*context), options);
  auto& tls = *stream;
  const auto shaken = co_await tls.handshake(within);
  if (!shaken) {
    co_return Reason("TLS with the directory failed: " + tls.report().diagnosis,
                     "compare `directory.identities`, its CA and its clock with ours");
  }
  const http::http1::HeadLimits head_limits;
  auto connection = std::make_unique<http::http1::ClientConnection>(std::move(stream), head_limits);
  http::RequestHead request;
  request.method = http::Method::post;
  request.method_text = "POST";
  request.target = kPath;
  request.path = kPath;
  request.authority = url.authority;
  request.framing = {http::Framing::Kind::length, body.size()};
  request.added.add("Content-Type", "application/json");
  request.added.add("Content-Length", std::to_string(body.size()));
  connection->begin_request(request, "User-Agent: epaulet\r\nConnection: close\r\n");
  const http::Chunk all(as_bytes(body), true);
  const auto sent = co_await connection->writer().push(all, within);
  if (!sent) co_return unreachable(sent.error());
  http::ResponseHead response;
  do {
    const auto head = co_await connection->read_head(http::Method::post, response, within);
    if (!head) {
      // In TLS 1.3 the refusal of our certificate arrives here.
      if (tls.report().diagnosis.empty()) co_return unreachable(head.error());
      co_return Reason("the directory refused: " + tls.report().diagnosis,
                       "compare its CA and clock with ours");
    }
  } while (response.informational());
  if (response.status == 200) co_return std::move(connection);
  std::string why;
  while (!connection->body().complete() && why.size() <= kRefusalBytesMax) {
    const auto chunk = co_await connection->body().pull(within);
    if (!chunk) break;
    why.append(reinterpret_cast<const char*>(chunk->bytes.data()), chunk->bytes.size());
  }
  why.resize(std::min(why.size(), kRefusalBytesMax));
  co_return refusal(response.status, why);
}

void Client::State::take(std::string_view line) {
  auto said = read_directory_line(line);
  if (auto* view = std::get_if<ServiceViewPtr>(&said)) {
    ++status.views;
    feed.take(*view);
  } else if (auto* mark = std::get_if<DirectoryVersion>(&said)) {
    version = std::move(mark->text);
    status.heard_at = loop.wall_now();
  } else if (const auto* zone = std::get_if<DirectoryZone>(&said)) {
    feed.take_zone(zone->text);
  }
}

Task<Checked<void>> Client::State::hear(Connection connection, Scope& within) {
  LineSplitter lines(kLineBytesMax);
  auto& body = connection->body();
  while (!body.complete()) {
    within.set_deadline(loop.now() + kSilenceMax,
                        {ErrorCode::idle_timeout, Side::upstream, Stage::receive});
    const auto chunk = co_await body.pull(within);
    if (scope.cancelled() || changed.is_set()) co_return Checked<void>();
    if (!chunk) co_return unreachable(chunk.error());
    const std::string_view piece(reinterpret_cast<const char*>(chunk->bytes.data()),
                                 chunk->bytes.size());
    const bool goes_on = lines.take(piece, [this](std::string_view line) {
      take(line);
      return true;
    });
    if (!goes_on)
      co_return Reason("the directory sends a line without end",
                       "is another server behind `directory.url`?");
    // A view may have changed what is wanted.
    if (scope.cancelled() || changed.is_set()) co_return Checked<void>();
  }
  co_return Checked<void>();  // So it does from time to time, and when it ends.
}

Task<Checked<void>> Client::State::attempt() {
  const auto own = identity();
  if (own == nullptr)
    co_return Reason("there is no certificate of ours yet, which the directory wants to see",
                     "see /certs");
  changed.reset();
  const auto services = feed.wanted();
  // Of some nothing is known: they are new, or came back after they were wanted no more.
  if (!feed.knows_all()) version.clear();
  Scope within(scope);
  asking = &within;
  within.set_deadline(loop.now() + kAttemptTime,
                      {ErrorCode::attempt_timeout, Side::upstream, Stage::connect});
  const auto body = question(services, version);
  auto connection = co_await ask(own, body, within);
  if (!connection) {
    asking = nullptr;
    if (changed.is_set()) co_return Checked<void>();
    co_return connection.error();
  }
  if (scope.cancelled()) co_return Checked<void>();
  ++status.streams;
  status.connected = true;
  if (!status.last_error.empty()) {
    status.last_error.clear();
    listener.on_recovery();
  }
  auto heard = co_await hear(std::move(*connection), within);
  asking = nullptr;
  status.connected = false;
  co_return heard;
}

Task<void> Client::State::run(std::shared_ptr<State> state) {
  std::uint32_t failures = 0;
  for (;;) {
    while (state->feed.wanted().empty()) {
      state->changed.reset();
      const auto wanted = co_await state->changed.wait(state->scope);
      if (!wanted) co_return;
    }
    if (state->identity() == nullptr && state->status.streams == 0) {
      // So it is at the start: nothing to complain of.
      const auto waited = co_await sleep_until(state->scope, state->loop.now() + kIdentityLook / 5);
      if (!waited) co_return;
      if (state->identity() == nullptr) continue;
    }
    const auto streams = state->status.streams;
    const auto done = co_await state->attempt();
    if (state->scope.cancelled()) co_return;
    auto wait = std::chrono::nanoseconds(kGather);
    if (!done) {
      failures = state->status.streams > streams ? 1 : std::min(failures + 1, 1000u);
      ++state->status.failures;
      const auto why = done.error().to_string();
      if (std::exchange(state->status.last_error, why) != why) state->listener.on_failure(why);
      wait = state->pause(failures);
    } else {
      // The end of a directory's stream is not its failure, but others end at the same time.
      if (!state->changed.is_set()) wait = state->pause(1);
      failures = 0;
    }
    const auto waited = co_await sleep_until(state->scope, state->loop.now() + wait);
    if (!waited) co_return;
  }
}

Client::Client(Seams seams, DirectorySettings settings, OwnIdentity identity, Listener listener)
    : state_(std::make_shared<State>(seams, std::move(settings), std::move(identity),
                                     std::move(listener))) {
  state_->feed.set_on_wanted([state = std::weak_ptr<State>(state_)] {
    if (const auto alive = state.lock()) alive->wanted_changed();
  });
}

Client::~Client() {
  state_->feed.set_on_wanted(nullptr);
  state_->scope.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

void Client::start() {
  state_->loop.spawn(State::run(state_));
}

const DirectoryStatus& Client::status() const {
  return state_->status;
}

const DirectorySettings& Client::settings() const {
  return state_->settings;
}

}  // namespace epaulet::directory
