#include "config/keys_probe.h"

#include "base/ascii.h"
#include "config/binding.h"
#include "config/context.h"
#include "config/scalar_types.h"

namespace epaulet::config {
namespace {

constexpr Scalar kProbePath = types::text("a request path", "/healthz", check_request_path, "^/");
constexpr Scalar kMetricsPath = types::text("a request path", "/metrics", check_request_path, "^/");
constexpr Scalar kGrpcService =
    types::text("the name of a gRPC service", "orders.Orders", check_field_value);
constexpr Scalar kProbeHeaderName =
    types::text("a header name", "X-Probe", check_probe_header, types::kTokenRegex);
constexpr Scalar kProbeHeaderValue = types::text("a header value", "kubelet", check_field_value);
constexpr Scalar kTimeout =
    types::duration("10s", std::chrono::milliseconds(100), std::chrono::minutes(10));

constexpr Key kGrpcProbeKeys[] = {
    key<&GrpcProbeSettings::service>("service", kGrpcService, "",
                                     "Which service of the app is asked for; absent: the app as a "
                                     "whole."),
};
constexpr Object kGrpcProbe{
    "grpc_probe",   "Passes if grpc.health.v1.Health/Check answers SERVING.",
    kGrpcProbeKeys, origin_of<GrpcProbeSettings>,
    nullptr,        true};

/// Read, and not shown again: what a header says may be a secret, and /config has none.
constexpr Key unshown(Key row) {
  row.binding.get = [](const void*, ScalarValue&) { return false; };
  return row;
}

constexpr Key kHeaderKeys[] = {
    required(
        key<&ProbeHeaderSettings::name>("name", kProbeHeaderName, "", "The header; Host too.")),
    unshown(key<&ProbeHeaderSettings::value>("value", kProbeHeaderValue, "",
                                             "Its value, which /config does not show.")),
};
constexpr Object kProbeHeader{"probe_header", "A header that the app is asked with.", kHeaderKeys};
constexpr List kProbeHeaders = list_of<ProbeHeaderSettings>(kProbeHeader, 1, 64);

constexpr Key kProbeKeys[] = {
    key<&ProbeSettings::path>("path", kProbePath, "",
                              "The path that the app answers; without it and grpc it is enough "
                              "that the app takes a connection."),
    required(
        key<&ProbeSettings::port>("port", types::kPort, "", "The port that the app answers on.")),
    key<&ProbeSettings::grpc>("grpc", kGrpcProbe, "",
                              "The health protocol of gRPC, over HTTP/2 without TLS."),
    key<&ProbeSettings::tls>("tls", types::kBoolean, "false",
                             "The path is asked for by HTTPS, whatever certificate the app shows."),
    key<&ProbeSettings::headers>("headers", kProbeHeaders, "",
                                 "Headers that the path is asked for with."),
    key<&ProbeSettings::timeout>("timeout", kTimeout, "10s",
                                 "How long the app may take, 100ms to 10m."),
};

void close_probe(void* object, Context& context) {
  const auto& probe = *static_cast<const ProbeSettings*>(object);
  if (context.has("path") && context.has("grpc")) {
    context.complain("grpc", "the probe asks by HTTP and by gRPC at once",
                     "remove path, or write two probes");
    return;
  }
  if (context.has("path")) return;
  if (probe.tls) {
    context.complain("tls", "tls has no effect without a path", "add path: /healthz, or remove it");
  }
  if (!probe.headers.empty()) {
    context.complain("headers", "headers has no effect without a path",
                     "add path: /healthz, or remove it");
  }
}

constexpr Key kAppMetricsKeys[] = {
    required(key<&AppMetricsSettings::port>("port", types::kPort, "",
                                            "The port that the app serves them on.")),
    key<&AppMetricsSettings::path>("path", kMetricsPath, "/metrics", "Their path, by GET."),
    key<&AppMetricsSettings::tls>("tls", types::kBoolean, "false",
                                  "They are asked for by HTTPS, whatever certificate the app "
                                  "shows."),
};

}  // namespace

const Object kProbe{"probe", "A health probe of the app.", kProbeKeys, origin_of<ProbeSettings>,
                    close_probe};
const Object kAppMetrics{"app_metrics", "Where the app's own metrics are.", kAppMetricsKeys,
                         origin_of<AppMetricsSettings>};

}  // namespace epaulet::config
