#include "config/loader.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/limits.h"
#include "config/shaping_settings.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

Settings load(std::string_view text) {
  auto result = load_settings("f.yaml", text, "/etc/epaulet");
  EXPECT_TRUE(result.ok()) << result.format();
  EXPECT_TRUE(result.diagnostics.empty());
  return result.ok() ? std::move(*result.settings) : Settings{};
}

TEST(Loader, an_empty_object_means_every_default) {
  const auto settings = load("{}\n");

  EXPECT_FALSE(settings.workers.has_value());
  EXPECT_EQ(settings.listen.outbound, 15001);
  EXPECT_EQ(settings.egress, EgressMode::allow);
  EXPECT_EQ(settings.access.invalid_token_status, 401);
  ASSERT_TRUE(settings.dns.virtual_v6.has_value());
  EXPECT_EQ(settings.dns.virtual_v6->to_string(), "fd00:e9a0::/32");
  EXPECT_EQ(settings.identity.origin.line, 0u) << "a default has no place";
}

TEST(Loader, an_empty_file_is_refused_because_it_may_be_half_written) {
  for (const auto* text : {"", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "~\n"}) {
    const auto result = load_settings("f.yaml", text, "");
    ASSERT_EQ(result.diagnostics.size(), 1u) << text;
    EXPECT_EQ(result.format(),
              "f.yaml: the configuration is empty\n  remedy: write {} if every default is meant\n");
  }
}

TEST(Loader, the_example_of_the_design_reads_as_written) {
  const auto settings = load(R"(
workload: { service: api.default, ports: { 8080: { tls: strict } }, probes: [ { path: /healthz, port: 8080 } ] }
identity: { trust_domain: cluster.local, dir: /var/run/epaulet/identity }
issuers:
  portal: { issuer: https://portal.example, audiences: [api], keys: { file: portal.jwks.json } }
roles:
  admin:
    - identity: spiffe://cluster.local/ns/default/sa/*
    - token: { issuer: portal, claim: role, value: admin }
access:
  - { name: internal, paths: [/**], allow: [admin] }
services:
  api2.default:
    ports: { 80: http }
    endpoints: { dns: api2.default.svc.cluster.local, port: 8080 }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
    timeouts: { request: 10s, attempt: 3s, connect: 1s }
    retries:  { max: 3, backoff: { initial: 1s, jitter: full }, budget: 20% }
    routes:
      - { name: write, methods: [POST, PUT], timeouts: { request: 10s, attempt: 10s }, to: [ { backend: api2.default, weight: 100 } ] }
)");

  EXPECT_EQ(settings.workload.service, "api.default");
  ASSERT_EQ(settings.workload.ports.count(8080), 1u);
  EXPECT_EQ(settings.workload.ports.at(8080).port, 8080);
  EXPECT_EQ(settings.workload.ports.at(8080).tls, PortTls::strict);
  ASSERT_EQ(settings.workload.probes.size(), 1u);
  EXPECT_EQ(settings.workload.probes[0].path, "/healthz");

  const auto& portal = settings.issuers.at("portal");
  EXPECT_EQ(portal.name, "portal");
  EXPECT_EQ(portal.keys_file, "/etc/epaulet/portal.jwks.json");
  EXPECT_EQ(portal.audiences, std::vector<std::string>{"api"});
  EXPECT_EQ(portal.leeway, 60s);

  const auto& admin = settings.roles.at("admin");
  ASSERT_EQ(admin.grants.size(), 2u);
  EXPECT_EQ(admin.grants[0].identity, "spiffe://cluster.local/ns/default/sa/*");
  EXPECT_FALSE(admin.grants[0].token.has_value());
  ASSERT_TRUE(admin.grants[1].token.has_value());
  EXPECT_EQ(admin.grants[1].token->claim, "role");

  ASSERT_EQ(settings.access.rules.size(), 1u);
  EXPECT_EQ(settings.access.rules[0].allow, std::vector<std::string>{"admin"});

  const auto& service = settings.services.at("api2.default");
  EXPECT_EQ(service.name, "api2.default");
  EXPECT_EQ(service.ports.at(80), PortProtocol::http);
  EXPECT_EQ(service.default_backend, "api2.default");
  EXPECT_EQ(service.timeouts.attempt, 3s);
  EXPECT_FALSE(service.timeouts.idle.has_value()) << "inherited";
  EXPECT_EQ(service.retries.max, 3u);
  EXPECT_EQ(service.retries.backoff->initial, 1s);
  EXPECT_DOUBLE_EQ(*service.retries.budget, 0.2);
  ASSERT_EQ(service.routes.size(), 1u);
  EXPECT_EQ(service.routes[0].methods, (std::vector<std::string>{"POST", "PUT"}));
  ASSERT_EQ(service.routes[0].to.size(), 1u);
  EXPECT_EQ(service.routes[0].to[0].backend, "api2.default");

  const auto& backend = settings.backends.at("api2.default");
  EXPECT_EQ(backend.name, "api2.default");
  EXPECT_EQ(backend.endpoints.dns, "api2.default.svc.cluster.local");
  EXPECT_EQ(backend.endpoints.port, 8080);
  EXPECT_EQ(backend.tls.mode, UpstreamTls::mesh);
}

TEST(Loader, every_object_knows_its_place) {
  const auto settings = load(
      "identity: { dir: /x }\n"
      "roles:\n"
      "  admin:\n"
      "    - identity: spiffe://cluster.local/x\n"
      "access:\n"
      "  - name: a\n"
      "    allow: [admin]\n"
      "  - { name: b, allow: [anyone] }\n"
      "services:\n"
      "  a.b:\n"
      "    ports: { 80: http }\n"
      "    endpoints: { addresses: ['10.0.0.1:80'] }\n"
      "    tls: { identities: [spiffe://cluster.local/x] }\n"
      "    routes:\n"
      "      - name: r\n");

  EXPECT_EQ(settings.origin.to_string(), "f.yaml:1:1");
  EXPECT_EQ(settings.roles.at("admin").origin.to_string(), "f.yaml:3:3");
  EXPECT_EQ(settings.roles.at("admin").grants[0].origin.to_string(), "f.yaml:4:7");
  EXPECT_EQ(settings.access.origin.to_string(), "f.yaml:5:1");
  EXPECT_EQ(settings.access.rules[0].origin.to_string(), "f.yaml:6:5");
  EXPECT_EQ(settings.access.rules[0].origin.object, "access[0]");
  EXPECT_EQ(settings.access.rules[1].origin.to_string(), "f.yaml:8:5");
  EXPECT_EQ(settings.services.at("a.b").origin.to_string(), "f.yaml:10:3");
  EXPECT_EQ(settings.services.at("a.b").origin.object, "services.a.b");
  EXPECT_EQ(settings.services.at("a.b").routes[0].origin.to_string(), "f.yaml:15:9");
  const auto& backend = settings.backends.at("a.b");
  EXPECT_EQ(backend.origin.to_string(), "f.yaml:10:3");
  EXPECT_EQ(backend.endpoints.origin.to_string(), "f.yaml:12:5");
  EXPECT_EQ(backend.tls.origin.to_string(), "f.yaml:13:5");
}

TEST(Loader, columns_count_characters_and_the_mark_stands_under_the_mistake) {
  const auto result = load_settings("f.yaml",
                                    "state: { dir: \"/caf\xc3\xa9\" }\n"
                                    "log: { \"caf\xc3\xa9\": 1 }\n",
                                    "");
  EXPECT_EQ(result.format(),
            "f.yaml:2:8: log: unknown key \"caf\xc3\xa9\"\n"
            "     2 | log: { \"caf\xc3\xa9\": 1 }\n"
            "       |        ^\n"
            "  remedy: keys here: level, access\n");
  const auto later = load_settings("f.yaml",
                                   "log: { level: info } # \xc3\xa9\n"
                                   "drain: { grace: 1s, \xc3\xa9\xc3\xa9: 1, \xc3\xa8: 2 }\n",
                                   "");
  ASSERT_EQ(later.diagnostics.size(), 2u);
  EXPECT_EQ(later.diagnostics[0].origin.column, 21u);
  EXPECT_EQ(later.diagnostics[1].origin.column, 28u);
}

TEST(Loader, a_byte_order_mark_and_windows_line_ends_change_nothing) {
  const auto settings = load(
      "\xef\xbb\xbf"
      "egress: deny\r\nworkers: 2\r\naccess: []\r\n");
  EXPECT_EQ(settings.egress, EgressMode::deny);
  EXPECT_EQ(settings.access.origin.to_string(), "f.yaml:3:1");
}

TEST(Loader, json_is_read_like_yaml) {
  const auto settings = load(
      R"({"workload": {"ports": {"8080": {"tls": "permissive"}}}, "tracing": {"sample": 0.5}, "egress": "deny"})");
  EXPECT_EQ(settings.workload.ports.at(8080).tls, PortTls::permissive);
  EXPECT_DOUBLE_EQ(settings.tracing.sample, 0.5);
  EXPECT_EQ(settings.egress, EgressMode::deny);
}

TEST(Loader, all_mistakes_are_listed_together_in_the_order_of_the_file) {
  const auto result = load_settings("f.yaml",
                                    "access:\n"
                                    "  - { name: a, allow: [nobody] }\n"  // semantic
                                    "egres: deny\n"                       // schema
                                    "workers: 0\n"
                                    "listen: { admin: 15001 }\n",
                                    "");
  ASSERT_EQ(result.diagnostics.size(), 4u) << result.format();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(result.diagnostics[i].origin.line, i + 2);
}

TEST(Loader, a_mistake_is_not_reported_again_by_what_depends_on_it) {
  // The name is misspelled but known; identity is wrong, so nobody asks for a certificate.
  const auto result = load_settings("f.yaml",
                                    "identity: { dir: '' }\n"
                                    "services:\n"
                                    "  A: { ports: { 80: http }, default_backend: B }\n"
                                    "backends:\n"
                                    "  B: { endpoints: { addresses: ['1.2.3.4:5'] }, tls: { "
                                    "identities: [spiffe://cluster.local/x] } }\n",
                                    "");
  EXPECT_EQ(result.diagnostics.size(), 4u) << result.format();
  EXPECT_EQ(result.format().find("identity.dir:"), result.format().rfind("identity.dir"));
}

TEST(Loader, no_more_than_a_hundred_mistakes_are_shown_and_the_rest_is_counted) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "wrong" + std::to_string(i) + ": 1\n";
  const auto result = load_settings("f.yaml", text, "");
  ASSERT_EQ(result.diagnostics.size(), limits::kConfigErrorsMax + 1);
  EXPECT_EQ(result.diagnostics.back().message, "50 more errors are not shown");
}

TEST(Loader, a_mistake_in_a_line_of_megabytes_shows_its_surroundings_only) {
  std::string text = "{\"access\": [";
  for (int i = 0; i < 5000; ++i)
    text += "{\"name\": \"r" + std::to_string(i) + "\", \"allow\": [\"anyone\"]}, ";
  text += "{\"name\": \"x\", \"alow\": [\"anyone\"]}]}";
  const auto result = load_settings("f.json", text, "");
  ASSERT_FALSE(result.ok());
  ASSERT_EQ(result.diagnostics.size(), 1u) << "the misspelled key is not missing, too";
  EXPECT_EQ(result.diagnostics[0].did_you_mean, "allow");
  EXPECT_LT(result.diagnostics[0].format().size(), 500u);
  EXPECT_NE(result.diagnostics[0].format().find("\"alow\""), std::string::npos);
}

TEST(Loader, deep_nesting_is_refused_without_deep_recursion) {
  const std::string opening(100'000, '[');
  EXPECT_FALSE(load_settings("f.yaml", opening, "").ok());
  EXPECT_FALSE(load_settings("f.yaml", "access: " + opening + std::string(100'000, ']'), "").ok());
  std::string maps;
  for (int i = 0; i < 2000; ++i) maps += "{a: ";
  EXPECT_FALSE(load_settings("f.yaml", maps, "").ok());
}

TEST(Loader, relative_paths_begin_in_the_folder_of_the_file) {
  const auto text =
      "identity: { dir: identity }\nstate: { dir: ../state }\n"
      "issuers: { p: { issuer: i, audiences: [a], keys: { file: ./keys/p.json } } }\n";
  const auto settings = load(text);
  EXPECT_EQ(settings.identity.dir, "/etc/epaulet/identity");
  EXPECT_EQ(settings.state_dir, "/etc/state");
  EXPECT_EQ(settings.issuers.at("p").keys_file, "/etc/epaulet/keys/p.json");
  const auto as_written = load_settings("f.yaml", text, "");
  ASSERT_TRUE(as_written.ok());
  EXPECT_EQ(as_written.settings->identity.dir, "identity");
}

TEST(Loader, services_may_share_a_backend_and_name_a_default) {
  const auto settings = load(
      "services:\n"
      "  a: { ports: { 80: http, 5432: tcp }, default_backend: shared }\n"
      "  b:\n"
      "    ports: { 80: auto }\n"
      "    routes: [ { name: x, paths: [/x], to: [ { backend: shared, weight: 1 }, { backend: c, "
      "weight: 0 } ] } ]\n"
      "  c: { ports: { 80: http }, endpoints: { addresses: ['[::1]:80'] }, tls: { mode: none }, "
      "limits: { pending: 0 } }\n"
      "backends:\n"
      "  shared: { endpoints: { addresses: ['10.0.0.1:80', '10.0.0.2:81'] }, tls: { mode: none } "
      "}\n");
  EXPECT_EQ(settings.services.at("a").default_backend, "shared");
  EXPECT_EQ(settings.services.at("b").default_backend, "");
  EXPECT_EQ(settings.services.at("c").default_backend, "c");
  EXPECT_EQ(settings.backends.at("shared").endpoints.addresses.size(), 2u);
  EXPECT_EQ(settings.backends.at("c").limits.pending, 0u);
}

TEST(Loader, texts_that_yaml_1_1_would_turn_into_something_else_stay_texts) {
  const auto settings = load(
      "issuers: { no: { issuer: 123, audiences: [yes, 1.0], keys: { file: null.json } } }\n"
      "roles: { on: [ { token: { issuer: no, claim: admin, value: true } } ] }\n");
  EXPECT_EQ(settings.issuers.at("no").audiences, (std::vector<std::string>{"yes", "1.0"}));
  EXPECT_EQ(settings.roles.at("on").grants[0].token->value, "true");
}

TEST(Loader, header_names_are_lower_case_for_whoever_compares_them) {
  const auto settings = load(
      "access: [ { name: a, headers: [ { name: X-Version, exact: V2 }, { name: y } ], allow: "
      "[anyone] } ]\n");
  const auto& headers = settings.access.rules[0].headers;
  EXPECT_EQ(headers[0].name, "x-version");
  EXPECT_EQ(headers[0].exact, "V2");
  EXPECT_FALSE(headers[1].exact.has_value());
}

TEST(Loader, what_a_route_adds_to_heads_is_bounded_as_a_whole) {
  for (const std::size_t more : {0U, 1U}) {
    std::string text =
        "services:\n  a:\n    ports: { 80: http }\n    tls: { mode: none }\n"
        "    endpoints: { addresses: [\"1.2.3.4:5\"] }\n"
        "    routes:\n      - name: long\n";
    for (const char* key : {"request_header_modifier", "response_header_modifier"}) {
      text += std::string("        ") + key + ":\n";
      for (const char* way : {"set", "add"}) {
        const std::string name = std::string("x-") + way;  // With ": " and CRLF: 9 bytes.
        text += std::string("          ") + way + ": { " + name + ": " +
                std::string(4096 - 9 + (way[0] == 'a' ? more : 0), 'v') + " }\n";
      }
    }
    const auto result = load_settings("f.yaml", text, "");
    EXPECT_EQ(result.ok(), more == 0) << result.format();
    if (more == 0) continue;
    ASSERT_EQ(result.diagnostics.size(), 1u) << result.format();
    EXPECT_NE(result.format().find("are 16386 bytes, more than 16384 together"), std::string::npos)
        << result.format();
  }
}

TEST(Loader, listen_ports_may_be_given_by_the_kernel) {
  const auto settings = load("listen: { admin: 0, metrics: 0, outbound: 0 }\n");
  EXPECT_EQ(settings.listen.admin, 0);
  EXPECT_EQ(settings.listen.inbound, 15006);
}

TEST(Loader, a_request_timeout_of_zero_means_none_and_allows_any_attempt) {
  const auto settings = load("timeouts: { request: 0, attempt: 1h }\n");
  EXPECT_EQ(settings.timeouts.request, 0s);
  EXPECT_EQ(settings.timeouts.attempt, 1h);
}

class LoaderFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "epaulet-config-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(LoaderFile, is_read_with_its_own_folder_for_relative_paths) {
  const auto path = (folder_ / "epaulet.yaml").string();
  std::ofstream(path) << "identity: { dir: identity }\n";
  const auto result = load_settings_file(path);
  ASSERT_TRUE(result.ok()) << result.format();
  EXPECT_EQ(result.settings->identity.dir, (folder_ / "identity").string());
  EXPECT_EQ(result.settings->origin.source, path);
}

TEST_F(LoaderFile, that_is_missing_is_one_diagnostic_without_a_line) {
  const auto path = (folder_ / "nowhere.yaml").string();
  const auto result = load_settings_file(path);
  ASSERT_EQ(result.diagnostics.size(), 1u);
  EXPECT_EQ(result.format(), path +
                                 ": cannot be read: No such file or directory\n"
                                 "  remedy: give the path of a YAML file\n");
}

TEST_F(LoaderFile, that_is_a_folder_is_refused) {
  const auto result = load_settings_file(folder_.string());
  ASSERT_EQ(result.diagnostics.size(), 1u);
  EXPECT_EQ(result.diagnostics[0].message, "cannot be read: Is a directory");
}

TEST_F(LoaderFile, beyond_the_size_limit_is_refused_without_being_parsed) {
  const auto path = (folder_ / "large.yaml").string();
  { std::ofstream(path) << "{}"; }
  std::filesystem::resize_file(path, limits::kConfigBytesMax + 1);  // Sparse.
  const auto result = load_settings_file(path);
  ASSERT_EQ(result.diagnostics.size(), 1u);
  EXPECT_EQ(result.diagnostics[0].message, "larger than 64 MiB");
}

}  // namespace
}  // namespace epaulet
