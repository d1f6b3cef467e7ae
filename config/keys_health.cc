#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"
#include "config/units.h"

/// When what fails is left alone for a while: breakers of backends, outliers among endpoints.
namespace epaulet::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr Scalar kCount = types::integer("a number of requests", "10", 1, 1'000'000);
constexpr Scalar kProbes = types::integer("a number of requests", "1", 1, 1'000);
constexpr Scalar kRow = types::integer("a number of failures", "5", 1, 1'000'000);
constexpr Scalar kWindow = types::duration("10s", milliseconds(100), hours(1));
constexpr Scalar kPause = types::duration("30s", milliseconds(100), hours(24));
constexpr Scalar kSlowOver = types::duration("2s", milliseconds(1), hours(24));
constexpr Scalar kStatus = types::status("5xx", 400, 599);
constexpr List kStatuses = list_of<std::uint16_t>(kStatus, 1, 200);
constexpr List kGrpcStatuses = list_of<GrpcStatus>(kGrpcStatus, 1, 16);

constexpr std::string_view kMinRequestsDoc = "Requests in the window below which no ratio counts.";
constexpr std::string_view kWindowDoc = "What ratios look back on, 100ms to 1h.";

void complain_of_order(Context& context, std::string_view shorter, Duration least,
                       std::string_view longer, Duration most) {
  if (least <= most) return;
  context.complain(context.has(longer) ? longer : shorter,
                   std::string(shorter) + " (" + write_duration(least.count()) +
                       ") is longer than " + std::string(longer) + " (" +
                       write_duration(most.count()) + ")");
}

void complain_of_nothing(const std::optional<double>& ratio, std::string_view key,
                         Context& context) {
  if (ratio && *ratio <= 0) {
    context.complain(key, "a ratio of 0 is reached before anything fails", "50%, for example");
  }
}

constexpr Key kSlowKeys[] = {
    required(key<&BreakerSlowSettings::over>(
        "over", kSlowOver, "", "Until its response's head, a request that takes longer is slow.")),
    key<&BreakerSlowSettings::ratio>("ratio", types::kShare, "50%",
                                     "Share of slow requests in the window that opens it."),
};
void close_slow(void* object, Context& context) {
  complain_of_nothing(static_cast<const BreakerSlowSettings*>(object)->ratio, "ratio", context);
}
constexpr Object kSlow{"breaker_slow", "Slowness that counts like failures.", kSlowKeys,
                       origin_of<BreakerSlowSettings>, close_slow};

constexpr Key kBreakerKeys[] = {
    key<&BreakerSettings::error_ratio>("error_ratio", types::kShare, "",
                                       "Share of failures in the window that opens it; absent: 50% "
                                       "if neither consecutive nor slow is there."),
    key<&BreakerSettings::min_requests>("min_requests", kCount, "10", kMinRequestsDoc),
    key<&BreakerSettings::window>("window", kWindow, "10s", kWindowDoc),
    key<&BreakerSettings::consecutive>("consecutive", kRow, "",
                                       "So many failures in a row open it; absent: any number."),
    key<&BreakerSettings::slow>("slow", kSlow, "",
                                "Opens it when answers come late; absent: however late."),
    key<&BreakerSettings::open_for>("open_for", kPause, "30s",
                                    "How long it refuses before it lets probes through."),
    key<&BreakerSettings::max_open_for>("max_open_for", kPause, "5m",
                                        "open_for doubles with each probe that fails, up to this."),
    key<&BreakerSettings::probes>("probes", kProbes, "1",
                                  "Requests let through at once to try; so many must succeed, and "
                                  "none fail, to close it."),
    key<&BreakerSettings::failures, &FailureSettings::statuses>(
        "statuses", kStatuses, "",
        "Response statuses that are failures: 400 to 599, 4xx, 5xx; absent: 5xx. Connections that "
        "fail, resets and our timeouts always are."),
    key<&BreakerSettings::failures, &FailureSettings::grpc_statuses>(
        "grpc_statuses", kGrpcStatuses, "",
        "gRPC statuses that are failures; absent: unknown, deadline_exceeded, internal, "
        "unavailable, data_loss."),
};

void close_breaker(void* object, Context& context) {
  const auto& breaker = *static_cast<const BreakerSettings*>(object);
  complain_of_nothing(breaker.error_ratio, "error_ratio", context);
  complain_of_order(context, "open_for", breaker.open_for, "max_open_for", breaker.max_open_for);
}

constexpr Key kOutlierKeys[] = {
    key<&OutlierSettings::enabled>("enabled", types::kBoolean, "true",
                                   "false: each endpoint has its turn whatever it does."),
    key<&OutlierSettings::consecutive>("consecutive", kRow, "5",
                                       "So many failures of an endpoint in a row eject it."),
    key<&OutlierSettings::connect_failures>(
        "connect_failures", kRow, "3",
        "So many connections in a row that could not be made eject it."),
    key<&OutlierSettings::error_ratio>("error_ratio", types::kShare, "",
                                       "Share of failures in the window that ejects it; absent: "
                                       "only rows count."),
    key<&OutlierSettings::min_requests>("min_requests", kCount, "10", kMinRequestsDoc),
    key<&OutlierSettings::window>("window", kWindow, "10s", kWindowDoc),
    key<&OutlierSettings::eject_for>("eject_for", kPause, "10s",
                                     "How long it is left out before one request tries it."),
    key<&OutlierSettings::max_eject_for>("max_eject_for", kPause, "5m",
                                         "eject_for doubles with each ejection that follows within "
                                         "this time, up to this."),
    key<&OutlierSettings::max_ejected>("max_ejected", types::kShare, "50%",
                                       "Share of the endpoints that may be left out at once; one "
                                       "always may, the last one never."),
    key<&OutlierSettings::failures, &FailureSettings::statuses>(
        "statuses", kStatuses, "",
        "Response statuses that are failures: 400 to 599, 4xx, 5xx; absent: 502, 503, 504. "
        "Connections that fail, resets and our timeouts always are."),
    key<&OutlierSettings::failures, &FailureSettings::grpc_statuses>(
        "grpc_statuses", kGrpcStatuses, "",
        "gRPC statuses that are failures; absent: unavailable."),
};

void close_outliers(void* object, Context& context) {
  const auto& outliers = *static_cast<const OutlierSettings*>(object);
  complain_of_nothing(outliers.error_ratio, "error_ratio", context);
  complain_of_order(context, "eject_for", outliers.eject_for, "max_eject_for",
                    outliers.max_eject_for);
}

}  // namespace

const Object kBreaker{"breaker", "When a backend is not asked for a while.", kBreakerKeys,
                      origin_of<BreakerSettings>, close_breaker};
const Object kOutliers{"outliers", "When an endpoint is left out for a while.", kOutlierKeys,
                       origin_of<OutlierSettings>, close_outliers};

}  // namespace epaulet::config
