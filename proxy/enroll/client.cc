#include "enroll/client.h"

#include <algorithm>
#include <variant>

#include "base/error_table.h"
#include "base/limits.h"
#include "crypto/csr.h"
#include "crypto/identity_service.h"
#include "crypto/pem_file.h"
#include "enroll/connect.h"
#include "enroll/schedule.h"
#include "enroll/sign_answer.h"
#include "http/http1/client_connection.h"
#include "tls/stream.h"

namespace epaulet::enroll {
namespace {

constexpr std::size_t kAnswerBytesMax = 256 * limits::kKiB;
/// The wall clock may be set: it is asked at least this often.
constexpr std::chrono::seconds kLookEvery{5};

enum class Failing : std::uint8_t { unreachable, untrusted, refused, unusable };

/// Why an attempt failed.
struct Failure {
  Failing kind = Failing::unreachable;
  Reason why;
};
template <class T>
using Attempted = std::variant<T, Failure>;

Failure unreachable(const ServiceUrl& url, const Error& error) {
  Failure failure;
  failure.kind = Failing::unreachable;
  failure.why = Reason("the identity service " + url.authority +
                           " cannot be reached: " + std::string(describe(error.code).summary),
                       "is it up, and `identity.service` right?");
  return failure;
}

Failure failure_of(Failing kind, const Reason& why) {
  Failure failure;
  failure.kind = kind;
  failure.why = why;
  return failure;
}

std::string trimmed(std::string text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
  return text;
}

/// A header's value cannot hold anything else, and neither can a token.
bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

struct Client::State {
  State(Seams seams, IdentitySettings settings_, std::shared_ptr<const Identity> current_)
      : loop(seams.loop),
        resolver(seams.resolver),
        dialer(seams.dialer),
        scope(seams.loop),
        settings(std::move(settings_)),
        url(parse_service_url(settings.service).value_or(ServiceUrl())),
        expected{identity_service::id_of(settings.trust_domain)},
        current(std::move(current_)),
        key(PrivateKey::generate(KeyType::p256)) {}

  Loop& loop;
  Resolver& resolver;
  Dialer& dialer;
  Scope scope;
  const IdentitySettings settings;
  const ServiceUrl url;
  const std::vector<std::string> expected;
  std::shared_ptr<const Identity> current;
  WallTime current_since{};
  /// Of the request under way. Kept until it is certified: a token that was spent for it is good
  /// for it again.
  PrivateKey key;
  OnIdentity on_identity;
  OnFailure on_failure;
  EnrollStatus status;

  [[nodiscard]] bool has_current() const {
    return current != nullptr && loop.wall_now() < current->not_after();
  }
  /// A certificate that lives for minutes does not wait for minutes.
  [[nodiscard]] std::chrono::milliseconds longest_backoff() const {
    if (!has_current()) return kFirstBackoffMax;
    const auto tenth = std::chrono::duration_cast<std::chrono::milliseconds>(
        (current->not_after() - current_since) / 10);
    return std::clamp<std::chrono::milliseconds>(tenth, std::chrono::seconds(1), kBackoffMax);
  }
  Checked<Trust> trust() const;
  Checked<std::string> credential() const;
  void note(const Failure& failure);
  std::optional<Failure> adopt(const SignAnswer& answer);

  static Task<void> run(std::shared_ptr<State> state);
  static Task<std::optional<Failure>> attempt(std::shared_ptr<State> state);
  Task<Attempted<SignAnswer>> ask(StreamPtr lower, std::shared_ptr<const TlsContext> context,
                                  std::string credential, Scope& within);
  Task<void> wait_until(WallTime at);
};

/// The newest roots that are known: of the certificate at hand, else of the file that pins them.
Checked<Trust> Client::State::trust() const {
  if (current != nullptr && (has_current() || settings.ca.empty()))
    return Trust{settings.trust_domain, current->bundle()};
  if (settings.ca.empty()) {
    return Reason("there are no usable files in " + settings.dir + " and no `identity.ca`",
                  "repair the files, or pin the service's roots with identity.ca");
  }
  const auto text = read_pem_file(settings.ca);
  if (!text)
    return Reason(text.error().what, "give the sidecar the ca.pem of `epaulet-certs init`");
  auto bundle = Certificate::parse_pem(*text, settings.ca, limits::kBundleCertificatesMax);
  if (!bundle) return bundle.error();
  return Trust{settings.trust_domain, std::move(*bundle)};
}

/// What proves who we are when there is no certificate.
Checked<std::string> Client::State::credential() const {
  if (settings.token_file.empty()) {
    return Reason("there is neither a certificate that is valid nor an identity.token_file",
                  "issue a new set into identity.dir, or set identity.token_file");
  }
  auto text = read_pem_file(settings.token_file);
  if (!text) return Reason(text.error().what, "`epaulet-certs token --out FILE` makes one");
  auto token = trimmed(std::move(*text));
  if (token.empty() || !is_visible(token)) {
    return Reason(settings.token_file + " holds no token",
                  "`epaulet-certs token --out FILE` makes one");
  }
  return token;
}

Task<Attempted<SignAnswer>> Client::State::ask(StreamPtr lower,
                                               std::shared_ptr<const TlsContext> context,
                                               std::string credential, Scope& within) {
  TlsClientOptions options;
  options.server_name = url.host;
  options.expected = expected;
  auto stream = TlsStream::client(std::move(lower), std::move(context), options);
  auto& tls = *stream;
  const auto shaken = co_await tls.handshake(within);
  if (!shaken) {
    const Reason why("TLS with the identity service failed: " + tls.report().diagnosis,
                     "compare its CA and clock with ours");
    co_return failure_of(Failing::untrusted, why);
  }
  const http::http1::HeadLimits head_limits;
  http::http1::ClientConnection connection(std::move(stream), head_limits);
  const auto body = make_csr(key);
  http::RequestHead request;
  request.method = http::Method::post;
  request.method_text = "POST";
  request.target = identity_service::kSignPath;
  request.path = identity_service::kSignPath;
  request.authority = url.authority;
  request.framing = {http::Framing::Kind::length, body.size()};
  request.added.add("Content-Type", "application/pkcs10");
  request.added.add("Content-Length", std::to_string(body.size()));
  if (!credential.empty()) request.added.add("Authorization", "Bearer " + credential);
  connection.begin_request(request, "User-Agent: epaulet\r\nConnection: close\r\n");
  const http::Chunk all(as_bytes(body), true);
  const auto sent = co_await connection.writer().push(all, within);
  if (!sent) co_return unreachable(url, sent.error());
  http::ResponseHead response;
  for (;;) {
    const auto head = co_await connection.read_head(http::Method::post, response, within);
    if (!head) {
      // In TLS 1.3 the refusal of our certificate arrives here.
      if (tls.report().diagnosis.empty()) co_return unreachable(url, head.error());
      const Reason why("the identity service refused: " + tls.report().diagnosis,
                       "compare its CA and clock with ours");
      co_return failure_of(Failing::untrusted, why);
    }
    if (!response.informational()) break;
  }
  std::string answer;
  while (!connection.body().complete()) {
    const auto chunk = co_await connection.body().pull(within);
    if (!chunk) co_return unreachable(url, chunk.error());
    answer.append(reinterpret_cast<const char*>(chunk->bytes.data()), chunk->bytes.size());
    if (answer.size() > kAnswerBytesMax) {
      const Reason why("the answer of the identity service is too long",
                       "is another server behind `identity.service`?");
      co_return failure_of(Failing::refused, why);
    }
  }
  auto parsed = parse_sign_answer(response.status, answer);
  if (!parsed) co_return failure_of(Failing::refused, parsed.error());
  co_return std::move(*parsed);
}

std::optional<Failure> Client::State::adopt(const SignAnswer& answer) {
  IdentityText text;
  text.certificates = answer.certificates;
  text.certificates_name = "the certificate of the identity service";
  text.key = key.to_pem();
  text.key_name = "our key";
  text.bundle = answer.bundle;
  text.bundle_name = "the roots of the identity service";
  auto identity = Identity::from(text, settings.trust_domain, loop.wall_now());
  if (!identity) return failure_of(Failing::unusable, identity.error().front());
  if (current != nullptr && current->id() != (*identity)->id()) {
    return failure_of(Failing::unusable,
                      Reason("the identity service made " + current->id().text() + " into " +
                                 (*identity)->id().text(),
                             "a sidecar keeps its identity: restart it"));
  }
  if (auto taken = on_identity(*identity); !taken)
    return failure_of(Failing::unusable, taken.error());
  current = std::move(*identity);
  current_since = loop.wall_now();
  key = PrivateKey::generate(KeyType::p256);
  return std::nullopt;
}

Task<std::optional<Failure>> Client::State::attempt(std::shared_ptr<State> state) {
  const auto trust = state->trust();
  if (!trust) co_return failure_of(Failing::unusable, trust.error());
  std::string credential;
  std::shared_ptr<const Identity> own;
  if (state->has_current()) {
    own = state->current;
  } else {
    auto found = state->credential();
    if (!found) co_return failure_of(Failing::unusable, found.error());
    credential = std::move(*found);
  }
  auto context = TlsContext::for_identity_client(*trust, own);
  if (!context) co_return failure_of(Failing::unusable, context.error());
  Scope within(state->scope);
  within.set_deadline(state->loop.now() + kAttemptTime,
                      {ErrorCode::attempt_timeout, Side::upstream, Stage::connect});
  auto lower = co_await connect(state->resolver, state->dialer, state->url, within);
  if (!lower) co_return unreachable(state->url, lower.error());
  auto asked =
      co_await state->ask(std::move(*lower), std::move(*context), std::move(credential), within);
  if (auto* failure = std::get_if<Failure>(&asked)) co_return std::move(*failure);
  // Whoever would take it may be gone.
  if (state->scope.cancelled()) co_return std::nullopt;
  co_return state->adopt(std::get<SignAnswer>(asked));
}

void Client::State::note(const Failure& failure) {
  switch (failure.kind) {
    case Failing::unreachable:
      ++status.unreachable;
      break;
    case Failing::untrusted:
      ++status.untrusted;
      break;
    case Failing::refused:
      ++status.refused;
      break;
    case Failing::unusable:
      ++status.unusable;
      break;
  }
  status.failed_at = loop.wall_now();
  const auto why = failure.why.to_string();
  const bool is_new = status.last_error != why;
  status.last_error = why;
  if (is_new) on_failure(why);
}

/// By the wall clock, which may be set meanwhile.
Task<void> Client::State::wait_until(WallTime at) {
  while (!scope.cancelled() && loop.wall_now() < at) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(at - loop.wall_now());
    const auto step = std::min<std::chrono::nanoseconds>(left, kLookEvery);
    const auto waited = co_await sleep_until(scope, loop.now() + step);
    if (!waited) co_return;
  }
}

Task<void> Client::State::run(std::shared_ptr<State> state) {
  std::uint32_t failures = 0;
  if (state->has_current()) {
    // Of the files: how old it is, it says itself.
    state->current_since = state->current->leaf().not_before();
  }
  for (;;) {
    WallTime next = state->loop.wall_now();
    if (failures > 0) {
      next += backoff(failures, state->longest_backoff(), state->loop.random().unit());
    } else if (state->has_current()) {
      next = renewal_time(state->current_since, state->current->not_after(),
                          state->loop.random().unit());
    }
    state->status.next_at = next;
    co_await state->wait_until(next);
    if (state->scope.cancelled()) co_return;
    const auto failure = co_await attempt(state);
    if (state->scope.cancelled()) co_return;
    if (failure) {
      ++failures;
      state->note(*failure);
      continue;
    }
    failures = 0;
    ++state->status.renewed;
    state->status.renewed_at = state->loop.wall_now();
    state->status.last_error.clear();
  }
}

Client::Client(Seams seams, IdentitySettings settings, std::shared_ptr<const Identity> current,
               OnIdentity on_identity, OnFailure on_failure)
    : state_(std::make_shared<State>(seams, std::move(settings), std::move(current))) {
  state_->on_identity = std::move(on_identity);
  state_->on_failure = std::move(on_failure);
}

Client::~Client() {
  state_->scope.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
}

void Client::start() {
  state_->loop.spawn(State::run(state_));
}

const EnrollStatus& Client::status() const {
  return state_->status;
}

const IdentitySettings& Client::settings() const {
  return state_->settings;
}

}  // namespace epaulet::enroll
