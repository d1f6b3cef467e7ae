#include <set>

#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/keys_health_check.h"
#include "config/keys_shaping.h"
#include "config/scalar_types.h"

/// What the app may dial: services with their routes, and the backends that serve them.
namespace epaulet::config {
namespace {

constexpr Choice kPortProtocolChoices[] = {{"auto", static_cast<int>(PortProtocol::automatic)},
                                           {"http", static_cast<int>(PortProtocol::http)},
                                           {"tcp", static_cast<int>(PortProtocol::tcp)}};

constexpr Choice kHttpVersionChoices[] = {{"same", static_cast<int>(HttpVersion::same)},
                                          {"http1", static_cast<int>(HttpVersion::http1)},
                                          {"http2", static_cast<int>(HttpVersion::http2)}};

// Backends.

constexpr Scalar make_endpoint_address() {
  return {ScalarKind::address, "an IP address with its port", "10.0.0.7:8080"};
}
constexpr Scalar kEndpointAddress = make_endpoint_address();
constexpr List kEndpointAddresses =
    list_of<SocketAddress>(kEndpointAddress, 1, types::kLongListMax);
constexpr Key kZoneKeys[] = {
    required(key<&ZoneSettings::addresses>("addresses", kEndpointAddresses, "",
                                           "Fixed endpoints in this zone.")),
};
constexpr Object kZone{"zone", "Endpoints of one zone.", kZoneKeys, origin_of<ZoneSettings>};
constexpr Map kZones = map_of<std::string, ZoneSettings>("ZONE", types::kLabel, kZone);
constexpr Choice kTunnelChoices[] = {{"0", 0}, {"15008", 15008}};
constexpr Scalar kTunnel = types::choice("0 or 15008", "15008", kTunnelChoices, true);
constexpr Key kEndpointsKeys[] = {
    key<&EndpointsSettings::addresses>("addresses", kEndpointAddresses, "",
                                       "Fixed endpoints; instead of dns."),
    key<&EndpointsSettings::zones>("zones", kZones, "",
                                   "Fixed endpoints by zone, for balance.locality; beside "
                                   "addresses, whose zone is not known, or instead of them."),
    key<&EndpointsSettings::dns>("dns", types::kHostName, "",
                                 "A name whose A and AAAA records are the endpoints, with port; or "
                                 "_PORT-NAME._tcp.NAME without port: SRV records say targets, "
                                 "ports, priorities and weights. Absolute: no search domain is "
                                 "tried."),
    key<&EndpointsSettings::directory>(
        "directory", types::kHostName, "",
        "NAME.NAMESPACE of a Kubernetes Service, whose endpoints "
        "the directory knows, with port; dns beside it is asked "
        "until the directory has answered, if nothing is remembered."),
    key<&EndpointsSettings::port>("port", types::kPort, "",
                                  "The port of the endpoints that dns finds; with directory the "
                                  "Service's port."),
    key<&EndpointsSettings::tunnel>("tunnel", kTunnel, "0",
                                    "15008: dial the endpoint's sidecar on that port and name the "
                                    "app's port to it; 0: dial the app's port, which the pod "
                                    "redirects."),
};

/// `_http._tcp.api.default`
bool is_srv_name(std::string_view name) {
  const auto dot = name.find('.');
  return name.starts_with('_') && dot != std::string_view::npos &&
         name.substr(dot + 1).starts_with("_tcp.");
}

/// Each fixed endpoint stands once: it is in one zone.
void check_zones(const EndpointsSettings& endpoints, Context& context) {
  if (endpoints.zones.empty() && context.has("zones")) {
    context.complain("zones", "zones names no endpoint", "zones: { ZONE: { addresses: [...] } }");
  }
  std::set<SocketAddress> seen(endpoints.addresses.begin(), endpoints.addresses.end());
  for (const auto& [name, zone] : endpoints.zones) {
    std::set<SocketAddress> own;
    for (const auto& address : zone.addresses) {
      if (!own.insert(address).second || seen.insert(address).second) continue;
      context.complain("zones", address.to_string() + " stands in zone " + name + " and elsewhere",
                       "leave it in the zone that it is in");
    }
  }
}

void close_endpoints(void* object, Context& context) {
  const auto& endpoints = *static_cast<const EndpointsSettings*>(object);
  const bool is_fixed = context.has("addresses") || context.has("zones");
  if (context.has("directory") && !is_fixed) {
    if (!context.has("port"))
      context.complain("directory", "directory needs port", "add the Service's port: port: 80");
    if (endpoints.directory.find('.') == std::string::npos)
      context.complain("directory", "this names no namespace", "write NAME.NAMESPACE");
    return;
  }
  if (is_fixed == (context.has("dns") || context.has("directory"))) {
    context.complain(
        "", "expected exactly one of addresses and dns",
        "addresses: [ 10.0.0.7:8080 ] or dns: api.default.svc.cluster.local with port");
    return;
  }
  if (context.has("dns") && !context.has("port") && !is_srv_name(endpoints.dns)) {
    context.complain("dns", "dns needs port",
                     "add port, for example port: 8080; only SRV records (dns: "
                     "_http._tcp.NAME) have their own");
  }
  if (is_fixed && context.has("port")) {
    context.complain("port", "port belongs to dns; each address has its own", "remove port");
  }
  check_zones(endpoints, context);
}
constexpr Object kEndpoints{"endpoints", "Where a backend is.", kEndpointsKeys,
                            origin_of<EndpointsSettings>, close_endpoints};

constexpr Choice kUpstreamTlsChoices[] = {{"mesh", static_cast<int>(UpstreamTls::mesh)},
                                          {"none", static_cast<int>(UpstreamTls::none)}};
constexpr Scalar kUpstreamTls = types::choice("mesh or none", "none", kUpstreamTlsChoices);
constexpr List kIdentities = list_of<std::string>(types::kSpiffeId, 1, types::kListMax);
constexpr Key kUpstreamTlsKeys[] = {
    key<&UpstreamTlsSettings::mode>("mode", kUpstreamTls, "mesh",
                                    "mesh: mutual TLS between sidecars, never anything less; none: "
                                    "plain, for what is outside the mesh."),
    key<&UpstreamTlsSettings::identities>("identities", kIdentities, "",
                                          "SPIFFE IDs that the endpoints may have; needed for "
                                          "mesh."),
    key<&UpstreamTlsSettings::wrap_tls>("wrap_tls", types::kBoolean, "true",
                                        "Whether TLS that the app begins travels inside the "
                                        "mesh's; false: as it is, to a permissive port, whose "
                                        "rules see an anonymous caller. Ports that are tcp are not "
                                        "looked into: theirs is always wrapped."),
    key<&UpstreamTlsSettings::multiplex>("multiplex", types::kBoolean, "false",
                                         "Whether connections of HTTP/1.1 to an endpoint share "
                                         "HTTP/2 connections between the sidecars, byte for byte "
                                         "as they are: less memory and CPU where many run at "
                                         "once."),
};

constexpr std::string_view kIdentitiesRemedy =
    "write tls: { identities: [ spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/NAME ] }, or tls: { mode: "
    "none } for what is outside the mesh";

void close_upstream_tls(void* object, Context& context) {
  const auto& tls = *static_cast<const UpstreamTlsSettings*>(object);
  if (tls.mode == UpstreamTls::none && context.has("identities")) {
    context.complain("identities", "identities are not checked with mode none",
                     "remove them, or write mode: mesh");
  }
  if (tls.mode == UpstreamTls::none && !tls.wrap_tls) {
    context.complain("wrap_tls", "nothing is wrapped with mode none", "remove it");
  }
  if (tls.mode == UpstreamTls::none && tls.multiplex) {
    context.complain("multiplex", "only sidecars share connections, so multiplex needs mode mesh",
                     "remove it, or write mode: mesh");
  }
}
constexpr Object kUpstreamTlsObject{"upstream_tls", "How a backend is secured.", kUpstreamTlsKeys,
                                    origin_of<UpstreamTlsSettings>, close_upstream_tls};

constexpr std::string_view kBalanceDoc = "Which endpoint of this backend is next.";

/// What a backend's keys must say together, wherever they stand.
void check_backend(const BackendSettings& backend, Context& context) {
  const bool is_in_directory = !backend.endpoints.directory.empty();  // Which knows identities.
  if (!context.has("tls") && !is_in_directory) {
    context.complain("endpoints", "endpoints are dialled with mesh TLS, which needs tls.identities",
                     std::string(kIdentitiesRemedy));
  }
  if (backend.endpoints.tunnel != 0 && backend.tls.mode == UpstreamTls::none) {
    context.complain("tls", "tunnel needs tls mode mesh", "remove tunnel from endpoints");
  }
  if (backend.endpoints.tunnel != 0 && !backend.tls.wrap_tls) {
    context.complain("tls", "port 15008 takes mesh TLS alone, so wrap_tls: false has no way there",
                     "remove wrap_tls, or tunnel from endpoints");
  }
  if (backend.http == HttpVersion::http2 && backend.tls.multiplex) {
    context.complain("tls", "with http: http2 there is no HTTP/1.1 that multiplex could carry",
                     "remove multiplex: requests in HTTP/2 share connections without it");
  }
}

void close_backend(void* object, Context& context) {
  if (context.has("endpoints"))
    check_backend(*static_cast<const BackendSettings*>(object), context);
}

constexpr std::string_view kBackendHttpDoc =
    "The HTTP version in which it is asked: same as the app's, or one that the sidecar turns all "
    "requests into.";
constexpr std::string_view kBackendLimitsDoc = "How much at once to this backend.";
constexpr std::string_view kBackendBreakerDoc =
    "When this backend is not asked for a while, whatever leads to it; absent: never.";
constexpr std::string_view kOutliersDoc =
    "When a single endpoint of this backend is left out for a while.";
constexpr Key kBackendKeys[] = {
    required(key<&BackendSettings::endpoints>("endpoints", kEndpoints, "", "Where it is.")),
    key<&BackendSettings::tls>("tls", kUpstreamTlsObject, "", "How it is secured."),
    key<&BackendSettings::http>("http", kHttpVersion, "same", kBackendHttpDoc),
    key<&BackendSettings::balance>("balance", kBalance, "", kBalanceDoc),
    key<&BackendSettings::limits>("limits", kBackendLimits, "", kBackendLimitsDoc),
    key<&BackendSettings::breaker>("breaker", kBreaker, "", kBackendBreakerDoc),
    key<&BackendSettings::outliers>("outliers", kOutliers, "", kOutliersDoc),
    health_check_of_backend(),
};
constexpr Object kBackend{"backend", "What serves: endpoints and how they are dialled.",
                          kBackendKeys, origin_of<BackendSettings>, close_backend};

// Routes.

constexpr Scalar kBackendMention = types::text(
    "the name of a backend", "api.default", check_host_name, types::kHostRegex, Mentions::backend);
constexpr Scalar kWeight = types::integer("a weight", "100", 0, 1'000'000);
constexpr Key kRouteTargetKeys[] = {
    required(key<&RouteTargetSettings::backend>("backend", kBackendMention, "",
                                                "A name under backends, or of a service with "
                                                "endpoints.")),
    key<&RouteTargetSettings::weight>("weight", kWeight, "100",
                                      "Its share of the requests, in proportion to the others'."),
};
constexpr Object kRouteTarget{"route_target", "A backend and its share.", kRouteTargetKeys,
                              origin_of<RouteTargetSettings>};
constexpr List kRouteTargets = list_of<RouteTargetSettings>(kRouteTarget, 1, types::kListMax);

void close_route(void* object, Context& context) {
  const auto& route = *static_cast<const RouteSettings*>(object);
  if (route.name == "default") {
    context.complain("name", "the name default is that of the implicit last route",
                     "give the route another name");
  }
  std::uint64_t weights = 0;
  for (const auto& target : route.to) weights += target.weight;
  if (!route.to.empty() && weights == 0) {
    context.complain("to", "all weights are 0", "give one backend a weight above 0");
  }
  check_shaping(route, context);
}

constexpr Key kRouteKeys[] = {
    required(key<&RouteSettings::name>("name", types::kLabel, "",
                                       "The route's name in metrics, logs and explain; unique in "
                                       "its service.")),
    key<&RouteSettings::paths>("paths", kPathPatterns, "",
                               "Paths; absent: any. A * segment stands for any one segment, ** at "
                               "the end for any rest."),
    key<&RouteSettings::methods>("methods", kMethods, "", "Methods; absent: any."),
    key<&RouteSettings::hosts>("hosts", kHostPatterns, "",
                               "Hosts, without port; absent: any. A route with no other "
                               "condition also takes TLS of the app that names one (SNI)."),
    key<&RouteSettings::headers>("headers", kHeaderMatches, "",
                                 "Headers that a request must have, all of them."),
    of_shaping<&ShapingSettings::ports>("ports", kRoutePorts,
                                        "Ports of the service that it is for; absent: all."),
    of_shaping<&ShapingSettings::share>("share", types::kShare,
                                        "How many of the requests it is for, drawn for each anew; "
                                        "the others are for routes behind it; absent: all."),
    of_shaping<&ShapingSettings::query>("query", kQueryMatches,
                                        "Parameters of its query that a request must have, all of "
                                        "them."),
    of_shaping<&ShapingSettings::regex>("regex", kRegexMatch,
                                        "Regular expressions that a request must fit, all of "
                                        "them."),
    of_shaping<&ShapingSettings::cors>("cors", kCors,
                                       "What browsers let pages of other origins do; preflights "
                                       "are answered here, instead of by the app. Absent: the app "
                                       "says it."),
    key<&RouteSettings::timeouts>("timeouts", kServiceTimeouts, "",
                                  "How long things may take, key by key over the service's."),
    key<&RouteSettings::retries>("retries", kRetries, "",
                                 "What is tried again, key by key over the service's."),
    key<&RouteSettings::breaker>("breaker", kBreaker, "",
                                 "When a backend is not asked for a while by this route, whose "
                                 "requests then count here and not in the backend's own breaker; "
                                 "absent: the backend's."),
    key<&RouteSettings::rate_limit>("rate_limit", kRateLimit, "",
                                    "How many of its requests the app may make; absent: the "
                                    "service's."),
    key<&RouteSettings::criticality>(
        "criticality", kCriticality, "",
        "How critical its requests are, told to the next sidecar, which refuses sheddable ones "
        "first where it has concurrency; absent: nothing is told."),
    key<&RouteSettings::background>("background", kBackground, "",
                                    "Its requests are accepted at once (202) and delivered later, "
                                    "at least once, with retries; absent: the app waits."),
    key<&RouteSettings::fallback>("fallback", kFallback, "",
                                  "What is answered instead of a failure, once no attempt is left; "
                                  "absent: the failure."),
    of_shaping<&ShapingSettings::request_headers>(
        "request_header_modifier", kRequestHeaderModifier,
        "What is changed in the fields of its requests before the backend is asked."),
    of_shaping<&ShapingSettings::response_headers>(
        "response_header_modifier", kResponseHeaderModifier,
        "What is changed in the fields of its backends' responses."),
    of_shaping<&ShapingSettings::rewrite>("url_rewrite", kUrlRewrite,
                                          "Another host or path that the backend is asked for; "
                                          "its access rules judge these."),
    of_shaping<&ShapingSettings::redirect>("request_redirect", kRequestRedirect,
                                           "Its requests are answered with a redirect, and no "
                                           "backend is asked."),
    of_shaping<&ShapingSettings::fault>(
        "fault", kFault,
        "Delays and failures injected on purpose, to see how the app takes them; absent: none."),
    of_shaping<&ShapingSettings::mirror>(
        "request_mirror", kRequestMirror,
        "A copy of its requests goes to another backend as well; nobody waits for it."),
    of_shaping<&ShapingSettings::single_flight>(
        "single_flight", kSingleFlight,
        "GETs and HEADs that ask the same at the same time are answered by one; absent: each "
        "asks."),
    of_shaping<&ShapingSettings::refuse>(
        "refuse", kRefuse,
        "Its requests, or a share of them, are refused and no backend is asked."),
    key<&RouteSettings::to>("to", kRouteTargets, "",
                            "Backends that serve the route, by weight; absent: the service's "
                            "default backend."),
};
constexpr Object kRoute{"route", "Requests that are treated alike; the first that matches counts.",
                        kRouteKeys, origin_of<RouteSettings>, close_route};
constexpr List kRoutes = list_of<RouteSettings>(kRoute, 0, types::kListMax);

// Services.

BackendSettings& inline_backend(void* service, Draft& draft) {
  auto& name = static_cast<ServiceSettings*>(service)->name;
  auto& backend = draft.inline_backends[name];
  backend.name = name;
  return backend;
}

/// The row of a key in a service that belongs to the backend of the same name. The dump shows it
/// there.
template <auto Member>
constexpr Key of_inline_backend(std::string_view name, Shape shape, std::string_view doc) {
  Key row{name, shape, {}, doc};
  row.binding = binding_if_scalar<typename MemberTypes<decltype(Member)>::Field>();
  row.open = [](void* service, Draft& draft) -> void* {
    return open_field(inline_backend(service, draft).*Member);
  };
  row.peek = [](const void*) -> const void* { return nullptr; };
  return row;
}

constexpr Key health_check_of_service() {
  Key row{"health_check", kHealthCheck, {}, kHealthCheckDoc};
  row.open = [](void* service, Draft& draft) -> void* {
    return open_health_check(inline_backend(service, draft));
  };
  row.peek = [](const void*) -> const void* { return nullptr; };
  return row;
}

bool only_tcp(const ServiceSettings& service) {
  for (const auto& [port, protocol] : service.ports) {
    if (protocol != PortProtocol::tcp) return false;
  }
  return !service.ports.empty();
}

void check_backends_of(const ServiceSettings& service, Context& context) {
  for (const auto* name :
       {"tls", "http", "balance", "limits", "breaker", "outliers", "health_check"}) {
    if (!context.has(name) || context.has("endpoints")) continue;
    context.complain(name, std::string(name) + " belongs to endpoints, which this service lacks",
                     "add endpoints, or move " + std::string(name) + " to backends.NAME");
  }
  if (!service.default_backend.empty()) return;
  if (service.routes.empty() && !context.has("routes")) {
    context.complain("", "the service has no backend",
                     "add endpoints, or default_backend: NAME with a name under backends");
    return;
  }
  for (const auto& [port, protocol] : service.ports) {
    if (protocol != PortProtocol::tcp) continue;
    context.complain("ports", "port " + std::to_string(port) + " is tcp, which routes do not serve",
                     "add default_backend: NAME");
    return;
  }
}

void close_service(void* object, Context& context) {
  auto& service = *static_cast<ServiceSettings*>(object);
  for (const auto& [name, port] : service.port_names) {
    if (service.ports.contains(port)) continue;
    context.complain(
        "port_names",
        "port " + std::to_string(port) + ", named " + name + ", is not one of the service's ports",
        "add it to ports, or name another");
  }
  if (context.has("endpoints")) {
    check_backend(inline_backend(object, context.draft()), context);
    inline_backend(object, context.draft()).origin = service.origin;
    if (!context.has("default_backend")) service.default_backend = service.name;
  }
  if (!context.has("default_backend") || !service.default_backend.empty()) {
    check_backends_of(service, context);
  }
  if (only_tcp(service) && context.has("tls") &&
      !inline_backend(object, context.draft()).tls.wrap_tls) {
    context.complain(
        "tls", "every port of the service is tcp, whose TLS is not looked for and always wrapped",
        "remove wrap_tls, or write auto for the port");
  }
  if (only_tcp(service) && !service.routes.empty()) {
    context.complain("routes", "routes look into HTTP, but every port of the service is tcp",
                     "remove the routes, or write http or auto for the port");
  }
}

constexpr Map kServicePorts =
    map_of<std::uint16_t, PortProtocol>("PORT", types::kPort, kPortProtocol);
constexpr Scalar kPortName =
    types::text("a port's name", "grpc", check_port_name, "^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$");
constexpr Map kPortNames = map_of<std::string, std::uint16_t>("PORT-NAME", kPortName, types::kPort);
constexpr Key kServiceKeys[] = {
    required(
        key<&ServiceSettings::ports>("ports", kServicePorts, "",
                                     "The ports that the app dials, with what it speaks there: "
                                     "auto looks at the first bytes.")),
    key<&ServiceSettings::port_names>("port_names", kPortNames, "",
                                      "Names of these ports for SRV queries, _NAME._tcp.SERVICE; "
                                      "the only one that is http is named http without it."),
    of_inline_backend<&BackendSettings::endpoints>("endpoints", kEndpoints,
                                                   "Where it is: short for a backend of the same "
                                                   "name."),
    of_inline_backend<&BackendSettings::tls>("tls", kUpstreamTlsObject,
                                             "How that backend is secured."),
    of_inline_backend<&BackendSettings::http>("http", kHttpVersion, kBackendHttpDoc),
    of_inline_backend<&BackendSettings::balance>("balance", kBalance, kBalanceDoc),
    of_inline_backend<&BackendSettings::limits>("limits", kBackendLimits, kBackendLimitsDoc),
    of_inline_backend<&BackendSettings::breaker>("breaker", kBreaker, kBackendBreakerDoc),
    of_inline_backend<&BackendSettings::outliers>("outliers", kOutliers, kOutliersDoc),
    health_check_of_service(),
    key<&ServiceSettings::default_backend>("default_backend", kBackendMention, "",
                                           "What serves connections that are not HTTP and requests "
                                           "that no route matches; absent: the backend of the same "
                                           "name, if endpoints stand here."),
    key<&ServiceSettings::credentials>("credentials", kCredentials, "",
                                       "What requests are sent with, for an app that has no token "
                                       "or key; absent: as they come."),
    key<&ServiceSettings::rate_limit>(
        "rate_limit", kRateLimit, "",
        "How many requests the app may make, but for routes that have their own; absent: any "
        "number."),
    key<&ServiceSettings::timeouts>("timeouts", kServiceTimeouts, "",
                                    "How long things may take, key by key over the top level's."),
    key<&ServiceSettings::retries>("retries", kRetries, "",
                                   "What is tried again, key by key over the top level's."),
    key<&ServiceSettings::routes>("routes", kRoutes, "",
                                  "The first that matches counts; an implicit last route named "
                                  "default matches everything."),
};
constexpr Object kService{"service", "A name that the app dials.", kServiceKeys,
                          origin_of<ServiceSettings>, close_service};

}  // namespace

const Map kServices = map_of<std::string, ServiceSettings>("NAME", types::kHostName, kService);
const Map kBackends = map_of<std::string, BackendSettings>("NAME", types::kHostName, kBackend);
const Scalar kPortProtocol = types::choice("auto, http or tcp", "http", kPortProtocolChoices);
const Scalar kHttpVersion = types::choice("same, http1 or http2", "http2", kHttpVersionChoices);

}  // namespace epaulet::config
