#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"
#include "config/loader.h"
#include "unit/config/mistake.h"

namespace epaulet {
namespace {

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
        "keys here: request, attempt, first_byte, connect, idle, stream_idle"},
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
         Mistake{"comma_that_nothing_opens", "@@, x\napiVersion: v1\n",
                 "not YAML: a comma or a bracket that nothing opens", "", "remove it"},
         Mistake{"comma_behind_an_object",
                 "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n---\n@@, x\n",
                 "not YAML: a comma or a bracket that nothing opens", "", "remove it"},
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

TEST(Documents, without_end_are_not_read_to_it) {
  for (const std::string_view stray : {",", "]", "}"}) {
    const auto result = load_settings("f.yaml", std::string(stray) + "x:apiVersion: y- \n\n", "");
    ASSERT_EQ(result.diagnostics.size(), 1u) << stray;
    EXPECT_TRUE(result.diagnostics[0].message.starts_with("not YAML: ")) << stray;
    EXPECT_EQ(result.diagnostics[0].origin.column, 1u) << stray;
  }
}

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
