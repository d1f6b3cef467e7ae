#include <algorithm>

#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"

/// The process itself: its ports, names, logs and life.
namespace epaulet::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Scalar kListenPort = types::integer("a port, or 0 for any free one", "15001", 0, 65535);
constexpr Key kListenKeys[] = {
    key<&ListenSettings::outbound>("outbound", kListenPort, "15001",
                                   "What the app dials is redirected here; loopback only."),
    key<&ListenSettings::inbound>("inbound", kListenPort, "15006",
                                  "What enters the pod is redirected here."),
    key<&ListenSettings::direct>("direct", kListenPort, "15008",
                                 "Mesh TLS from peers that dial the sidecar itself."),
    key<&ListenSettings::dns>("dns", kListenPort, "15053",
                              "DNS for the app, UDP and TCP; loopback only."),
    key<&ListenSettings::admin>("admin", kListenPort, "15000",
                                "Read-only admin pages and epaulet explain; loopback only."),
    key<&ListenSettings::metrics>("metrics", kListenPort, "15020", "/metrics for Prometheus."),
    key<&ListenSettings::health>("health", kListenPort, "15021",
                                 "/ready, /live and the app's probes."),
};

/// One process cannot listen twice; defaults take part.
void close_listen(void* object, Context& context) {
  const auto& listen = *static_cast<const ListenSettings*>(object);
  const std::pair<std::string_view, std::uint16_t> ports[] = {
      {"outbound", listen.outbound}, {"inbound", listen.inbound}, {"direct", listen.direct},
      {"dns", listen.dns},           {"admin", listen.admin},     {"metrics", listen.metrics},
      {"health", listen.health}};
  for (const auto& [name, port] : ports) {
    if (!context.has(name) || port == 0) continue;
    for (const auto& [other, other_port] : ports) {
      const bool is_reported_there = context.has(other) && name < other;
      if (name == other || port != other_port || is_reported_there) continue;
      context.complain(name, std::string(name) + " and " + std::string(other) +
                                 (context.has(other) ? "" : " (by default)") + " share port " +
                                 std::to_string(port));
      break;
    }
  }
}

constexpr Scalar make_upstream() {
  Scalar type{ScalarKind::address, "an IP address", "10.88.0.1"};
  type.default_port = 53;
  return type;
}
constexpr Scalar make_network(ScalarKind kind, std::string_view noun, std::string_view example,
                              std::int64_t min, std::int64_t max) {
  Scalar type{kind, noun, example};
  type.min = min;
  type.max = max;
  return type;
}
constexpr Scalar kUpstream = make_upstream();
constexpr List kUpstreams = list_of<SocketAddress>(kUpstream, 1, 16);
constexpr Scalar kVirtualV4 =
    make_network(ScalarKind::network_v4, "an IPv4 network", "240.0.0.0/4", 4, 24);
constexpr Scalar kVirtualV6 =
    make_network(ScalarKind::network_v6, "an IPv6 network", "fd00:e9a0::/32", 8, 112);
constexpr Scalar kTtl = types::duration("30s", seconds(1), hours(24));
constexpr Scalar kNegativeTtl = types::duration("1s", seconds(0), seconds(5));
constexpr Key kDnsKeys[] = {
    key<&DnsSettings::upstream>("upstream", kUpstreams, "",
                                "DNS servers for all other names, port 53 unless written; absent: "
                                "those of /etc/resolv.conf."),
    key<&DnsSettings::cluster_domain>("cluster_domain", types::kHostName, "cluster.local",
                                      "NAME.NAMESPACE.svc.DOMAIN is the same service as "
                                      "NAME.NAMESPACE."),
    key<&DnsSettings::virtual_v4>("virtual_v4", kVirtualV4, "240.0.0.0/4",
                                  "Addresses that stand for services, /4 to /24."),
    key<&DnsSettings::virtual_v6>("virtual_v6", kVirtualV6, "fd00:e9a0::/32",
                                  "The same for IPv6, /8 to /112."),
    key<&DnsSettings::ttl>("ttl", kTtl, "30s", "How long the app may keep a virtual address."),
    key<&DnsSettings::negative_ttl>("negative_ttl", kNegativeTtl, "1s",
                                    "How long the app may keep that a service is not deployed, at "
                                    "most 5s."),
};

constexpr Choice kEgressChoices[] = {{"allow", static_cast<int>(EgressMode::allow)},
                                     {"deny", static_cast<int>(EgressMode::deny)}};

constexpr Choice kLogLevelChoices[] = {{"debug", static_cast<int>(LogLevel::debug)},
                                       {"info", static_cast<int>(LogLevel::info)},
                                       {"warning", static_cast<int>(LogLevel::warning)},
                                       {"error", static_cast<int>(LogLevel::error)}};
constexpr Scalar kLogLevel = types::choice("a level", "warning", kLogLevelChoices);
constexpr Key kAccessLogKeys[] = {
    key<&LogSettings::access>("enabled", types::kBoolean, "true",
                              "Whether exchanges and connections are logged."),
    key<&LogSettings::access_sample>("sample", types::kShare, "100%",
                                     "Share of the successful ones that is logged; failures always "
                                     "are."),
};
constexpr Object kAccessLog{"access_log", "The access log: JSON lines on standard output.",
                            kAccessLogKeys};
constexpr Key kLogKeys[] = {
    key<&LogSettings::level>("level", kLogLevel, "info",
                             "The least important lines that are kept."),
    group("access", kAccessLog, "The access log: JSON lines on standard output."),
};

constexpr Scalar kSlow = types::duration("2s", seconds(0), hours(24));
constexpr Key kExplainKeys[] = {
    key<&ExplainSettings::slow>(
        "slow", kSlow, "",
        "Exchanges slower than this are kept for explain, beside the failed "
        "ones; absent: the route's p99, at least 1s."),
};

constexpr Scalar kOtlpUrl =
    types::text("a URL", "http://collector.observability.svc.cluster.local:4318", check_fetch_url,
                "^https?://[^#@\\s]+$");
constexpr Scalar kOtlpCa = types::text("a path", "collector-ca.pem");
constexpr Scalar kOtlpHeaders = types::text("a path", "collector.headers");
constexpr Scalar kOtlpTimeout = types::duration("10s", milliseconds(100), seconds(60));
constexpr Scalar kOtlpInterval = types::duration("5s", milliseconds(100), hours(1));
constexpr Scalar kOtlpQueue = types::integer("a number of spans", "2048", 1, 65536);
constexpr Key kOtlpKeys[] = {
    required(key<&OtlpSettings::url>(
        "url", kOtlpUrl, "",
        "A collector's receiver of OTLP over HTTP, usually port 4318; without a path /v1/traces is "
        "meant. Spans go there as JSON. A host by its full name: no search domain is tried.")),
    key<&OtlpSettings::ca>("ca", kOtlpCa, "",
                           "With https: the roots that its server must lead to, read at each "
                           "request; absent: the system's. Relative to the configuration's "
                           "folder."),
    key<&OtlpSettings::headers_file>("headers_file", kOtlpHeaders, "",
                                     "Lines `Name: value` that are sent with each request, such as "
                                     "a vendor's key; read each time. Relative to the "
                                     "configuration's folder."),
    key<&OtlpSettings::timeout>("timeout", kOtlpTimeout, "10s", "Of one request, 100ms to 60s."),
    key<&OtlpSettings::interval>("interval", kOtlpInterval, "5s",
                                 "How long a span waits for others, 100ms to 1h; 256 go at once."),
    key<&OtlpSettings::queue>("queue", kOtlpQueue, "2048",
                              "Spans that may wait; what is beyond is dropped and counted."),
    key<&OtlpSettings::query>("query", types::kBoolean, "false",
                              "Whether spans tell query strings, which may hold secrets."),
};

void close_otlp(void* object, Context& context) {
  const auto& otlp = *static_cast<const OtlpSettings*>(object);
  if (!otlp.url.starts_with("http://")) return;
  if (context.has("ca"))
    context.complain("ca", "http:// has no certificate to lead anywhere", "write https://");
  if (context.has("headers_file")) {
    context.complain("headers_file", "what is in it would be readable on the way",
                     "write https://, or leave it out: a collector beside you needs no key");
  }
}
constexpr Object kOtlp{"otlp", "Where spans go.", kOtlpKeys, origin_of<OtlpSettings>, close_otlp};

constexpr Choice kTraceFormatChoices[] = {{"w3c", static_cast<int>(TraceFormat::w3c)},
                                          {"b3", static_cast<int>(TraceFormat::b3)},
                                          {"b3_multi", static_cast<int>(TraceFormat::b3_multi)}};
constexpr Scalar kTraceFormat = types::choice("a trace format", "b3", kTraceFormatChoices);
constexpr List kTraceFormats = list_of<TraceFormat>(kTraceFormat, 1, 3);
constexpr Key kTracingKeys[] = {
    key<&TracingSettings::begin>("begin", types::kBoolean, "true",
                                 "Whether a trace begins here if the app sends none."),
    key<&TracingSettings::sample>(
        "sample", types::kShare, "1%",
        "Share of the traces begun here that carry the sampled flag, and of the "
        "sampled requests from outside of the mesh that become spans."),
    key<&TracingSettings::propagate>(
        "propagate", kTraceFormats, "",
        "What the next hop is told a trace in, beside what it came in; the first is right where "
        "they differ; absent: w3c (traceparent). b3 is one header, b3_multi X-B3-*."),
    key<&TracingSettings::join>("join", types::kBoolean, "true",
                                "With otlp: whether calls of an app that passes no trace on are "
                                "joined to what it is asked at the time: as children where that is "
                                "certain, else by links that are marked as a guess."),
    key<&TracingSettings::otlp>("otlp", kOtlp, "",
                                "Where spans of sampled traces go; absent: none are made."),
};

void close_tracing(void* object, Context& context) {
  const auto& formats = static_cast<const TracingSettings*>(object)->propagate;
  for (std::size_t i = 1; i < formats.size(); ++i) {
    if (std::find(formats.begin(), formats.begin() + static_cast<std::ptrdiff_t>(i), formats[i]) ==
        formats.begin() + static_cast<std::ptrdiff_t>(i))
      continue;
    context.complain("propagate", "propagate has a format twice", "write each once");
    return;
  }
}

constexpr Scalar kDrainDuration = types::duration("5s", seconds(0), hours(24));
constexpr Key kDrainKeys[] = {
    key<&DrainSettings::grace>("grace", kDrainDuration, "5s",
                               "How long late arrivals are still accepted after SIGTERM."),
    key<&DrainSettings::timeout>(
        "timeout", kDrainDuration, "30s",
        "When what is left is cut; with tracing.otlp its spans may take 6s more."),
};

constexpr Scalar kStateDir = types::text("a path", "/var/lib/epaulet");
constexpr Key kStateKeys[] = {
    key<&Settings::state_dir>("dir", kStateDir, "",
                              "A writable folder for virtual addresses and last good endpoints; "
                              "absent: nothing outlives the process. Relative to the "
                              "configuration's folder."),
};

}  // namespace

const Object kListen{"listen", "The sidecar's own ports; all different.", kListenKeys,
                     origin_of<ListenSettings>, close_listen};
const Object kDns{"dns", "Names for the app.", kDnsKeys, origin_of<DnsSettings>};
const Scalar kEgress = types::choice("allow or deny", "deny", kEgressChoices);
const Object kLog{"log", "What is written down.", kLogKeys, origin_of<LogSettings>};
const Object kExplain{"explain", "What is kept for epaulet explain.", kExplainKeys,
                      origin_of<ExplainSettings>};
const Object kTracing{"tracing", "Traces.", kTracingKeys, origin_of<TracingSettings>,
                      close_tracing};
const Object kDrain{"drain", "How the process ends.", kDrainKeys, origin_of<DrainSettings>};
const Object kState{"state", "What outlives the process.", kStateKeys};
const Scalar kWorkers = types::integer("a number of workers", "2", 1, limits::kWorkersMax);

}  // namespace epaulet::config
