#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"
#include "config/units.h"

/// Timeouts, retries and limits, as they stand at the top level, in services and in routes.
namespace epaulet::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Scalar kTimeoutOrNone = types::duration("10s", seconds(0), hours(24));
constexpr Scalar kTimeout = types::duration("10s", milliseconds(1), hours(24));

/// Both written, and not as "none".
void complain_if_longer(std::string_view name, const std::optional<Duration>& time,
                        std::string_view within_name, const std::optional<Duration>& within,
                        Context& context, std::string_view remedy) {
  if (!time || !within || within->count() == 0 || *time <= *within) return;
  context.complain(name,
                   std::string(name) + " (" + write_duration(time->count()) +
                       ") can never pass, because " + std::string(within_name) + " (" +
                       write_duration(within->count()) + ") ends first",
                   std::string(remedy));
}

void close_timeouts(void* object, Context& context) {
  const auto& timeouts = *static_cast<const TimeoutSettings*>(object);
  if (timeouts.request && timeouts.max_duration && timeouts.max_duration->count() != 0 &&
      *timeouts.request > *timeouts.max_duration)
    context.complain("request",
                     "request (" + write_duration(timeouts.request->count()) +
                         ") can never pass, because max_duration (" +
                         write_duration(timeouts.max_duration->count()) + ") ends first",
                     "max_duration includes the response's body: make it the longer one");
  complain_if_longer("attempt", timeouts.attempt, "request", timeouts.request, context,
                     "request includes retries: make it the longer one");
  complain_if_longer("first_byte", timeouts.first_byte, "request", timeouts.request, context,
                     "request includes the upload and retries: make it the longer one");
  complain_if_longer("first_byte", timeouts.first_byte, "attempt", timeouts.attempt, context,
                     "attempt includes the upload: make it the longer one");
  complain_if_longer("first_byte", timeouts.first_byte, "idle", timeouts.idle, context,
                     "nothing moves while the first byte is waited for: make idle the longer one");
}

constexpr std::string_view kRequestDoc =
    "Time of a request until its response head, its upload and retries included; 0: none. The "
    "response's body may take longer, while it moves.";
constexpr std::string_view kAttemptDoc =
    "Time of one attempt until its response head, from when it has a connection; absent: what "
    "remains of request.";
constexpr std::string_view kFirstByteDoc =
    "Time of one attempt from the end of its request until its response head, so that an upload "
    "does not count; informational heads do not end it; 0: none. A call whose request does not "
    "end, as a stream's, has none.";
constexpr std::string_view kConnectDoc = "Time to dial and shake hands with an endpoint.";
constexpr std::string_view kMaxDurationDoc =
    "Time of an exchange, an upgraded connection or a tunnel in all, however it moves; 0: none.";
constexpr std::string_view kIdleDoc =
    "Time in which nothing moved on an exchange, in HTTP/2 on its stream; so also the time of the "
    "response's first byte from the request's last, unless first_byte is shorter. Tunnels and "
    "upgrades have no such limit: TCP keepalive finds dead peers.";
constexpr std::string_view kStreamIdleDoc =
    "The same behind the response head, instead of idle: of a body, a stream or, where this is "
    "written, an agreed upgrade; 0: what idle is, and of upgrades none.";

constexpr Key kTimeoutKeys[] = {
    key<&TimeoutSettings::request>("request", kTimeoutOrNone, "15s", kRequestDoc),
    key<&TimeoutSettings::attempt>("attempt", kTimeout, "", kAttemptDoc),
    key<&TimeoutSettings::first_byte>("first_byte", kTimeoutOrNone, "0s", kFirstByteDoc),
    key<&TimeoutSettings::connect>("connect", kTimeout, "1s", kConnectDoc),
    key<&TimeoutSettings::idle>("idle", kTimeout, "5m", kIdleDoc),
    key<&TimeoutSettings::stream_idle>("stream_idle", kTimeoutOrNone, "0s", kStreamIdleDoc),
    key<&TimeoutSettings::max_duration>("max_duration", kTimeoutOrNone, "0s", kMaxDurationDoc),
    key<&TimeoutSettings::head>("head", kTimeout, "10s",
                                "Time for a caller to send its request head."),
    key<&TimeoutSettings::keep_alive>("keep_alive", kTimeout, "1m",
                                      "Time between two requests on a caller's connection."),
    key<&TimeoutSettings::detect>(
        "detect", kTimeout, "10s",
        "Time for a caller's first bytes, where they decide what is done."),
};
constexpr Key kServiceTimeoutKeys[] = {
    key<&TimeoutSettings::request>("request", kTimeoutOrNone, "", kRequestDoc),
    key<&TimeoutSettings::attempt>("attempt", kTimeout, "", kAttemptDoc),
    key<&TimeoutSettings::first_byte>("first_byte", kTimeoutOrNone, "", kFirstByteDoc),
    key<&TimeoutSettings::connect>("connect", kTimeout, "", kConnectDoc),
    key<&TimeoutSettings::idle>("idle", kTimeout, "", kIdleDoc),
    key<&TimeoutSettings::stream_idle>("stream_idle", kTimeoutOrNone, "", kStreamIdleDoc),
    key<&TimeoutSettings::max_duration>("max_duration", kTimeoutOrNone, "", kMaxDurationDoc),
};

constexpr Scalar kBackoffDuration = types::duration("1s", milliseconds(1), hours(1));
constexpr Scalar make_factor() {
  Scalar type{ScalarKind::number, "a number", "2"};
  type.min = 1;
  type.max = 10;
  return type;
}
constexpr Scalar kFactor = make_factor();
constexpr Choice kJitterChoices[] = {
    {"full", static_cast<int>(BackoffSettings::Jitter::full)},
    {"decorrelated", static_cast<int>(BackoffSettings::Jitter::decorrelated)},
    {"none", static_cast<int>(BackoffSettings::Jitter::none)}};
constexpr Scalar kJitter = types::choice("full, decorrelated or none", "full", kJitterChoices);

void close_backoff(void* object, Context& context) {
  const auto& backoff = *static_cast<const BackoffSettings*>(object);
  if (backoff.initial <= backoff.max) return;
  context.complain("initial", "initial (" + write_duration(backoff.initial.count()) +
                                  ") is longer than max (" + write_duration(backoff.max.count()) +
                                  ")");
}

constexpr Key kBackoffKeys[] = {
    key<&BackoffSettings::initial>("initial", kBackoffDuration, "25ms",
                                   "Wait before the first retry."),
    key<&BackoffSettings::max>("max", kBackoffDuration, "10s", "The longest wait."),
    key<&BackoffSettings::factor>("factor", kFactor, "2",
                                  "Each wait is the one before times this, 1 to 10."),
    key<&BackoffSettings::jitter>("jitter", kJitter, "full",
                                  "full: a random time up to the wait; decorrelated: one between "
                                  "initial and factor times the last; none: exactly the wait."),
};
constexpr Object kBackoff{"backoff", "How long to wait before a retry.", kBackoffKeys, nullptr,
                          close_backoff};

constexpr Scalar kRetriesMaximum =
    types::integer("a number of retries", "3", 0, limits::kRetriesMax);
constexpr Scalar kBudgetFloor = types::integer("a number of retries", "3", 0, 1'000'000);
constexpr Choice kRetryErrorChoices[] = {
    {"connect_refused", static_cast<int>(RetryError::connect_refused)},
    {"connect_failed", static_cast<int>(RetryError::connect_failed)},
    {"connect_timeout", static_cast<int>(RetryError::connect_timeout)},
    {"tls", static_cast<int>(RetryError::tls)},
    {"reset", static_cast<int>(RetryError::reset)},
    {"refused_stream", static_cast<int>(RetryError::refused_stream)},
    {"attempt_timeout", static_cast<int>(RetryError::attempt_timeout)},
    {"no_endpoint", static_cast<int>(RetryError::no_endpoint)},
    {"overloaded", static_cast<int>(RetryError::overloaded)},
};
constexpr Scalar kRetryError =
    types::choice("a kind of failure", "connect_refused", kRetryErrorChoices);
constexpr List kRetryErrors = list_of<RetryError>(kRetryError, 0, std::size(kRetryErrorChoices));
constexpr Scalar kRetryStatus = types::status("503", 400, 599);
constexpr List kRetryStatuses = list_of<std::uint16_t>(kRetryStatus, 1, 200);
constexpr Choice kGrpcStatusChoices[] = {
    {"cancelled", static_cast<int>(GrpcStatus::cancelled)},
    {"unknown", static_cast<int>(GrpcStatus::unknown)},
    {"invalid_argument", static_cast<int>(GrpcStatus::invalid_argument)},
    {"deadline_exceeded", static_cast<int>(GrpcStatus::deadline_exceeded)},
    {"not_found", static_cast<int>(GrpcStatus::not_found)},
    {"already_exists", static_cast<int>(GrpcStatus::already_exists)},
    {"permission_denied", static_cast<int>(GrpcStatus::permission_denied)},
    {"resource_exhausted", static_cast<int>(GrpcStatus::resource_exhausted)},
    {"failed_precondition", static_cast<int>(GrpcStatus::failed_precondition)},
    {"aborted", static_cast<int>(GrpcStatus::aborted)},
    {"out_of_range", static_cast<int>(GrpcStatus::out_of_range)},
    {"unimplemented", static_cast<int>(GrpcStatus::unimplemented)},
    {"internal", static_cast<int>(GrpcStatus::internal)},
    {"unavailable", static_cast<int>(GrpcStatus::unavailable)},
    {"data_loss", static_cast<int>(GrpcStatus::data_loss)},
    {"unauthenticated", static_cast<int>(GrpcStatus::unauthenticated)},
};
constexpr Scalar kRetryGrpcStatus =
    types::choice("a gRPC status other than ok", "unavailable", kGrpcStatusChoices);
constexpr List kGrpcStatuses =
    list_of<GrpcStatus>(kRetryGrpcStatus, 1, std::size(kGrpcStatusChoices));
constexpr Scalar kHedgeTime = types::duration("1s", milliseconds(1), hours(1));
void close_hedge(void* object, Context& context) {
  const auto& hedge = *static_cast<const HedgeSettings*>(object);
  if (hedge.quantile < 0.5 || hedge.quantile > 0.999) {
    context.complain("quantile", "quantile is to be 50% to 99.9%",
                     "95% asks twice for one request in twenty at most");
  }
  if (hedge.min <= hedge.max) return;
  context.complain("min", "min (" + write_duration(hedge.min.count()) + ") is longer than max (" +
                              write_duration(hedge.max.count()) + ")");
}
constexpr Key kHedgeKeys[] = {
    key<&HedgeSettings::enabled>("enabled", types::kBoolean, "true",
                                 "false: not here, where an outer retries has it."),
    key<&HedgeSettings::quantile>("quantile", types::kShare, "95%",
                                  "The second attempt begins once the first has taken longer than "
                                  "this share of the route's answers, 50% to 99.9%."),
    key<&HedgeSettings::min>("min", kHedgeTime, "1ms", "Never earlier."),
    key<&HedgeSettings::max>("max", kHedgeTime, "1s", "Never later."),
};
constexpr Object kHedge{"hedge",
                        "A second attempt at another endpoint, beside a first that takes long; the "
                        "first answer counts.",
                        kHedgeKeys, origin_of<HedgeSettings>, close_hedge};
constexpr Key kRetryKeys[] = {
    key<&RetrySettings::max>("max", kRetriesMaximum, "2",
                             "Retries after the first attempt, 0 to 10."),
    key<&RetrySettings::backoff>("backoff", kBackoff, "",
                                 "How long to wait before each; replaces an inherited backoff as a "
                                 "whole."),
    key<&RetrySettings::budget>("budget", types::kShare, "20%",
                                "Retries are at most this share of the first attempts in any 10 "
                                "s."),
    key<&RetrySettings::budget_floor>("budget_floor", kBudgetFloor, "3",
                                      "Retries in any 10 s that the budget always allows."),
    key<&RetrySettings::errors>(
        "errors", kRetryErrors, "",
        "The only kinds of failures that are retried, where it is safe; an empty list: none; "
        "absent: all of them. A pooled connection that was closed meanwhile is none of them."),
    key<&RetrySettings::statuses>("statuses", kRetryStatuses, "",
                                  "Response statuses that are retried, for idempotent methods: "
                                  "400 to 599, 4xx, 5xx; absent: none."),
    key<&RetrySettings::grpc_statuses>(
        "grpc_statuses", kGrpcStatuses, "",
        "gRPC statuses that are retried where no message of the answer has come; every call is a "
        "POST, so this says that the methods can be called twice; absent: none."),
    key<&RetrySettings::non_idempotent>(
        "non_idempotent", types::kBoolean, "false",
        "Whether POST and PATCH may be sent again after their bytes "
        "were written: only if the app copes with doubles."),
    key<&RetrySettings::hedge>(
        "hedge", kHedge, "",
        "A second attempt beside a first that takes long, for idempotent requests, to another "
        "endpoint and within the budget; replaces an inherited hedge as a whole; absent: none."),
};

constexpr Scalar kConnections = types::integer("a number of connections", "1024", 1, 1'000'000);
constexpr Scalar kPending = types::integer("a number of requests", "1024", 0, 1'000'000);
constexpr Scalar make_head_size() {
  Scalar type{ScalarKind::size, "a size with its unit", "64KiB"};
  type.min = 4 * 1024;
  type.max = limits::kHeadBytesMax;
  return type;
}
constexpr Scalar kHeadSize = make_head_size();
constexpr std::string_view kConnectionsDoc = "Connections to one backend, over all workers.";
constexpr std::string_view kPendingDoc = "Requests that may wait for a connection to one backend.";
constexpr Key kLimitKeys[] = {
    key<&Settings::limits, &LimitSettings::connections>("connections", kConnections, "1024",
                                                        kConnectionsDoc),
    key<&Settings::limits, &LimitSettings::pending>("pending", kPending, "1024", kPendingDoc),
    key<&Settings::head_bytes>("head", kHeadSize, "64KiB",
                               "The largest request or response head, 4KiB to 64KiB."),
    key<&Settings::envoy_overloaded>(
        "envoy_overloaded", types::kBoolean, "false",
        "Whether our own refusals because of load (overloaded, limit_pending, breaker_open, "
        "background_full) say "
        "x-envoy-overloaded: true, so that an Envoy that asked does not try again."),
    key<&Settings::connections>(
        "downstream", kConnections, "20000",
        "Connections served at once, over all workers; limits of memory and open files lower it."),
};
constexpr Key kBackendLimitKeys[] = {
    key<&LimitSettings::connections>("connections", kConnections, "", kConnectionsDoc),
    key<&LimitSettings::pending>("pending", kPending, "", kPendingDoc),
};

}  // namespace

const Scalar kGrpcStatus = kRetryGrpcStatus;
const Object kTimeouts{"timeouts", "How long things may take, for all services.", kTimeoutKeys,
                       origin_of<TimeoutSettings>, close_timeouts};
const Object kServiceTimeouts{"service_timeouts",
                              "How long things may take, key by key over what is inherited.",
                              kServiceTimeoutKeys, origin_of<TimeoutSettings>, close_timeouts};
const Object kRetries{"retries",
                      "What is tried again, key by key over what is inherited (route, service, top "
                      "level, default).",
                      kRetryKeys, origin_of<RetrySettings>};
const Object kLimits{
    "limits", "How much at once, for all services.", kLimitKeys,
    [](void* settings) { return &static_cast<Settings*>(settings)->limits.origin; }};
const Object kBackendLimits{"backend_limits",
                            "How much at once to this backend, key by key over the top level's.",
                            kBackendLimitKeys, origin_of<LimitSettings>};

}  // namespace epaulet::config
