#include "config/keys_health_check.h"

#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"
#include "config/units.h"

/// How endpoints are asked whether they are well.
namespace epaulet::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr Scalar kCheckPath = types::text("a path", "/healthz", check_request_path, "^/");
constexpr Scalar kCheckStatus = types::status("2xx", 200, 599);
constexpr List kCheckStatuses = list_of<std::uint16_t>(kCheckStatus, 1, 200);
constexpr Scalar kGrpcService =
    types::text("the name of a gRPC service", "orders.Orders", check_field_value);
constexpr Scalar kInterval = types::duration("10s", milliseconds(100), hours(24));
constexpr Scalar kTimeout = types::duration("1s", milliseconds(1), minutes(10));
constexpr Scalar kRow = types::integer("a number of checks", "3", 1, 1'000);
constexpr Choice kInitialChoices[] = {{"healthy", static_cast<int>(InitialHealth::healthy)},
                                      {"unhealthy", static_cast<int>(InitialHealth::unhealthy)}};
constexpr Scalar kInitial =
    types::choice("what an endpoint counts for before its first check", "healthy", kInitialChoices);

constexpr Key kHttpCheckKeys[] = {
    key<&HttpCheckSettings::path>("path", kCheckPath, "/", "What is asked for, by GET."),
    key<&HttpCheckSettings::host>("host", types::kHostName, "",
                                  "The Host that it is asked with; absent: the backend's name."),
    key<&HttpCheckSettings::statuses>("statuses", kCheckStatuses, "",
                                      "Response statuses that pass: 200 to 599, 2xx to 5xx; "
                                      "absent: 2xx and 3xx."),
};
constexpr Object kHttpCheck{"http_check",   "Passes with an answer of one of `statuses`.",
                            kHttpCheckKeys, origin_of<HttpCheckSettings>,
                            nullptr,        true};

constexpr Key kGrpcCheckKeys[] = {
    key<&GrpcCheckSettings::service>("service", kGrpcService, "",
                                     "Which service of the server is asked for; absent: the "
                                     "server as a whole."),
};
constexpr Object kGrpcCheck{
    "grpc_check",   "Passes if grpc.health.v1.Health/Check answers SERVING.",
    kGrpcCheckKeys, origin_of<GrpcCheckSettings>,
    nullptr,        true};

constexpr Object kTcpCheck{
    "tcp_check", "Passes if a connection can be made, mesh TLS included, and stays.",
    {},          origin_of<TcpCheckSettings>,
    nullptr,     true};

constexpr Key kHealthCheckKeys[] = {
    key<&HealthCheckSettings::http>("http", kHttpCheck, "",
                                    "A GET, in HTTP/1.1, or HTTP/2 where the backend says http2."),
    key<&HealthCheckSettings::grpc>("grpc", kGrpcCheck, "",
                                    "The health protocol of gRPC, over HTTP/2."),
    key<&HealthCheckSettings::tcp>("tcp", kTcpCheck, "", "A connection, as tcp: {}."),
    key<&HealthCheckSettings::interval>("interval", kInterval, "10s",
                                        "From the end of one check of an endpoint to the next."),
    key<&HealthCheckSettings::timeout>("timeout", kTimeout, "1s",
                                       "How long one may take, connecting and TLS included."),
    key<&HealthCheckSettings::jitter>("jitter", types::kShare, "10%",
                                      "By so much each interval is longer or shorter, at random."),
    key<&HealthCheckSettings::healthy_after>(
        "healthy_after", kRow, "2",
        "So many checks in a row that pass make an unhealthy endpoint healthy."),
    key<&HealthCheckSettings::unhealthy_after>(
        "unhealthy_after", kRow, "3",
        "So many checks in a row that fail make an endpoint unhealthy: it gets no requests."),
    key<&HealthCheckSettings::initially>(
        "initially", kInitial, "healthy",
        "What a new endpoint counts for; unhealthy: it gets requests once its first check has "
        "passed."),
    key<&HealthCheckSettings::panic_threshold>(
        "panic_threshold", types::kShare, "50%",
        "With a smaller share of the endpoints healthy, checks are not heeded and all get "
        "requests; 0%: only if none is healthy."),
};

void close_health_check(void* object, Context& context) {
  const auto& check = *static_cast<const HealthCheckSettings*>(object);
  if (context.has("http") + context.has("grpc") + context.has("tcp") != 1) {
    context.complain("", "expected exactly one of http, grpc and tcp",
                     "http: { path: /healthz }, grpc: {} or tcp: {}");
  }
  if (check.timeout > check.interval) {
    context.complain(context.has("timeout") ? "timeout" : "interval",
                     "timeout (" + write_duration(check.timeout.count()) +
                         ") is longer than interval (" + write_duration(check.interval.count()) +
                         ")",
                     "make interval longer, or timeout shorter");
  }
}

}  // namespace

const Object kHealthCheck{"health_check", "How endpoints are asked whether they are well.",
                          kHealthCheckKeys, origin_of<HealthCheckSettings>, close_health_check};

}  // namespace epaulet::config
