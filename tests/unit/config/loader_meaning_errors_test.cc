#include <map>
#include <string>
#include <string_view>

#include "unit/config/mistake.h"

namespace epaulet {
namespace {

constexpr std::string_view kPlainService =
    "services:\n  a:\n    ports: { 80: http }\n    endpoints: { addresses: ['1.2.3.4:5'] }\n"
    "    tls: { mode: none }\n";

std::string_view with_plain_service(std::string_view rest) {
  static std::map<std::string_view, std::string> texts;
  auto& text = texts[rest];
  if (text.empty()) text = std::string(kPlainService) + std::string(rest);
  return text;
}

MISTAKES(
    meaning,
    Mistake{"role_that_does_not_exist",
            "roles: { admin: [] }\naccess:\n  - { name: a, allow: [anyone, @@admn] }\n",
            "access[0].allow[1]: there is no role \"admn\"", "admin", "under roles"},
    Mistake{"denied_role_that_does_not_exist", "access:\n  - { name: a, deny: [@@anyon] }\n",
            "access[0].deny[0]: there is no role \"anyon\"", "anyone"},
    Mistake{"role_that_is_built_in", "roles:\n  @@anyone: []\n",
            "roles.anyone: the role anyone is built in", "", "another name"},
    Mistake{
        "issuer_that_does_not_exist",
        "issuers:\n  portal: { issuer: i, audiences: [a], keys: { file: k } }\nroles:\n  a: [ { "
        "token: { issuer: @@potral, claim: c, value: v } } ]\n",
        "roles.a[0].token.issuer: there is no issuer \"potral\"", "portal", "under issuers"},
    Mistake{"backend_that_does_not_exist",
            with_plain_service("    routes: [ { name: r, to: [ { backend: @@b } ] } ]\n"),
            "services.a.routes[0].to[0].backend: there is no backend \"b\"", "", "under backends"},
    Mistake{"default_backend_that_does_not_exist",
            "services:\n  a.b: { ports: { 80: tcp }, default_backend: @@a.c }\n",
            "services.a.b.default_backend: there is no backend \"a.c\""},
    Mistake{
        "role_with_two_ways_in_one",
        "issuers: { p: { issuer: i, audiences: [a], keys: { file: k } } }\nroles:\n  a:\n    - "
        "@@identity: spiffe://cluster.local/x\n      token: { issuer: p, claim: c, value: v }\n",
        "roles.a[0]: expected exactly one of identity, token, key and network", "",
        "one list item for each"},
    Mistake{"role_with_no_way_in_one", "roles:\n  a: [ @@{} ]\n",
            "roles.a[0]: expected exactly one of identity, token, key and network"},
    Mistake{"rule_that_decides_nothing", "access:\n  - @@name: a\n",
            "access[0]: the rule has neither allow nor deny and decides nothing"},
    Mistake{"requirement_of_a_denial",
            "access:\n  - { name: a, deny: [anyone], require: @@token }\n",
            "access[0]: require has no effect on a rule that only denies"},
    Mistake{"rules_of_one_name",
            "access:\n  - { name: a, allow: [anyone] }\n  - @@{ name: a, allow: [anyone] }\n",
            "access[1]: a second rule named \"a\", first in line 2"},
    Mistake{
        "rule_about_an_unknown_port",
        "workload: { ports: { 80: { tls: permissive } } }\naccess:\n  - { name: a, ports: [@@81], "
        "allow: [anyone] }\n",
        "access[0].ports[0]: there is no port \"81\"", "", "under workload.ports"},
    Mistake{
        "http_rule_about_tcp_ports",
        "workload: { ports: { 80: { tls: permissive }, 81: { tls: permissive, protocol: tcp } } "
        "}\naccess:\n  - @@{ name: a, ports: [81], methods: [GET], allow: [anyone] }\n",
        "access[0]: methods looks into HTTP, but every port of this rule is tcp"},
    Mistake{
        "http_rule_where_all_is_tcp",
        "workload: { ports: { 81: { tls: permissive, protocol: tcp } } }\naccess:\n  - @@{ name: "
        "a, headers: [ { name: x } ], allow: [anyone] }\n",
        "access[0]: headers looks into HTTP, but every port of this rule is tcp"},
    Mistake{"key_of_nobody",
            "roles: { a: [ { key: { owner: @@user-servce } } ] }\napi_keys: { owners: { "
            "user-service: { file: k } } }\n",
            "roles.a[0].key.owner: there is no owner of API keys \"user-servce\"", "user-service"},
    Mistake{"keys_without_a_source", "api_keys: { owners: { @@a: {} } }\n",
            "api_keys.owners.a: the owner has no keys", "", "env: VARIABLE"},
    Mistake{"key_where_its_owner_stands",
            "api_keys: { header: X-Key, owner_header: @@x-key, owners: { a: { file: k } } }\n",
            "api_keys: the header of the key cannot name its owner as well"},
    Mistake{"key_in_a_header_with_a_meaning",
            "api_keys: { header: @@Host, owners: { a: { file: k } } }\n",
            "api_keys.header: the header \"Host\" has another meaning"},
    Mistake{"variable_that_is_a_secret", "api_keys: { owners: { a: { env: @@epk_1-2 } } }\n",
            "api_keys.owners.a.env: \"epk_1-2\" is not the name of an environment variable"},
    Mistake{"require_key_without_keys",
            "access:\n  - @@{ name: a, allow: [anyone], require: key }\n",
            "access[0]: the rule requires an API key, but there is none"},
    Mistake{"require_token_without_issuer",
            "access:\n  - @@{ name: a, allow: [anyone], permissions: [x] }\n",
            "access[0]: the rule requires a token, but no issuer is configured"},
    Mistake{"permissions_of_a_key",
            "api_keys: { owners: { a: { file: k } } }\naccess:\n  - { name: a, allow: [anyone], "
            "require: key, permissions: @@[x] }\n",
            "access[0]: only tokens carry permissions, and the rule requires a key"},
    Mistake{
        "permissions_that_only_deny",
        "issuers: { p: { issuer: i, audiences: [a], keys: { file: f } } }\naccess:\n  - { name: a, "
        "deny: [anyone], permissions: @@[x] }\n",
        "access[0]: permissions has no effect on a rule that only denies"},
    Mistake{"grpc_method_without_service",
            "access: [ { name: a, grpc: [ @@GetUser ], allow: [anyone] } ]\n",
            "access[0].grpc[0]: \"GetUser\" is not a gRPC method", "", "package.Service/Method"},
    Mistake{"network_with_bits_behind", "roles: { a: [ { network: @@10.1.0.0/8 } ] }\n",
            "roles.a[0].network: \"10.1.0.0/8\" has bits set beyond its prefix"},
    Mistake{"secret_for_pairs",
            "issuers: { p: { issuer: i, audiences: [a], algorithms: @@[RS256], keys: { "
            "secret_file: f } } "
            "}\n",
            "issuers.p: a secret verifies HS256, HS384 and HS512 alone"},
    Mistake{"secrets_and_pairs",
            "issuers: { p: { issuer: i, audiences: [a], algorithms: @@[RS256, HS256], keys: { "
            "file: f } } "
            "}\n",
            "issuers.p: who verifies with a secret could sign for those with a pair"},
    Mistake{
        "algorithm_none",
        "issuers: { p: { issuer: i, audiences: [a], algorithms: [@@none], keys: { file: f } } }\n",
        "issuers.p.algorithms[0]: expected one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, "
        "PS384, PS512, ES256, ES384, ES512, EdDSA; found \"none\""},
    Mistake{"keys_by_plaintext",
            "issuers: { p: { issuer: i, audiences: [a], keys: { url: @@http://a/k } } }\n",
            "issuers.p.keys: keys that come by http:// are the keys of whoever is on the way"},
    Mistake{"keys_without_scheme",
            "issuers: { p: { issuer: i, audiences: [a], keys: { url: @@a/k } } }\n",
            "issuers.p.keys.url: \"a/k\" is not a URL that can be fetched"},
    Mistake{"keys_with_a_password",
            "issuers: { p: { issuer: i, audiences: [a], keys: { url: @@https://u:p@a/k } } }\n",
            "issuers.p.keys.url: \"https://u:p@a/k\" is not a URL that can be fetched"},
    Mistake{"secrets_by_url",
            "issuers: { p: { issuer: i, audiences: [a], algorithms: @@[HS256], keys: { url: "
            "https://a/k } } }\n",
            "issuers.p: a secret that is fetched is none: anybody could"},
    Mistake{
        "two_sources_of_keys",
        "issuers: { p: { issuer: i, audiences: [a], @@keys: { url: https://a/k, file: f } } }\n",
        "issuers.p.keys: expected exactly one of file, url, secret_file and secret_env"},
    Mistake{"roots_of_a_file",
            "issuers: { p: { issuer: i, audiences: [a], keys: { file: f, ca: @@c } } }\n",
            "issuers.p.keys: there is no url that would need it"},
    Mistake{"an_ingress_that_nobody_trusts", "ingress: { client_address: @@x-forwarded-for }\n",
            "ingress: nobody is trusted to name a client"},
    Mistake{"hops_of_one",
            "ingress: { trusted: [spiffe://cluster.local/ns/a/sa/b], client_address: x-real-ip, "
            "hops: @@2 }\n",
            "ingress: only x-forwarded-for and forwarded list more than one address"},
    Mistake{"an_identity_header_of_ours", "ingress: { identity_headers: [@@x-epaulet-peer] }\n",
            "ingress.identity_headers[0]: the header \"x-epaulet-peer\" is none of those that are "
            "removed"},
    Mistake{"two_places_of_a_token",
            "issuers: { p: { issuer: i, audiences: [a], keys: { file: f }, @@token: { header: a, "
            "cookie: b "
            "} } }\n",
            "issuers.p.token: expected exactly one of header, cookie and query"},
    Mistake{"query_token_forwarded",
            "issuers: { p: { issuer: i, audiences: [a], keys: { file: f }, token: { query: t }, "
            "forward: "
            "@@true } }\n",
            "issuers.p: a token from the query is never forwarded"},
    Mistake{"claim_without_value",
            "issuers: { p: { issuer: i, audiences: [a], keys: { file: f } } }\nroles: { a: [ { "
            "@@token: "
            "{ issuer: p, claim: c } } ] }\n",
            "roles.a[0].token: a claim needs the value that it must have"},
    Mistake{
        "permission_with_value",
        "issuers: { p: { issuer: i, audiences: [a], keys: { file: f } } }\nroles: { a: [ { token: "
        "{ issuer: p, permission: c, value: @@x } } ] }\n",
        "roles.a[0].token: a permission is its own value"},
    Mistake{
        "token_where_all_is_tcp",
        "workload: { ports: { 81: { tls: permissive, protocol: tcp } } }\naccess:\n  - @@{ name: "
        "a, allow: [anyone], require: token }\n",
        "access[0]: require looks into HTTP, but every port of this rule is tcp"},
    Mistake{"routes_of_one_name",
            with_plain_service(
                "    routes:\n      - { name: r, paths: [/x] }\n      - @@{ name: r }\n"),
            "services.a.routes[1]: a second route named \"r\", first in line 7"},
    Mistake{"route_named_default", with_plain_service("    routes: [ { name: @@default } ]\n"),
            "services.a.routes[0]: the name default is that of the implicit last route"},
    Mistake{
        "weights_that_sum_to_nothing",
        with_plain_service("    routes: [ { name: r, to: @@[ { backend: a, weight: 0 } ] } ]\n"),
        "services.a.routes[0]: all weights are 0"},
    Mistake{
        "route_without_backend",
        "services:\n  a:\n    ports: { 80: http }\n    routes:\n      - @@name: r\n        paths: "
        "[/x]\n",
        "services.a.routes[0]: the route has no backend, and the service has no default"},
    Mistake{"service_without_backend", "services:\n  @@a: { ports: { 80: http } }\n",
            "services.a: the service has no backend", "", "add endpoints"},
    Mistake{"tcp_service_with_routes",
            "services:\n  a:\n    ports: { 5432: tcp }\n    endpoints: { addresses: ['1.2.3.4:5'] "
            "}\n    "
            "tls: { mode: none }\n    @@routes:\n      - { name: r }\n",
            "services.a: routes look into HTTP, but every port of the service is tcp"},
    Mistake{"tcp_port_with_routes_alone",
            "services:\n  a:\n    ports: @@{ 80: http, 81: tcp }\n    routes: [ { name: r, to: [ { "
            "backend: b } ] } ]\nbackends: { b: { endpoints: { addresses: ['1.2.3.4:5'] }, tls: { "
            "mode: none } } }\n",
            "services.a: port 81 is tcp, which routes do not serve", "", "default_backend"},
    Mistake{"mesh_without_identities",
            "identity: { dir: /x }\nservices:\n  a:\n    ports: { 80: http }\n    endpoints: { "
            "addresses: ['1.2.3.4:5'] }\n    @@tls: { mode: mesh }\n",
            "services.a.tls: mode mesh needs identities", "", "mode: none"},
    Mistake{
        "directory_without_one",
        "identity: { dir: /x }\nbackends:\n  a:\n    @@endpoints: { directory: a.b, port: 80 }\n",
        "backends.a.endpoints: there is no directory to ask", "", "directory: { url"},
    Mistake{
        "directory_without_port",
        "identity: { dir: /x }\ndirectory: { url: 'https://d:1', identities: "
        "['spiffe://cluster.local/x'] }\nbackends:\n  a:\n    endpoints: { directory: @@a.b }\n",
        "backends.a.endpoints: directory needs port", "", "port: 80"},
    Mistake{
        "directory_without_namespace",
        "identity: { dir: /x }\ndirectory: { url: 'https://d:1', identities: "
        "['spiffe://cluster.local/x'] }\nbackends:\n  a:\n    endpoints: { directory: @@a, port: "
        "80 }\n",
        "backends.a.endpoints: this names no namespace", "", "NAME.NAMESPACE"},
    Mistake{"directory_without_identity",
            "@@directory: { url: 'https://d:1', identities: ['spiffe://cluster.local/x'] }\n",
            "directory: the directory answers members of the mesh alone", "", "identity: {"},
    Mistake{
        "mesh_by_default_without_identities",
        "identity: { dir: /x }\nbackends:\n  a:\n    endpoints: @@{ addresses: ['1.2.3.4:5'] }\n",
        "backends.a: endpoints are dialled with mesh TLS, which needs tls.identities"},
    Mistake{"identities_that_nobody_checks",
            "backends:\n  a:\n    endpoints: { addresses: ['1.2.3.4:5'] }\n    tls: { mode: none, "
            "identities: @@['spiffe://cluster.local/x'] }\n",
            "backends.a.tls: identities are not checked with mode none"},
    Mistake{
        "mesh_without_certificate",
        "backends:\n  a:\n    endpoints: { addresses: ['1.2.3.4:5'] }\n    @@tls: { identities: "
        "['spiffe://cluster.local/x'] }\n",
        "backends.a.tls: mode mesh needs a certificate, but there is no identity"},
    Mistake{"strict_port_without_certificate",
            "workload:\n  ports:\n    @@8080: {}\n    8081: {}\n",
            "workload.ports.8080: the port is strict (the default), but without an identity nobody "
            "can prove themselves"},
    Mistake{
        "tls_without_endpoints",
        "services:\n  a:\n    ports: { 80: http }\n    tls: @@{ mode: none }\n    default_backend: "
        "b\nbackends: { b: { endpoints: { addresses: ['1.2.3.4:5'] }, tls: { mode: none } } }\n",
        "services.a: tls belongs to endpoints, which this service lacks"},
    Mistake{
        "backend_of_the_same_name_twice",
        "services:\n  @@a:\n    ports: { 80: http }\n    endpoints: { addresses: ['1.2.3.4:5'] }\n "
        "  "
        " tls: { mode: none }\nbackends:\n  a: { endpoints: { addresses: ['1.2.3.4:6'] }, tls: { "
        "mode: none } }\n",
        "services.a: the service has endpoints, but backends.a (line 7) is of the same name"},
    Mistake{"endpoints_of_both_kinds",
            "backends:\n  a:\n    @@endpoints: { addresses: ['1.2.3.4:5'], dns: a.b, port: 1 }\n   "
            " tls: "
            "{ mode: none }\n",
            "backends.a.endpoints: expected exactly one of addresses and dns"},
    Mistake{"endpoints_of_no_kind",
            "backends:\n  a:\n    @@endpoints: { port: 1 }\n    tls: { mode: none }\n",
            "backends.a.endpoints: expected exactly one of addresses and dns"},
    Mistake{"dns_without_port",
            "backends:\n  a:\n    endpoints: { dns: @@a.b }\n    tls: { mode: none }\n",
            "backends.a.endpoints: dns needs port", "", "add port"},
    Mistake{"addresses_with_port",
            "backends:\n  a:\n    endpoints: { addresses: ['1.2.3.4:5'], port: @@80 }\n    tls: { "
            "mode: "
            "none }\n",
            "backends.a.endpoints: port belongs to dns; each address has its own"},
    Mistake{
        "tunnel_without_mesh",
        "backends:\n  a:\n    endpoints: { addresses: ['1.2.3.4:5'], tunnel: 15008 }\n    tls: @@{ "
        "mode: none }\n",
        "backends.a: tunnel needs tls mode mesh"},
    Mistake{"unwrapped_tls_to_a_tunnel",
            "backends:\n  a:\n    endpoints: { addresses: ['1.2.3.4:5'], tunnel: 15008 }\n    tls: "
            "@@{ identities: [spiffe://cluster.local/x], wrap_tls: false }\n",
            "backends.a: port 15008 takes mesh TLS alone, so wrap_tls: false has no way there"},
    Mistake{"unwrapped_tls_without_mesh",
            "backends:\n  a:\n    endpoints: { addresses: ['1.2.3.4:5'] }\n    tls: { mode: none, "
            "wrap_tls: @@false }\n",
            "backends.a.tls: nothing is wrapped with mode none"},
    Mistake{"multiplex_without_mesh",
            "backends:\n  a:\n    endpoints: { addresses: ['1.2.3.4:5'] }\n    tls: { mode: none, "
            "multiplex: @@true }\n",
            "backends.a.tls: only sidecars share connections, so multiplex needs mode mesh"},
    Mistake{
        "multiplex_of_http2",
        "backends:\n  a:\n    endpoints: { addresses: ['1.2.3.4:5'] }\n    http: http2\n    tls: "
        "@@{ identities: [spiffe://cluster.local/x], multiplex: true }\n",
        "backends.a: with http: http2 there is no HTTP/1.1 that multiplex could carry"},
    Mistake{"multiplex_of_a_service_in_http2",
            "services:\n  a:\n    ports: { 80: http }\n    endpoints: { addresses: ['1.2.3.4:5'] "
            "}\n    http: http2\n    tls: @@{ identities: [spiffe://cluster.local/x], multiplex: "
            "true }\n",
            "services.a: with http: http2 there is no HTTP/1.1 that multiplex could carry"},
    Mistake{
        "unwrapped_tls_on_tcp_ports_alone",
        "services:\n  a:\n    ports: { 443: tcp }\n    endpoints: { addresses: ['1.2.3.4:5'] }\n "
        "   tls: @@{ identities: [spiffe://cluster.local/x], wrap_tls: false }\n",
        "services.a: every port of the service is tcp, whose TLS is not looked for and always "
        "wrapped"},
    Mistake{
        "service_spelled_twice",
        "services:\n  a.b: { ports: { 80: http }, default_backend: x }\n  @@a.b.svc.cluster.local: "
        "{ ports: { 80: http }, default_backend: x }\nbackends: { x: { endpoints: { addresses: "
        "['1.2.3.4:5'] }, tls: { mode: none } } }\n",
        "services.a.b.svc.cluster.local: this is another spelling of services.a.b"},
    Mistake{"own_port_of_the_app", "workload:\n  ports:\n    @@15006: { tls: permissive }\n",
            "workload.ports.15006: the sidecar itself listens on this port (listen.inbound)"},
    Mistake{"own_port_that_was_moved",
            "listen: { admin: 9000 }\nworkload:\n  ports:\n    @@9000: { tls: permissive }\n",
            "workload.ports.9000: the sidecar itself listens on this port (listen.admin)"},
    Mistake{"probe_of_the_sidecar", "workload:\n  probes: [ @@{ path: /, port: 15021 } ]\n",
            "workload.probes[0]: the probe would ask the sidecar itself (listen.health)"},
    Mistake{
        "metrics_of_the_sidecar", "workload:\n  @@metrics: { port: 15020 }\n",
        "workload.metrics: the sidecar would ask itself for the app's metrics (listen.metrics)"},
    Mistake{"probe_by_two_protocols",
            "workload:\n  probes: [ { path: /, port: 80, grpc: @@{ service: a } } ]\n",
            "workload.probes[0]: the probe asks by HTTP and by gRPC at once"},
    Mistake{"probe_with_headers_for_nothing",
            "workload:\n  probes: [ { port: 80, headers: @@[ { name: a } ] } ]\n",
            "workload.probes[0]: headers has no effect without a path"},
    Mistake{"probe_with_a_header_of_framing",
            "workload:\n  probes: [ { path: /, port: 80, headers: [ { name: @@Content-Length, "
            "value: \"1\" } ] } ]\n",
            "workload.probes[0].headers[0].name: the header \"Content-Length\" says where the "
            "message ends"},
    Mistake{"listen_ports_that_collide", "listen: { admin: 9000, metrics: @@9000 }\n",
            "listen: metrics and admin share port 9000"},
    Mistake{"listen_port_that_collides_with_a_default", "listen: { admin: @@15020 }\n",
            "listen: admin and metrics (by default) share port 15020"},
    Mistake{"upstream_that_is_the_sidecar", "@@dns: { upstream: ['127.0.0.1:15053'] }\n",
            "dns: the upstream 127.0.0.1:15053 is the sidecar itself"},
    Mistake{"attempt_longer_than_request", "timeouts: { request: 1s, attempt: @@2s }\n",
            "timeouts: attempt (2s) can never pass, because request (1s) ends first"},
    Mistake{"first_byte_longer_than_request", "timeouts: { request: 1s, first_byte: @@2s }\n",
            "timeouts: first_byte (2s) can never pass, because request (1s) ends first"},
    Mistake{"first_byte_longer_than_attempt", "timeouts: { attempt: 1s, first_byte: @@2s }\n",
            "timeouts: first_byte (2s) can never pass, because attempt (1s) ends first"},
    Mistake{"first_byte_longer_than_idle", "timeouts: { idle: 1s, first_byte: @@2s }\n",
            "timeouts: first_byte (2s) can never pass, because idle (1s) ends first"},
    Mistake{"backoff_that_begins_beyond_its_end", "retries: { backoff: { initial: @@20s } }\n",
            "retries.backoff: initial (20s) is longer than max (10s)"});

}  // namespace
}  // namespace epaulet
