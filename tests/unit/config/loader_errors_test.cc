#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/limits.h"
#include "config/loader.h"

namespace epaulet {
namespace {

/// A text with one mistake. `@@` stands where the diagnostic must point and is not part of it.
struct Mistake {
  const char* name;
  std::string_view marked_text;
  std::string_view message;
  std::string_view did_you_mean = "";
  std::string_view remedy_part = "";
};

void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

struct Marked {
  std::string text;
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

/// Counts lines and columns on its own: the texts are ASCII.
Marked unmark(std::string_view marked) {
  Marked result;
  const auto at = marked.find("@@");
  for (const char c : marked.substr(0, at)) {
    result.column = c == '\n' ? 1 : result.column + 1;
    result.line += c == '\n' ? 1 : 0;
  }
  result.text = std::string(marked.substr(0, at)) + std::string(marked.substr(at + 2));
  return result;
}

class OneMistake : public testing::TestWithParam<Mistake> {};

TEST_P(OneMistake, is_reported_once_at_its_place_with_its_remedy) {
  const Mistake& mistake = GetParam();
  ASSERT_NE(mistake.marked_text.find("@@"), std::string_view::npos);
  const Marked marked = unmark(mistake.marked_text);

  const auto result = load_settings("f.yaml", marked.text, "/etc/epaulet");

  EXPECT_FALSE(result.ok());
  ASSERT_EQ(result.diagnostics.size(), 1u) << result.format();
  const Diagnostic& found = result.diagnostics.front();
  EXPECT_EQ(found.origin.source, "f.yaml");
  EXPECT_EQ(found.origin.line, marked.line) << result.format();
  EXPECT_EQ(found.origin.column, marked.column) << result.format();
  EXPECT_EQ(found.message, mistake.message);
  EXPECT_EQ(found.did_you_mean, mistake.did_you_mean);
  EXPECT_NE(found.remedy.find(mistake.remedy_part), std::string::npos) << found.remedy;
}

std::string name_of_case(const testing::TestParamInfo<Mistake>& info) {
  return info.param.name;
}

#define MISTAKES(suite, ...) \
  INSTANTIATE_TEST_SUITE_P(suite, OneMistake, testing::Values(__VA_ARGS__), name_of_case)

MISTAKES(
    keys, Mistake{"unknown_at_the_top", "@@servces: {}\n", "unknown key \"servces\"", "services"},
    Mistake{"unknown_in_an_object", "timeouts:\n  @@requets: 1s\n",
            "timeouts: unknown key \"requets\"", "request"},
    Mistake{"unknown_in_a_flow_map", "log: { @@levle: info }\n", "log: unknown key \"levle\"",
            "level"},
    Mistake{"unknown_with_other_case", "@@Workload: {}\n", "unknown key \"Workload\"", "workload"},
    Mistake{"unknown_by_its_beginning", "@@retry: { max: 1 }\n", "unknown key \"retry\"",
            "retries"},
    Mistake{"unknown_and_nothing_near", "drain: { @@colour: red }\n",
            "drain: unknown key \"colour\"", "", "keys here: grace, timeout"},
    Mistake{"unknown_with_a_tree_below", "@@colour:\n  - a: [1, { b: c }]\n  - d\negress: deny\n",
            "unknown key \"colour\"", "", "keys here: workload"},
    Mistake{"belongs_one_level_deeper",
            "services:\n  a.b:\n    ports: { 80: http }\n    endpoints: { addresses: "
            "['10.0.0.1:80'] }\n"
            "    tls: { mode: none }\n    @@request: 1s\n",
            "services.a.b: unknown key \"request\"", "timeouts.request", "belongs under timeouts"},
    Mistake{"belongs_at_the_top", "tracing: { @@workers: 2 }\n", "tracing: unknown key \"workers\"",
            "", "stands at the top level"},
    Mistake{"colon_without_blank", "log: { @@level:info: x }\n", "log: unknown key \"level:info\"",
            "", "blank after the colon"},
    Mistake{
        "of_a_later_version",
        "services:\n  a: { ports: { 80: http }, endpoints: { addresses: ['1.2.3.4:5'] }, tls: { "
        "mode: none }, @@cluster_ip: 1 }\n",
        "services.a: the key \"cluster_ip\" is not in this version of epaulet", "", "remove it"},
    Mistake{"without_keys_of_its_own_is_null",
            "backends:\n  a: { endpoints: { addresses: ['1.2.3.4:5'] }, tls: { mode: none }, "
            "health_check: { @@tcp: } }\n",
            "backends.a.health_check.tcp: has no value", "", "for example {}"},
    Mistake{
        "of_the_top_level_timeouts_in_a_service",
        "services:\n  a: { ports: { 80: http }, endpoints: { addresses: ['1.2.3.4:5'] }, tls: { "
        "mode: none }, timeouts: { @@head: 1s } }\n",
        "services.a.timeouts: unknown key \"head\"", "",
        "keys here: request, attempt, connect, idle"},
    Mistake{"duplicate_at_the_top", "egress: allow\nworkers: 1\n@@egress: deny\n",
            "duplicate key \"egress\", first in line 1", "", "keep one"},
    Mistake{"duplicate_in_an_object", "log: { level: info, @@level: error }\n",
            "log: duplicate key \"level\", first in line 1", "", "keep one"},
    Mistake{"duplicate_object", "log:\n  level: info\n@@log:\n  level: warning\n",
            "duplicate key \"log\", first in line 1", "", "keep one"},
    Mistake{"duplicate_name", "roles:\n  a: []\n  b: []\n  @@a: []\n",
            "roles: duplicate key \"a\", first in line 2", "", "keep one"},
    Mistake{"duplicate_port",
            "workload:\n  ports:\n    80: { tls: permissive }\n    @@80: { tls: permissive }\n",
            "workload.ports: duplicate key \"80\", first in line 3", "", "keep one"},
    Mistake{"missing", "workload:\n  probes:\n    - @@path: /healthz\n",
            "workload.probes[0]: the key \"port\" is missing", "", "add port: 8080"},
    Mistake{"missing_in_a_named_object", "issuers:\n  @@portal: { issuer: i, audiences: [a] }\n",
            "issuers.portal: the key \"keys\" is missing", "",
            "add keys: { file: portal.jwks.json }"},
    Mistake{"missing_name_of_a_rule", "access:\n  - @@{ allow: [anyone] }\n",
            "access[0]: the key \"name\" is missing", "", "add name: internal"},
    Mistake{"missing_name_of_a_route",
            "services:\n  a:\n    ports: { 80: http }\n    endpoints: { addresses: ['1.2.3.4:5'] "
            "}\n    "
            "tls: { mode: none }\n    routes:\n      - @@paths: [/x]\n",
            "services.a.routes[0]: the key \"name\" is missing", "", "add name"},
    Mistake{"missing_ports_of_a_service", "services:\n  @@a: {}\n",
            "services.a: the key \"ports\" is missing", "", "add ports: { 8080: http }"},
    Mistake{"missing_endpoints_of_a_backend", "backends:\n  @@a: { tls: { mode: none } }\n",
            "backends.a: the key \"endpoints\" is missing", "", "add endpoints: {"});

MISTAKES(
    shapes,
    Mistake{"empty_value", "workers: 1\n@@egress:\n\n# a comment\nlog: {}\n",
            "egress: has no value", "", "for example deny"},
    Mistake{"service_without_a_port",
            "services:\n  @@a.b:\n    ports: {}\n    endpoints: { addresses: ['10.0.0.1:80'] }\n"
            "    tls: { mode: none }\n",
            "services.a.b: the service has no port, so nobody can dial it", "",
            "ports: { 80: http }"},
    Mistake{"empty_value_at_the_end", "timeouts:\n  @@request:\n", "timeouts.request: has no value",
            "", "for example 10s"},
    Mistake{"empty_object", "@@workload:\negress: deny\n", "workload: has no value", "",
            "for example { service: api.default }"},
    Mistake{"empty_value_in_flow", "log: { @@level: , access: { enabled: true } }\n",
            "log.level: has no value", "", "for example warning"},
    Mistake{"null_word", "@@workers: null\n", "workers: has no value", "", "for example 2"},
    Mistake{"tilde", "@@workers: ~\n", "workers: has no value", "", "for example 2"},
    Mistake{"empty_item", "access:\n  - { name: a, allow: [anyone] }\n  @@- # nothing - here\n",
            "access[1]: has no value", "", "remove the -"},
    Mistake{"empty_item_before_another",
            "roles:\n  a:\n    @@-\n    - identity: "
            "spiffe://cluster.local/x\n",
            "roles.a[0]: has no value", "", "remove the -"},
    Mistake{"key_missing", "log:\n  @@: info\n", "log: a key is missing before the colon"},
    Mistake{"text_for_an_object", "log: @@debug\n",
            "log: expected keys with values, for example { level: warning }; found \"debug\""},
    Mistake{"text_for_a_list", "access:\n  - { name: a, allow: @@anyone }\n",
            "access[0].allow: expected a list, for example [ admin ]; found \"anyone\"", "",
            "write it as a list: [ anyone ]"},
    Mistake{"list_for_an_object", "log: @@[ debug ]\n",
            "log: expected keys with values, for example { level: warning }; found a list"},
    Mistake{"block_list_for_an_object_is_found_by_its_key", "@@log:\n  - debug\n",
            "log: expected keys with values, for example { level: warning }; found a list"},
    Mistake{"object_for_a_list", "@@access:\n  name: a\n  allow: [anyone]\n",
            "access: expected a list, for example [ { name: internal } ]; found keys with values"},
    Mistake{"object_for_a_text", "egress: @@{ mode: allow }\n",
            "egress: expected allow or deny, for example deny; found keys with values"},
    Mistake{"list_for_a_text", "workload: { service: @@[a.b] }\n",
            "workload.service: expected a host name, for example api.default; found a list"},
    Mistake{"key_that_is_a_list", "log:\n  @@[a]: b\n", "log: expected a key; found a list"},
    Mistake{"empty_list", "access:\n  - name: a\n    @@allow: []\n",
            "access[0].allow: the list is empty", "", "leave the key out, or write [ admin ]"},
    Mistake{"a_list_as_the_file", "@@- egress: deny\n", "expected keys with values; found a list"},
    Mistake{"a_text_as_the_file", "@@hello\n", "expected keys with values; found \"hello\""});

MISTAKES(
    values,
    Mistake{"duration_without_unit", "timeouts: { request: @@10 }\n",
            "timeouts.request: \"10\" has no unit", "", "write 10s"},
    Mistake{"duration_with_unknown_unit", "timeouts: { request: @@10sec }\n",
            "timeouts.request: unknown unit \"sec\"", "10s", "units are ns, us, ms, s, m and h"},
    Mistake{"duration_with_capitals", "timeouts: { request: @@10S }\n",
            "timeouts.request: unknown unit \"S\"", "10s"},
    Mistake{"duration_with_a_blank", "timeouts: { request: @@10 ms }\n",
            "timeouts.request: a blank between number and unit in \"10 ms\"", "10ms"},
    Mistake{"duration_that_is_a_word", "timeouts: { request: @@soon }\n",
            "timeouts.request: expected a number with its unit, for example 10s; found \"soon\""},
    Mistake{"duration_below_zero", "timeouts: { request: @@-1s }\n",
            "timeouts.request: expected a number with its unit, for example 10s; found \"-1s\""},
    Mistake{"duration_too_long", "timeouts: { request: @@48h }\n",
            "timeouts.request: 48h is out of range: 0s to 24h"},
    Mistake{"duration_of_nothing", "timeouts: { connect: @@0s }\n",
            "timeouts.connect: 0s is out of range: 1ms to 24h"},
    Mistake{"duration_that_overflows", "timeouts: { idle: @@99999999999999h }\n",
            "timeouts.idle: \"99999999999999h\" is too large or too fine"},
    Mistake{"duration_with_half_a_point", "timeouts: { idle: @@1.s }\n",
            "timeouts.idle: a digit must follow the point in \"1.s\""},
    Mistake{"negative_ttl_above_five_seconds", "dns: { negative_ttl: @@6s }\n",
            "dns.negative_ttl: 6s is out of range: 0s to 5s"},
    Mistake{"share_above_one", "retries: { budget: @@20 }\n",
            "retries.budget: \"20\" is more than 1", "", "20% or 0.2"},
    Mistake{"share_above_all", "retries: { budget: @@120% }\n",
            "retries.budget: \"120%\" is more than 100%"},
    Mistake{"share_that_is_a_word", "tracing: { sample: @@all }\n",
            "tracing.sample: expected a share, for example 20% or 0.2; found \"all\""},
    Mistake{"trace_format_twice", "tracing: { propagate: @@[b3, w3c, b3] }\n",
            "tracing: propagate has a format twice", "", "write each once"},
    Mistake{"headers_of_a_collector_in_plaintext",
            "tracing: { otlp: { url: 'http://c:4318', headers_file: @@h } }\n",
            "tracing.otlp: what is in it would be readable on the way", "",
            "write https://, or leave it out: a collector beside you needs no key"},
    Mistake{"roots_of_a_collector_in_plaintext",
            "tracing: { otlp: { url: 'http://c:4318', ca: @@c.pem } }\n",
            "tracing.otlp: http:// has no certificate to lead anywhere", "", "write https://"},
    Mistake{"size_without_unit", "limits: { head: @@65536 }\n",
            "limits.head: \"65536\" has no unit", "", "units are B, KiB, MiB and GiB"},
    Mistake{"size_in_decimal_units", "limits: { head: @@64KB }\n",
            "limits.head: unknown unit \"KB\"", "64KiB"},
    Mistake{"size_too_large", "limits: { head: @@1MiB }\n",
            "limits.head: 1MiB is out of range: 4KiB to 64KiB"},
    Mistake{"number_that_is_a_word", "workers: @@many\n",
            "workers: expected a number of workers, for example 2; found \"many\""},
    Mistake{"number_in_quotes", "workers: @@\"2\"\n",
            "workers: expected a number of workers, for example 2; found \"2\"", "",
            "without quotes"},
    Mistake{"number_with_a_fraction", "workers: @@1.5\n",
            "workers: expected a number of workers, for example 2; found \"1.5\""},
    Mistake{"number_with_a_leading_zero", "workers: @@08\n",
            "workers: expected a number of workers, for example 2; found \"08\""},
    Mistake{"number_below_its_range", "workers: @@0\n", "workers: 0 is out of range: 1 to 64"},
    Mistake{"number_above_its_range", "retries: { max: @@11 }\n",
            "retries.max: 11 is out of range: 0 to 10"},
    Mistake{"number_beyond_all_numbers", "workers: @@99999999999999999999\n",
            "workers: 99999999999999999999 is out of range: 1 to 64"},
    Mistake{"factor_below_one", "retries: { backoff: { factor: @@0.5 } }\n",
            "retries.backoff.factor: 0.5 is out of range: 1 to 10"},
    Mistake{"grpc_status_that_is_none", "retries: { grpc_statuses: [unavailable, @@ok] }\n",
            "retries.grpc_statuses[1]: expected one of cancelled, unknown, invalid_argument, "
            "deadline_exceeded, not_found, already_exists, permission_denied, resource_exhausted, "
            "failed_precondition, aborted, out_of_range, unimplemented, internal, unavailable, "
            "data_loss, unauthenticated; found \"ok\""},
    Mistake{"status_that_is_a_success", "retries: { statuses: [503, @@200] }\n",
            "retries.statuses[1]: 200 is out of range: 400 to 599"},
    Mistake{"boolean_of_old", "tracing: { begin: @@yes }\n",
            "tracing.begin: expected true or false, for example true; found \"yes\"", "true"},
    Mistake{"boolean_in_quotes", "tracing: { begin: @@'false' }\n",
            "tracing.begin: expected true or false, for example true; found \"false\"", "false",
            "without quotes"},
    Mistake{"choice_misspelled", "egress: @@alow\n",
            "egress: expected one of allow, deny; found \"alow\"", "allow"},
    Mistake{
        "choice_of_a_later_version",
        "services:\n  a: { ports: { 80: @@http2 }, endpoints: { addresses: ['1.2.3.4:5'] }, tls: { "
        "mode: none } }\n",
        "services.a.ports.80: \"http2\" is not in this version of epaulet", "",
        "write one of auto, http, tcp"},
    Mistake{"requirement_of_nothing_known",
            "access:\n  - { name: a, allow: [anyone], require: @@tokens }\n",
            "access[0].require: expected one of token, key; found \"tokens\"", "token"},
    Mistake{"invalid_token_status", "invalid_token: @@400\n",
            "invalid_token: expected one of 401, 403; found \"400\""},
    Mistake{
        "tunnel_port",
        "backends:\n  a:\n    endpoints: { addresses: ['1.2.3.4:5'], tunnel: @@15006 }\n    tls: { "
        "mode: none }\n",
        "backends.a.endpoints.tunnel: expected one of 0, 15008; found \"15006\""},
    Mistake{"port_zero", "workload: { probes: [ { path: /, port: @@0 } ] }\n",
            "workload.probes[0].port: 0 is out of range: 1 to 65535"},
    Mistake{"port_too_high_as_a_key", "workload:\n  ports:\n    @@65536: { tls: permissive }\n",
            "workload.ports: 65536 is out of range: 1 to 65535"},
    Mistake{"port_that_is_a_name",
            "services:\n  a:\n    ports: { @@http: auto }\n    endpoints: { "
            "addresses: ['1.2.3.4:5'] }\n    tls: { mode: none }\n",
            "services.a.ports: expected a port, for example 8080; found \"http\""},
    Mistake{"listen_port_too_high", "listen: { admin: @@70000 }\n",
            "listen.admin: 70000 is out of range: 0 to 65535"},
    Mistake{"empty_text", "workload: { service: @@'' }\n",
            "workload.service: expected a host name; found an empty text"},
    Mistake{"text_of_several_lines", "state:\n  dir: @@|\n    /a\n    /b\n",
            "state.dir: a control character or line break in \"/a\\n/b\\n\""},
    Mistake{"name_with_capitals", "workload: { service: @@Api.default }\n",
            "workload.service: \"Api.default\" has upper-case letters", "api.default"},
    Mistake{"name_with_a_dot_at_the_end", "dns: { cluster_domain: @@cluster.local. }\n",
            "dns.cluster_domain: \"cluster.local.\" ends with a dot"},
    Mistake{
        "name_with_an_empty_label",
        "services:\n  @@a..b: { ports: { 80: http }, endpoints: { addresses: ['1.2.3.4:5'] }, tls: "
        "{ mode: none } }\n",
        "services: an empty label in the name \"a..b\""},
    Mistake{"name_that_is_an_address", "workload: { service: @@10.0.0.1 }\n",
            "workload.service: \"10.0.0.1\" is an address, not a name"},
    Mistake{
        "address_without_port",
        "backends:\n  a:\n    endpoints: { addresses: [@@10.0.0.1] }\n    tls: { mode: none }\n",
        "backends.a.endpoints.addresses[0]: \"10.0.0.1\" has no port", "", "write 10.0.0.1:8080"},
    Mistake{
        "address_of_ipv6_without_port",
        "backends:\n  a:\n    endpoints: { addresses: [@@'fd00::1'] }\n    tls: { mode: none }\n",
        "backends.a.endpoints.addresses[0]: \"fd00::1\" has no port", "", "write [fd00::1]:8080"},
    Mistake{
        "address_that_is_a_name",
        "backends:\n  a:\n    endpoints: { addresses: [@@'a.example:80'] }\n    tls: { mode: none "
        "}\n",
        "backends.a.endpoints.addresses[0]: expected an IP address with its port, for example "
        "10.0.0.7:8080; found \"a.example:80\"",
        "", "use the key dns"},
    Mistake{"upstream_that_is_a_name", "dns: { upstream: [@@ns1] }\n",
            "dns.upstream[0]: expected an IP address, for example 10.88.0.1; found \"ns1\""},
    Mistake{"network_of_the_other_family", "dns: { virtual_v4: @@'fd00::/32' }\n",
            "dns.virtual_v4: expected an IPv4 network, for example 240.0.0.0/4; found "
            "\"fd00::/32\""},
    Mistake{"network_too_small", "dns: { virtual_v4: @@240.0.0.0/30 }\n",
            "dns.virtual_v4: a prefix of 30 bits is out of range: /4 to /24"},
    Mistake{"network_with_host_bits", "dns: { virtual_v4: @@240.0.0.1/8 }\n",
            "dns.virtual_v4: \"240.0.0.1/8\" has bits set beyond its prefix"},
    Mistake{"trust_domain_with_scheme", "identity: { trust_domain: @@spiffe://cluster.local }\n",
            "identity.trust_domain: \"spiffe://cluster.local\" is not a trust domain",
            "cluster.local"});

MISTAKES(
    patterns,
    Mistake{"path_without_slash", "access:\n  - { name: a, paths: [@@admin/x], allow: [anyone] }\n",
            "access[0].paths[0]: the path \"admin/x\" does not begin with /", "/admin/x"},
    Mistake{"path_with_two_stars_in_the_middle",
            "access:\n  - { name: a, paths: [/x, @@/a/**/b], allow: [anyone] }\n",
            "access[0].paths[1]: ** in the middle of \"/a/**/b\"", "", "only be the last"},
    Mistake{"path_with_a_star_inside",
            "access:\n  - { name: a, paths: [@@/a*], allow: [anyone] }\n",
            "access[0].paths[0]: a * inside a segment of \"/a*\"", "", "one whole segment"},
    Mistake{"path_with_a_query", "access:\n  - { name: a, paths: [@@'/a?b=c'], allow: [anyone] }\n",
            "access[0].paths[0]: a \"?\" in the path \"/a?b=c\"", "", "without its query"},
    Mistake{"path_with_an_empty_segment",
            "access:\n  - { name: a, paths: [@@/a//b], allow: [anyone] }\n",
            "access[0].paths[0]: an empty segment in \"/a//b\""},
    Mistake{"path_with_dots", "access:\n  - { name: a, paths: [@@/a/../b], allow: [anyone] }\n",
            "access[0].paths[0]: a dot segment in \"/a/../b\" never matches", "", "normal form"},
    Mistake{"path_with_an_encoded_slash",
            "access:\n  - { name: a, paths: [@@/a%2Fb], allow: [anyone] }\n",
            "access[0].paths[0]: an encoded slash, backslash, semicolon or control character in "
            "\"/a%2Fb\" never matches"},
    Mistake{"path_with_half_an_encoding",
            "access:\n  - { name: a, paths: [@@/a%2], allow: [anyone] }\n",
            "access[0].paths[0]: an incomplete percent-encoding in \"/a%2\""},
    Mistake{"method_in_lower_case",
            "access:\n  - { name: a, methods: [GET, @@post], allow: [anyone] }\n",
            "access[0].methods[1]: the method \"post\" has lower-case letters", "POST"},
    Mistake{"method_with_a_blank",
            "access:\n  - { name: a, methods: [@@'GET POST'], allow: [anyone] }\n",
            "access[0].methods[0]: \"GET POST\" is not a method"},
    Mistake{"host_with_a_port", "access:\n  - { name: a, hosts: [@@'a.b:80'], allow: [anyone] }\n",
            "access[0].hosts[0]: a port in the host \"a.b:80\"", "", "without their port"},
    Mistake{"host_with_a_star_in_the_middle",
            "access:\n  - { name: a, hosts: [@@a.*.b], allow: [anyone] }\n",
            "access[0].hosts[0]: a * in the middle of \"a.*.b\""},
    Mistake{"header_with_a_colon",
            "access:\n  - { name: a, headers: [ { name: @@':path' } ], allow: [anyone] }\n",
            "access[0].headers[0].name: the pseudo-header \":path\"", "", "their own keys"},
    Mistake{"rule_name_with_a_blank", "access:\n  - { name: @@a b, allow: [anyone] }\n",
            "access[0].name: \"a b\" is not a name", "", "1 to 63 letters"},
    Mistake{"service_without_roots", "identity: { service: @@'https://i', token_file: t }\n",
            "identity: nobody knows which roots the identity service must lead to", "",
            "add ca: FILE"},
    Mistake{"service_without_a_proof", "identity: { service: @@'https://i', ca: c }\n",
            "identity: nothing proves to the identity service who this workload is", "",
            "add token_file: FILE"},
    Mistake{"token_without_a_service", "identity: { dir: /x, token_file: @@t }\n",
            "identity: there is no identity.service that would need it"},
    Mistake{"service_without_tls", "identity: { service: @@'http://i', ca: c, token_file: t }\n",
            "identity.service: \"http://i\" is not the URL of an HTTPS server"},
    Mistake{"service_with_a_path",
            "identity: { service: @@'https://i/v1', ca: c, token_file: t }\n",
            "identity.service: \"https://i/v1\" is not the URL of an HTTPS server", "",
            "no user, path and query"},
    Mistake{"service_on_no_port",
            "identity: { service: @@'https://i:70000', ca: c, token_file: t }\n",
            "identity.service: \"https://i:70000\" is not the URL of an HTTPS server", "",
            "from 1 to 65535"},
    Mistake{"identity_without_scheme", "roles:\n  a: [ { identity: @@cluster.local/ns/x } ]\n",
            "roles.a[0].identity: \"cluster.local/ns/x\" does not begin with spiffe://"},
    Mistake{"identity_without_path", "roles:\n  a: [ { identity: @@'spiffe://cluster.local' } ]\n",
            "roles.a[0].identity: \"spiffe://cluster.local\" names no workload", "", "/**"},
    Mistake{"identity_with_any_domain", "roles:\n  a: [ { identity: @@'spiffe://*/x' } ]\n",
            "roles.a[0].identity: a * in the trust domain of \"spiffe://*/x\""},
    Mistake{"identity_with_a_star_first",
            "roles:\n  a: [ { identity: @@'spiffe://cluster.local/ns/*x' } ]\n",
            "roles.a[0].identity: \"spiffe://cluster.local/ns/*x\" is not a SPIFFE ID or pattern"},
    Mistake{"identity_of_another_domain",
            "identity: { trust_domain: a.example }\nroles:\n  a: [ { identity: "
            "@@'spiffe://b.example/x' } ]\n",
            "roles.a[0].identity: nobody of the trust domain \"b.example\" is ever verified", "",
            "spiffe://a.example/..."});

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
    Mistake{"backoff_that_begins_beyond_its_end", "retries: { backoff: { initial: @@20s } }\n",
            "retries.backoff: initial (20s) is longer than max (10s)"});

MISTAKES(yaml,
         Mistake{"anchor", "timeouts: { request: @@&t 10s }\n", "anchors (&) are not supported", "",
                 "write the value out"},
         Mistake{"anchor_of_an_object", "log: @@&l { level: info }\n",
                 "anchors (&) are not supported"},
         Mistake{"tag", "workers: @@!!int 2\n", "tags (!) are not supported", "", "remove the tag"},
         Mistake{"own_tag_of_an_object", "log: @@!log { level: info }\n",
                 "tags (!) are not supported"},
         Mistake{"bare_tag", "egress: @@! deny\n", "tags (!) are not supported"},
         Mistake{"second_document", "egress: deny\n@@---\negress: allow\n",
                 "a second document begins here", "", "one document"},
         Mistake{"merge_of_an_own_object", "log:\n  @@<<: { level: info }\n",
                 "log: merge keys (<<) are not supported", "", "write the keys out"},
         Mistake{"star_without_quotes",
                 "access:\n  - { name: a, hosts: [@@*.example], allow: [anyone] }\n",
                 "not YAML: a text that begins with * is an alias in YAML", "", "in quotes"},
         Mistake{"unclosed_brace", "log: { level: info\n@@",
                 "not YAML: a { is never closed, or a comma is missing", "", "braces"},
         Mistake{"unclosed_bracket", "access: [\n@@",
                 "not YAML: a [ is never closed, or a comma is missing"},
         Mistake{"unclosed_double_quote", "state: { dir: @@\"/x }\negress: deny\n",
                 "not YAML: a quote is never closed", "", "close it"},
         Mistake{"unclosed_single_quote", "state:\n  dir: @@'it''s\n",
                 "not YAML: a quote is never closed"},
         Mistake{"closing_brace_too_many", "log: {}@@}\n",
                 "not YAML: a bracket or brace that closes nothing"},
         Mistake{"colon_in_a_text", "state:\n  dir: a@@: b\n",
                 "not YAML: a colon and blank that begin no value here", "", "quotes"},
         Mistake{"tab_in_the_indentation", "log:\n\tlevel@@: info\n", "a tab in the indentation",
                 "", "blanks"},
         Mistake{"reserved_character", "state: { dir: @@@x }\n",
                 "not YAML: a character that needs quotes here", "", "quotes"},
         Mistake{"question_mark_in_a_flow_list",
                 "access:\n  - { name: a, paths: [/a@@?b], allow: [anyone] }\n",
                 "not YAML: a character that needs quotes here", "", "quotes"},
         Mistake{"dash_after_a_colon", "access: @@- a\n", "not YAML: a - that may not stand here"},
         Mistake{"unknown_escape", "state: { dir: \"/\\q@@\" }\n",
                 "not YAML: an unknown escape in a text in double quotes", "", "single quotes"},
         Mistake{"syntax_error_hides_the_rest", "wrong: 1\nlog: { level: loud }\nstate: {\n@@",
                 "not YAML: a { is never closed, or a comma is missing"},
         Mistake{"control_character", "egress: deny\n# a@@\x04 b\n",
                 "a control character, which YAML does not allow", "", "remove it"},
         Mistake{"carriage_return_alone", "egress: deny@@\rworkers: 1\n",
                 "the line ends with a carriage return alone", "", "newline"},
         Mistake{"text_in_another_encoding", "# caf@@\xe9\negress: deny\n", "the text is not UTF-8",
                 "", "UTF-8"});

std::string text_with_roles(std::size_t count) {
  std::string text = "roles:\n";
  // Against the order of names, so that the order of the file is what counts.
  for (std::size_t i = count; i > 0; --i) text += "  r" + std::to_string(1000 + i) + ": []\n";
  return text;
}

TEST(TooManyServicesInTheDirectory, are_reported_at_the_first_that_has_no_room) {
  std::string text =
      "identity: { dir: /x }\ndirectory: { url: 'https://d:1', identities: "
      "['spiffe://cluster.local/x'] }\nbackends:\n";
  const auto with = [&text](std::size_t count, std::size_t names) {
    auto all = text;
    for (std::size_t i = 0; i < count; ++i)
      all += "  b" + std::to_string(10000 + i) + ": { endpoints: { directory: s" +
             std::to_string(i % names) + ".ns, port: 80 } }\n";
    return load_settings("f.yaml", all, "");
  };
  EXPECT_TRUE(with(4096, 4096).ok());
  EXPECT_TRUE(with(4200, 4096).ok()) << "one service by several names is one";
  const auto refused = with(4098, 4098);
  ASSERT_EQ(refused.diagnostics.size(), 1u) << refused.format();
  EXPECT_TRUE(refused.format().starts_with("f.yaml:4100:")) << refused.format();
  EXPECT_NE(refused.format().find("more than 4096 services"), std::string::npos);
  EXPECT_FALSE(refused.diagnostics[0].remedy.empty());
}

TEST(TooManyRoles, are_reported_at_the_first_that_has_no_room) {
  const std::size_t most = limits::kRolesMax - 2;  // `anyone` and `authenticated` are the others.
  EXPECT_TRUE(load_settings("f.yaml", text_with_roles(most), "").ok());
  const auto result = load_settings("f.yaml", text_with_roles(most + 2), "");
  EXPECT_FALSE(result.ok());
  ASSERT_EQ(result.diagnostics.size(), 1u) << result.format();
  EXPECT_TRUE(result.format().starts_with(
      "f.yaml:256:3: roles.r1002: more than 254 roles; this is one of 256\n"))
      << result.format();
  EXPECT_NE(result.diagnostics.front().remedy, "");
}

}  // namespace
}  // namespace epaulet
