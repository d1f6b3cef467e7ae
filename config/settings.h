#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/jwt_algorithm.h"

/// What the user wrote, typed and with its defaults, each object with its place. Plain data: no
/// YAML here. Built by config/loader.h, read by every stage when a snapshot is made.
namespace epaulet {

using Duration = std::chrono::nanoseconds;

/// Where an object stands in its source. `object` is the path of keys, for example
/// `services.api2.default`.
struct Origin {
  std::string source;  ///< File name as the user gave it.
  std::string object;
  std::uint32_t line = 0;    ///< From 1; 0 for a default.
  std::uint32_t column = 0;  ///< From 1.

  /// "file:line:column".
  [[nodiscard]] std::string to_string() const {
    return source + ":" + std::to_string(line) + ":" + std::to_string(column);
  }
};

enum class PortTls : std::uint8_t { strict, permissive };
enum class PortProtocol : std::uint8_t { automatic, http, tcp };
/// What a server is spoken to in: `same` is what its caller speaks.
enum class HttpVersion : std::uint8_t { same, http1, http2 };
enum class PathHygiene : std::uint8_t { reject, normalize };

/// `workload.ports.N`: a port that the app listens on.
struct WorkloadPortSettings {
  Origin origin;
  std::uint16_t port = 0;
  PortTls tls = PortTls::strict;
  PortProtocol protocol = PortProtocol::automatic;
  HttpVersion http = HttpVersion::same;
  PathHygiene paths = PathHygiene::reject;
  /// Lets Proxy-Status details and x-epaulet-* fields out to callers outside the mesh.
  bool expose = false;
};

/// `workload.probes[n].grpc`: grpc.health.v1.Health/Check.
struct GrpcProbeSettings {
  Origin origin;
  std::string service;  ///< "": the server as a whole.
};

struct ProbeHeaderSettings {
  std::string name;
  std::string value;
};

/// What the app is asked: at most one of `path` and `grpc`; neither: a connection is enough.
struct ProbeSettings {
  Origin origin;
  std::string path;
  std::uint16_t port = 0;
  std::optional<GrpcProbeSettings> grpc;
  bool tls = false;                          ///< Whatever its certificate; with `path` alone.
  std::vector<ProbeHeaderSettings> headers;  ///< With `path` alone; a name may come twice.
  Duration timeout = std::chrono::seconds(10);
};

/// `workload.metrics`: the app's own, which are served beside ours.
struct AppMetricsSettings {
  Origin origin;
  std::uint16_t port = 0;
  std::string path = "/metrics";
  bool tls = false;  ///< Whatever its certificate.
};

struct WorkloadSettings {
  Origin origin;
  std::string service;  ///< Own name, "" if the workload serves nothing.
  std::string zone;     ///< Where it runs; "": the directory may know.
  std::map<std::uint16_t, WorkloadPortSettings> ports;
  std::vector<ProbeSettings> probes;
  std::optional<AppMetricsSettings> metrics;
};

struct IdentitySettings {
  Origin origin;
  std::string trust_domain = "cluster.local";
  std::string dir;  ///< With cert.pem, key.pem, ca.pem; "": no files.
  /// The identity service, instead of files; "": none. https://HOST[:PORT], checked.
  std::string service;
  std::string ca;          ///< The roots that the service must lead to.
  std::string token_file;  ///< What proves who we are, the first time.

  /// Whether there is to be mesh TLS at all.
  [[nodiscard]] bool configured() const { return !dir.empty() || !service.empty(); }
  friend bool operator==(const IdentitySettings& a, const IdentitySettings& b) {
    return a.trust_domain == b.trust_domain && a.dir == b.dir && a.service == b.service &&
           a.ca == b.ca && a.token_file == b.token_file;
  }
};

/// `directory`: who knows the services of a Kubernetes cluster.
struct DirectorySettings {
  Origin origin;
  std::string url;                      ///< https://HOST[:PORT], checked; "": there is none.
  std::vector<std::string> identities;  ///< Of which it proves one.
  friend bool operator==(const DirectorySettings& a, const DirectorySettings& b) {
    return a.url == b.url && a.identities == b.identities;
  }
};

/// `listen`: own ports. Port 0 asks the kernel for one (tests).
struct ListenSettings {
  Origin origin;
  std::uint16_t outbound = 15001;
  std::uint16_t inbound = 15006;
  std::uint16_t direct = 15008;
  std::uint16_t dns = 15053;
  std::uint16_t admin = 15000;
  std::uint16_t metrics = 15020;
  std::uint16_t health = 15021;
};

struct DnsSettings {
  Origin origin;
  std::vector<SocketAddress> upstream;  ///< Empty: the nameservers of /etc/resolv.conf.
  std::string cluster_domain = "cluster.local";
  IpNetwork virtual_v4{IpAddress::v4(0xF0000000u), 4};  ///< 240.0.0.0/4
  std::optional<IpNetwork> virtual_v6;              ///< Default fd00:e9a0::/32, set by the loader.
  Duration ttl = std::chrono::seconds(30);          ///< Of answers with virtual addresses.
  Duration negative_ttl = std::chrono::seconds(1);  ///< Of "not deployed"; at most 5 s.
};

enum class EgressMode : std::uint8_t { allow, deny };

/// A claim that a token must have: exactly one of `claim` and `claim_path` says which.
struct RequiredClaimSettings {
  Origin origin;
  std::string claim;                    ///< A claim's name.
  std::vector<std::string> claim_path;  ///< Or the names on the way to one inside another.
  std::optional<std::string> value;  ///< Nothing: it must be there, and be neither null nor false.
};

/// Where an issuer's tokens stand in a request: exactly one is set; none means `Authorization`.
struct TokenPlaceSettings {
  std::string header;  ///< Its name, in any case.
  std::string cookie;  ///< Its name.
  std::string query;   ///< Name of the parameter.
};

struct IssuerSettings {
  Origin origin;
  std::string name;
  std::string issuer;
  std::vector<std::string> audiences;
  std::vector<JwtAlgorithm> algorithms;  ///< Never empty once loaded; default RS256.
  // Exactly one of these, each absolute or relative to the configuration's folder (resolved by the
  // loader).
  std::string keys_file;    ///< JWKS.
  std::string secret_file;  ///< The secret of HS256, HS384 and HS512.
  std::string secret_env;   ///< Name of the environment variable that holds it.
  std::string keys_url;     ///< Of a JWKS: https://, checked; http:// with keys_plaintext.
  std::string keys_ca;      ///< The roots that its server must lead to; "": the system's.
  Duration keys_refresh = std::chrono::minutes(5);  ///< The longest that a set counts as fresh.
  bool keys_plaintext = false;  ///< Whoever is on the way to the URL may be the issuer.
  Duration leeway = std::chrono::seconds(60);
  std::vector<RequiredClaimSettings> require;
  TokenPlaceSettings token;
  bool forward = true;  ///< The app sees the token; never one from the query.
};

/// `api_keys.owners.NAME`: where the keys of one owner stand. Any of them is good, so that one can
/// be changed for the next.
struct ApiKeyOwnerSettings {
  Origin origin;
  std::string name;
  std::string file;  ///< Absolute or relative to the configuration's folder; "": none.
  std::string env;   ///< Name of an environment variable; "": none.
};

struct ApiKeySettings {
  Origin origin;
  std::string header = "X-API-Key";
  std::string owner_header;  ///< Must name the owner where a key is sent; "": is not looked at.
  bool forward = false;      ///< The app sees the key.
  std::map<std::string, ApiKeyOwnerSettings> owners;  ///< Empty: keys are not looked at.
};

/// What of a token grants a role. Exactly one of `claim`, `claim_path` and `permission`, the first
/// two with `value`.
struct TokenGrantSettings {
  std::string issuer;                     ///< Name under `issuers`.
  std::string claim{};                    ///< Claim name.
  std::vector<std::string> claim_path{};  ///< Names on the way to a claim inside another.
  std::string value{};       ///< Equal to the claim, or an element if the claim is a list.
  std::string permission{};  ///< A word of `scope`, or an element of `permissions`.
};

/// One way to hold a role: exactly one of `identity`, `token`, `key` and `network` is set.
struct RoleGrantSettings {
  Origin origin;
  std::string identity;  ///< SPIFFE ID; `*` stands for one path segment's rest, `**` for any rest.
  using Token = TokenGrantSettings;
  std::optional<Token> token;
  struct Key {
    std::string owner;  ///< Name under `api_keys.owners`.
  };
  std::optional<Key> key;
  std::optional<IpNetwork> network;  ///< Of the address that the connection comes from.
};

struct RoleSettings {
  Origin origin;
  std::string name;
  std::vector<RoleGrantSettings> grants;
};

struct HeaderMatchSettings {
  std::string name;                  ///< Lower case.
  std::optional<std::string> exact;  ///< Nothing: presence is enough.
};

/// What a rule asks for besides a role.
enum class RequiredProof : std::uint8_t { nothing, token, key };
/// Whether a refusal is carried out, or only told.
enum class AccessMode : std::uint8_t { enforce, audit };

/// One rule of `access`. Deny rules run first; then the first rule that matches decides by `allow`.
struct AccessRuleSettings {
  Origin origin;
  std::string name;
  std::vector<std::string> paths;   ///< Patterns: `*` one segment, `**` any rest; empty: any.
  std::vector<std::string> grpc{};  ///< `package.Service/Method`; a `*` for any method. As `paths`.
  std::vector<std::string> methods;
  std::vector<std::string> hosts;  ///< `*.example` allowed.
  std::vector<HeaderMatchSettings> headers;
  std::vector<std::uint16_t> ports;
  /// Roles. Built-in: `anyone` (every caller), `authenticated` (every principal).
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  RequiredProof require = RequiredProof::nothing;
  std::vector<std::string> permissions{};  ///< All of them, of a token, besides a role of `allow`.
  AccessMode mode = AccessMode::enforce;
};

struct AccessSettings {
  Origin origin;
  std::vector<AccessRuleSettings> rules;
  std::uint16_t invalid_token_status = 401;  ///< `invalid_token: 403` changes it.
  AccessMode mode = AccessMode::enforce;  ///< `access_mode`: of all rules, and of what none allows.
};

/// Which field of a request names the client that an ingress serves.
enum class ClientAddressField : std::uint8_t { none, x_forwarded_for, forwarded, x_real_ip };

/// `ingress`: whose word about clients outside of the mesh counts.
struct IngressSettings {
  Origin origin;
  std::vector<std::string> trusted;           ///< SPIFFE IDs, as RoleGrantSettings::identity.
  std::vector<std::string> identity_headers;  ///< That pass; in lower case.
  ClientAddressField client_address = ClientAddressField::none;
  std::uint32_t hops = 1;  ///< Which address counts, from the right.
};

/// Each value unset: inherited (route <- service <- top level <- default).
struct TimeoutSettings {
  Origin origin;
  std::optional<Duration>
      request;  ///< Until the response head, retries included. Default 15 s. 0: none.
  std::optional<Duration>
      attempt;  ///< One attempt until its response head. Default: what remains of request.
  std::optional<Duration> first_byte;  ///< From the end of an attempt's request to its response
                                       ///< head. Default: none. 0: none.
  std::optional<Duration> connect;     ///< Dial and TLS handshake. Default 1 s.
  std::optional<Duration> idle;        ///< Nothing moved on an exchange. Not of tunnels, whose dead
                                       ///< peers TCP keepalive finds. Default 5 min.
  std::optional<Duration> stream_idle;  ///< The same behind the response head, of an agreed upgrade
                                        ///< too. Default: idle, of upgrades none. 0: the default.
  std::optional<Duration>
      max_duration;  ///< Of an exchange, upgraded connection or tunnel in all. Default: none.
  std::optional<Duration> head;  ///< Downstream request head. Default 10 s.
  std::optional<Duration>
      keep_alive;                  ///< Idle downstream connection between requests. Default 60 s.
  std::optional<Duration> detect;  ///< A caller's first bytes. Default 10 s.
};

struct BackoffSettings {
  Duration initial = std::chrono::milliseconds(25);
  Duration max = std::chrono::seconds(10);
  double factor = 2.0;
  enum class Jitter : std::uint8_t { full, decorrelated, none } jitter = Jitter::full;
};

/// How a gRPC call may end (https://grpc.github.io/grpc/core/md_doc_statuscodes.html), 0 aside.
enum class GrpcStatus : std::uint8_t {
  cancelled = 1,
  unknown,
  invalid_argument,
  deadline_exceeded,
  not_found,
  already_exists,
  permission_denied,
  resource_exhausted,
  failed_precondition,
  aborted,
  out_of_range,
  unimplemented,
  internal,
  unavailable,
  data_loss,
  unauthenticated,
};

/// `retries.errors`: kinds of failures before an answer, whoever found them: this sidecar, or the
/// next one, which told.
enum class RetryError : std::uint8_t {
  connect_refused,  ///< Nobody listens.
  connect_failed,   ///< Unreachable, or the machine can make no connection.
  connect_timeout,  ///< `timeouts.connect`, the handshake included.
  tls,              ///< The handshake failed.
  reset,            ///< The connection ended before a byte of the answer.
  refused_stream,   ///< The peer promises that it has not looked at the request.
  attempt_timeout,  ///< `timeouts.attempt`.
  no_endpoint,      ///< There is none now.
  overloaded,       ///< `concurrency` of the next sidecar lets no more in.
};

/// `retries.hedge`: a second attempt beside the first, once that takes longer than most.
struct HedgeSettings {
  Origin origin;
  bool enabled = true;     ///< false: not here, though it is inherited.
  double quantile = 0.95;  ///< Of the route's own latencies.
  Duration min = std::chrono::milliseconds(1);
  Duration max = std::chrono::seconds(1);
};

struct RetrySettings {
  Origin origin;
  std::optional<std::uint32_t> max;  ///< Retries after the first attempt. Default 2.
  std::optional<BackoffSettings> backoff;
  std::optional<double> budget;  ///< Share of first attempts in 10 s, 0..1. Default 0.2.
  std::optional<std::uint32_t> budget_floor;  ///< Retries per 10 s always allowed. Default 3.
  std::optional<std::vector<RetryError>>
      errors;  ///< The only failures to retry. Default: all that may be.
  std::vector<std::uint16_t>
      statuses;  ///< Response statuses to retry (idempotent methods only). Default none.
  std::vector<GrpcStatus> grpc_statuses;  ///< Of gRPC calls, to retry whatever they do. Default
                                          ///< none.
  std::optional<bool> non_idempotent;     ///< Opt-in: resend POST and PATCH too. Default false.
  std::optional<HedgeSettings> hedge;     ///< As a whole. Default: none.
};

struct LimitSettings {
  Origin origin;
  std::optional<std::uint32_t> connections;  ///< To one backend, over all workers. Default 1024.
  std::optional<std::uint32_t> pending;      ///< Requests that wait for a connection. Default 1024.
};

/// Which ends of an exchange count against who was asked. What we refuse ourselves never does.
struct FailureSettings {
  std::vector<std::uint16_t> statuses;  ///< 400 to 599, or a class by its digit: 5 is 5xx.
  std::vector<GrpcStatus> grpc_statuses;
};

struct BreakerSlowSettings {
  Origin origin;
  Duration over{};     ///< Until the head of the response.
  double ratio = 0.5;  ///< Of the window's exchanges.
};

/// `breaker`: refuses what would most likely fail. Without error_ratio, consecutive and slow it
/// opens at half of the window's exchanges.
struct BreakerSettings {
  Origin origin;
  std::optional<double> error_ratio;
  std::uint32_t min_requests = 10;  ///< Fewer say nothing of ratios.
  Duration window = std::chrono::seconds(10);
  std::optional<std::uint32_t> consecutive;
  std::optional<BreakerSlowSettings> slow;
  Duration open_for = std::chrono::seconds(30);
  Duration max_open_for = std::chrono::minutes(5);  ///< It doubles with each probe that fails.
  std::uint32_t probes = 1;  ///< At once while half open; so many must succeed in a row.
  FailureSettings failures;  ///< Empty: 5xx; those of gRPC that blame the server.
};

/// `outliers`: endpoints that fail alone are left out for a while.
struct OutlierSettings {
  Origin origin;
  bool enabled = true;
  std::uint32_t consecutive = 5;               ///< Failures in a row.
  std::uint32_t connect_failures = 3;          ///< In a row; nothing was sent, so fewer say enough.
  std::optional<double> error_ratio;           ///< Nothing: only rows count.
  std::uint32_t min_requests = 10;             ///< For the ratio.
  Duration window = std::chrono::seconds(10);  ///< For the ratio.
  Duration eject_for = std::chrono::seconds(10);
  Duration max_eject_for = std::chrono::minutes(5);  ///< It doubles with each time.
  double max_ejected = 0.5;  ///< Of the endpoints at once; one at least, never the last one.
  FailureSettings failures;  ///< Empty: 502, 503, 504; unavailable.
};

/// Which requests share a bucket: exactly one of the three.
struct RateKeySettings {
  Origin origin;
  std::optional<bool> principal;
  std::optional<bool> address;
  std::string header;  ///< Its name, in any case.
};

/// So many requests in so much time.
struct RateLimitSettings {
  Origin origin;
  std::uint32_t requests = 0;
  Duration per = std::chrono::seconds(1);
  std::optional<std::uint32_t> burst;  ///< At once after a pause. Default: requests.
  std::optional<RateKeySettings> by;   ///< Nothing: one bucket for all.
  std::uint32_t keys = 10'000;         ///< Buckets at most, with `by`.
};

/// One of `rate_limits`: of what callers of this app may do. All that match hold.
struct InboundRateLimitSettings {
  Origin origin;
  std::string name;
  std::vector<std::string> paths;  ///< As in access rules.
  std::vector<std::string> methods;
  std::vector<std::string> hosts;
  std::vector<HeaderMatchSettings> headers;
  std::vector<std::uint16_t> ports;
  RateLimitSettings limit;
};

/// What is refused first where not everything can be done. `exempt` is never refused and not
/// counted.
enum class Criticality : std::uint8_t { sheddable, normal, critical, exempt };

/// One of `concurrency.criticality`; the first that matches counts.
struct CriticalitySettings {
  Origin origin;
  std::string name;
  std::vector<std::string> paths;  ///< As in access rules.
  std::vector<std::string> methods;
  std::vector<std::string> hosts;
  std::vector<HeaderMatchSettings> headers;
  std::vector<std::uint16_t> ports;
  Criticality is = Criticality::normal;
};

/// `concurrency`: how much the app is asked at once follows from how fast it answers.
struct ConcurrencySettings {
  Origin origin;
  std::uint32_t min = 8;
  std::uint32_t max = 1000;
  double tolerance = 0.5;  ///< Of latency above that of the app at rest.
  Duration remeasure = std::chrono::seconds(60);
  std::vector<CriticalitySettings> criticality;
};

/// `background` of a route: its requests are accepted at once and delivered later.
struct BackgroundSettings {
  Origin origin;
  std::uint32_t tries = 10;                           ///< Exchanges, each with its retries.
  Duration give_up_after = std::chrono::minutes(10);  ///< Since it was accepted.
  BackoffSettings backoff{std::chrono::seconds(1), std::chrono::minutes(1), 2.0,
                          BackoffSettings::Jitter::full};
  std::uint32_t queue = 1000;                 ///< Requests that wait, over all workers.
  std::uint64_t bytes = 16ull * 1024 * 1024;  ///< Of all of them.
};

struct LastGoodSettings {
  Origin origin;
  /// Of responses that say nothing themselves; nothing: those are not kept.
  std::optional<Duration> keep;
  std::uint64_t bytes = 4ull * 1024 * 1024;  ///< Of all that are kept for a route.
};

struct FixedAnswerSettings {
  Origin origin;
  std::uint16_t status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// `fallback` of a route, in the order of its members.
struct FallbackSettings {
  Origin origin;
  FailureSettings failures;  ///< Statuses that it stands in for; empty: 5xx.
  std::optional<LastGoodSettings> last_good;
  std::string backend;
  std::optional<FixedAnswerSettings> answer;
};

enum class UpstreamTls : std::uint8_t { mesh, none };

struct UpstreamTlsSettings {
  Origin origin;
  UpstreamTls mode = UpstreamTls::mesh;
  std::vector<std::string>
      identities;        ///< Accepted SPIFFE IDs of the endpoints; required for `mesh`.
  bool wrap_tls = true;  ///< `mesh`: TLS that the app begins travels inside the mesh's.
  /// `mesh`: connections of HTTP/1.1 to it are streams of connections that they share.
  bool multiplex = false;
};

/// Endpoints of one zone.
struct ZoneSettings {
  Origin origin;
  std::string name;
  std::vector<SocketAddress> addresses;
};

/// Exactly one of `addresses` (or `zones`, or both) and `dns`.
struct EndpointsSettings {
  Origin origin;
  std::vector<SocketAddress> addresses;       ///< Whose zone is not known.
  std::map<std::string, ZoneSettings> zones;  ///< Those whose zone is.
  std::string dns;        ///< Name for A and AAAA, or for SRV if there is no port.
  std::string directory;  ///< NAME.NAMESPACE, as the directory knows it; `dns` is the way out then.
  std::uint16_t port = 0;  ///< With `dns`; 0: SRV records say it. With `directory`: the Service's.
  /// 0: dial the endpoint's own port; 15008: dial that port with SNI `p<port>.<service>`.
  std::uint16_t tunnel = 0;
};

enum class BalancePolicy : std::uint8_t {
  p2c_ewma,
  least_request,
  round_robin,
  random,
  sticky,
  ring_hash,
  maglev,
};

/// Whether a policy keeps what belongs together at one endpoint.
[[nodiscard]] constexpr bool keeps_sessions(BalancePolicy policy) {
  return policy == BalancePolicy::sticky || policy == BalancePolicy::ring_hash ||
         policy == BalancePolicy::maglev;
}

/// What the requests of one session have in common: exactly one of `cookie`, `header` and `source`.
struct SessionKeySettings {
  Origin origin;
  std::string cookie;           ///< Its name; we set it where the request has none.
  std::optional<Duration> ttl;  ///< Of the cookie; nothing: as long as the browser runs.
  std::string header;           ///< Its name, in any case.
  std::optional<bool> source;   ///< The calling pod.
};

/// The own zone's endpoints first.
struct LocalitySettings {
  Origin origin;
  /// The own zone gets min(1, this x the share of its endpoints that are well) of the requests.
  double overprovisioning_factor = 1.4;
};

struct BalanceSettings {
  Origin origin;
  BalancePolicy policy = BalancePolicy::p2c_ewma;
  std::optional<SessionKeySettings> by;  ///< With a policy that keeps sessions.
  /// A new endpoint gets its full share after this; with policies that look at loads.
  std::optional<Duration> slow_start;
  std::optional<LocalitySettings> locality;  ///< Nothing: zones do not matter.
};

struct HealthCheckSettings;  // health_check_settings.h

struct BackendSettings {
  Origin origin;
  std::string name;
  EndpointsSettings endpoints;
  UpstreamTlsSettings tls;
  HttpVersion http = HttpVersion::same;
  BalanceSettings balance;
  LimitSettings limits;
  std::optional<BreakerSettings> breaker;
  OutlierSettings outliers;
  /// None: endpoints are not asked unless there are requests. Not changed once the loader has
  /// filled it.
  std::shared_ptr<HealthCheckSettings> health_check;
};

struct RouteTargetSettings {
  Origin origin;
  std::string backend;
  std::uint32_t weight = 100;
};

struct ShapingSettings;  // shaping_settings.h

struct RouteSettings {
  Origin origin;
  std::string name;
  std::vector<std::string> paths;  ///< As in access rules; empty: any.
  std::vector<std::string> methods;
  std::vector<std::string> hosts;
  std::vector<HeaderMatchSettings> headers;
  TimeoutSettings timeouts;
  RetrySettings retries;
  std::optional<BreakerSettings> breaker;       ///< Its own, instead of its backends'.
  std::optional<RateLimitSettings> rate_limit;  ///< Its own, instead of its service's.
  std::optional<Criticality> criticality;       ///< Told to the next sidecar.
  std::optional<BackgroundSettings> background;
  std::optional<FallbackSettings> fallback;
  /// What few routes ask for, kept apart, since there may be ten thousand others; may be none. Not
  /// changed once the loader has filled it.
  std::shared_ptr<ShapingSettings> shaping;
  std::vector<RouteTargetSettings> to;  ///< Empty: the service's default backend.
};

/// A token that is signed here, for an app that has none.
struct MintSettings {
  Origin origin;
  std::string key_file;  ///< PEM, or the secret of HS256; absolute or as in `issuers`.
  JwtAlgorithm algorithm = JwtAlgorithm::es256;
  std::string key_id;  ///< `kid`; "": none.
  std::string issuer;
  std::string subject;  ///< "": `workload.service`.
  std::vector<std::string> audiences;
  std::vector<std::string> permissions;
  Duration lifetime = std::chrono::minutes(5);
  std::string header = "Authorization";
};

/// An API key that is sent for an app that has none.
struct SentKeySettings {
  Origin origin;
  std::string file;  ///< Exactly one of the two.
  std::string env;
  std::string header = "X-API-Key";
  std::string owner_header;  ///< With `owner`; "": none is sent.
  std::string owner;
};

/// `services.NAME.credentials`: what requests for the service are sent with.
struct CredentialSettings {
  Origin origin;
  std::optional<MintSettings> token;
  std::optional<SentKeySettings> key;
  bool overwrite = false;  ///< Also where the app has sent one.
};

struct ServiceSettings {
  Origin origin;
  std::string name;
  std::map<std::uint16_t, PortProtocol> ports;
  /// For SRV; the only port declared http is named so without being written.
  std::map<std::string, std::uint16_t> port_names;
  std::string default_backend;  ///< The backend of the same name if `endpoints` stands here.
  std::optional<CredentialSettings> credentials;
  std::optional<RateLimitSettings> rate_limit;  ///< Of routes that have none of their own.
  TimeoutSettings timeouts;
  RetrySettings retries;
  std::vector<RouteSettings>
      routes;  ///< In order; an implicit last route `default` matches everything.
};

enum class LogLevel : std::uint8_t { debug, info, warning, error };

struct LogSettings {
  Origin origin;
  LogLevel level = LogLevel::info;
  bool access = true;
  double access_sample = 1.0;  ///< Share of successful exchanges logged; failures always are.
};

struct ExplainSettings {
  Origin origin;
  std::optional<Duration>
      slow;  ///< Exchanges slower than this are kept. Default: the route's p99, floor 1 s.
};

/// How a trace is told from hop to hop: W3C Trace Context, or B3 in one header or in several.
enum class TraceFormat : std::uint8_t { w3c, b3, b3_multi };

/// `tracing.otlp`: where spans go.
struct OtlpSettings {
  Origin origin;
  std::string url;           ///< http(s)://HOST[:PORT][/PATH]
  std::string ca;            ///< Roots that its server must lead to; "": the system's.
  std::string headers_file;  ///< Lines `Name: value`, sent with each request; "": none.
  Duration timeout = std::chrono::seconds(10);  ///< Of one request.
  Duration interval = std::chrono::seconds(5);  ///< Between two requests, unless much waits.
  std::uint32_t queue = 2048;                   ///< Spans that wait.
  bool query = false;                           ///< Whether query strings are told.
  friend bool operator==(const OtlpSettings& a, const OtlpSettings& b) {
    return a.url == b.url && a.ca == b.ca && a.headers_file == b.headers_file &&
           a.timeout == b.timeout && a.interval == b.interval && a.queue == b.queue &&
           a.query == b.query;
  }
};

struct TracingSettings {
  Origin origin;
  bool begin = true;                   ///< Begin a trace where the app sends none.
  double sample = 0.01;                ///< Sampled flag of traces begun here.
  std::vector<TraceFormat> propagate;  ///< Said to the next hop; empty: w3c.
  /// With `otlp`: calls of an app that passes nothing on become children of what it is asked.
  bool join = true;
  std::optional<OtlpSettings> otlp;
};

struct DrainSettings {
  Origin origin;
  Duration grace = std::chrono::seconds(5);     ///< Accept late arrivals for so long after SIGTERM.
  Duration timeout = std::chrono::seconds(30);  ///< Then what is left is cut.
};

struct Settings {
  Origin origin;
  std::optional<std::uint32_t> workers;  ///< Default: the cgroup's cpu.max, else 1.
  WorkloadSettings workload;
  IdentitySettings identity;
  DirectorySettings directory;
  ListenSettings listen;
  DnsSettings dns;
  EgressMode egress = EgressMode::allow;
  std::map<std::string, IssuerSettings> issuers;
  ApiKeySettings api_keys;
  std::map<std::string, RoleSettings> roles;
  AccessSettings access;
  IngressSettings ingress;
  std::map<std::string, ServiceSettings> services;
  std::map<std::string, BackendSettings> backends;
  TimeoutSettings timeouts;
  RetrySettings retries;
  LimitSettings limits;  ///< Defaults for backends.
  std::vector<InboundRateLimitSettings> rate_limits;
  std::optional<ConcurrencySettings> concurrency;  ///< Inbound; nothing: any number.
  std::uint32_t connections =
      20000;  ///< `limits.downstream`: connections served at once, over all workers.
  std::uint32_t head_bytes = 64 * 1024;  ///< `limits.head`: the largest request or response head.
  bool envoy_overloaded = false;  ///< `limits.envoy_overloaded`: our refusals for load say so.
  LogSettings log;
  ExplainSettings explain;
  TracingSettings tracing;
  DrainSettings drain;
  std::string state_dir;  ///< `state.dir`: "" keeps nothing on disk.
};

}  // namespace epaulet
