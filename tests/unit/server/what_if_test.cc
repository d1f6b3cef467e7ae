#include "server/what_if.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/loader.h"

namespace epaulet::server {
namespace {

const std::string kExamples = EPAULET_SOURCE_DIR "/config/examples/";

Settings load(const std::string& text) {
  auto loaded = load_settings("f.yaml", text, "/");
  EXPECT_TRUE(loaded.ok()) << loaded.format();
  return loaded.ok() ? std::move(*loaded.settings) : Settings();
}

TEST(WhatIfTest, the_cases_among_the_examples_hold) {
  const auto full = load_settings_file(kExamples + "full.yaml");
  ASSERT_TRUE(full.ok()) << full.format();
  std::ifstream file(kExamples + "policy_cases.yaml");
  std::stringstream text;
  text << file.rdbuf();
  const auto cases = load_policy_cases("policy_cases.yaml", text.str());
  ASSERT_TRUE(cases.diagnostics.empty()) << format(cases.diagnostics);
  ASSERT_GE(cases.cases.size(), 10u);
  const WhatIf what_if(*full.settings);
  for (const auto& one : cases.cases) {
    const auto answer = what_if.ask(one.who, one.what);
    EXPECT_EQ(answer.problem, "") << one.name;
    EXPECT_EQ(answer.allowed, one.expect.allow) << one.name << ": " << answer.why;
    if (one.expect.status) {
      EXPECT_EQ(answer.status, *one.expect.status) << one.name;
    }
    if (!one.expect.rule.empty()) {
      EXPECT_EQ(answer.rule.empty() ? "none" : answer.rule, one.expect.rule) << one.name;
    }
  }
}

const char* kOpaque = R"(
workload: { ports: { 80: { tls: permissive }, 81: { tls: permissive, protocol: tcp } } }
identity: { dir: /i }
roles: { lan: [ { network: 10.0.0.0/8 } ] }
access:
  - { name: web, ports: [80], paths: [/a], allow: [anyone] }
  - { name: lan, ports: [81], allow: [lan], mode: enforce }
)";

TEST(WhatIfTest, connections_are_judged_as_connections) {
  const auto settings = load(kOpaque);
  const WhatIf what_if(settings);
  AssumedRequest tcp;
  tcp.tcp = true;
  tcp.port = 81;
  AssumedCaller near;
  near.address = "10.1.1.1";
  EXPECT_TRUE(what_if.ask(near, tcp).allowed);
  EXPECT_EQ(what_if.ask(near, tcp).rule, "lan");
  EXPECT_FALSE(what_if.ask({}, tcp).allowed);
  tcp.port = 80;
  EXPECT_EQ(what_if.ask(near, tcp).code, ErrorCode::protocol_unexpected);
  tcp.port = 82;
  EXPECT_EQ(what_if.ask(near, tcp).code, ErrorCode::port_not_declared);
}

TEST(WhatIfTest, paths_are_judged_as_they_are_written) {
  const auto settings = load(kOpaque);
  const WhatIf what_if(settings);
  AssumedRequest request;
  request.port = 80;
  request.path = "/a?query";
  EXPECT_TRUE(what_if.ask({}, request).allowed);
  request.path = "/b/../a";
  EXPECT_EQ(what_if.ask({}, request).code, ErrorCode::path_ambiguous);
  EXPECT_EQ(what_if.ask({}, request).status, 400);
}

const char* kIngress = R"(
workload: { ports: { 80: { tls: permissive } } }
identity: { dir: /i }
ingress:
  trusted: [spiffe://cluster.local/ns/a/sa/gateway]
  client_address: x-forwarded-for
  identity_headers: [x-hasura-role]
access:
  - { name: role, paths: [/admin], headers: [ { name: x-hasura-role, exact: admin } ], allow: [anyone] }
  - { name: open, paths: [/open], allow: [anyone] }
)";

TEST(WhatIfTest, claims_of_strangers_open_no_door) {
  const auto settings = load(kIngress);
  const WhatIf what_if(settings);
  AssumedRequest admin;
  admin.path = "/admin";
  admin.headers = {{"X-Hasura-Role", "admin"}};
  AssumedCaller caller;
  EXPECT_FALSE(what_if.ask(caller, admin).allowed);
  caller.identity = "spiffe://cluster.local/ns/a/sa/other";
  EXPECT_FALSE(what_if.ask(caller, admin).allowed);
  caller.identity = "spiffe://cluster.local/ns/a/sa/gateway";
  caller.address = "192.0.2.1";
  EXPECT_TRUE(what_if.ask(caller, admin).allowed);
}

TEST(WhatIfTest, an_ingress_that_names_no_client_is_refused) {
  const auto settings = load(kIngress);
  const WhatIf what_if(settings);
  AssumedRequest open;
  open.path = "/open";
  AssumedCaller caller;
  EXPECT_TRUE(what_if.ask(caller, open).allowed);
  caller.identity = "spiffe://cluster.local/ns/a/sa/gateway";
  EXPECT_EQ(what_if.ask(caller, open).status, 403);
  caller.address = "192.0.2.1";
  EXPECT_TRUE(what_if.ask(caller, open).allowed);
}

TEST(WhatIfTest, questions_that_make_no_sense_are_no_answers) {
  const auto settings = load(kOpaque);
  const WhatIf what_if(settings);
  AssumedRequest request;
  EXPECT_NE(what_if.ask({}, request).problem, "") << "which port?";
  request.port = 81;
  EXPECT_NE(what_if.ask({}, request).problem, "") << "requests on tcp";
  request.port = 80;
  request.method = "G T";
  EXPECT_NE(what_if.ask({}, request).problem, "");
  request.method = "GET";
  AssumedCaller who;
  who.identity = "web";
  EXPECT_NE(what_if.ask(who, request).problem, "");
  who = {};
  who.key_owner = "nobody";
  EXPECT_NE(what_if.ask(who, request).problem, "");
  who = {};
  who.token = AssumedToken{};
  who.token->issuer = "nobody";
  EXPECT_NE(what_if.ask(who, request).problem, "");
  who = {};
  who.address = "10.0.0.300";
  EXPECT_NE(what_if.ask(who, request).problem, "");
}

}  // namespace
}  // namespace epaulet::server
