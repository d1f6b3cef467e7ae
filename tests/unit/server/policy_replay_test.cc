#include "server/policy_replay.h"

#include <gtest/gtest.h>

#include "config/loader.h"

namespace epaulet::server {
namespace {

using Change = PolicyReplay::Change;

Settings load(const std::string& access) {
  auto loaded = load_settings("f.yaml", R"(
workload: { ports: { 80: { tls: permissive }, 81: { tls: permissive, protocol: tcp } } }
identity: { dir: /i }
issuers: { p: { issuer: i, audiences: [a], keys: { file: f } } }
roles:
  web: [ { identity: spiffe://cluster.local/ns/a/sa/web } ]
  lan: [ { network: 10.0.0.0/8 } ]
  bearer: [ { token: { issuer: p, claim: c, value: v } } ]
access:
)" + access,
                              "/");
  EXPECT_TRUE(loaded.ok()) << loaded.format();
  return loaded.ok() ? std::move(*loaded.settings) : Settings();
}

std::string line(std::string_view outcome, std::string_view peer = "", std::string_view more = "",
                 std::string_view method = "GET") {
  return R"({"kind":"exchange","id":"1","direction":"inbound","method":")" + std::string(method) +
         R"(","outcome":")" + std::string(outcome) + R"(","rule":{"name":"r","source":"f:1:1"})" +
         (peer.empty() ? ""
                       : R"(,"peer":"spiffe://cluster.local/ns/a/sa/)" + std::string(peer) + '"') +
         R"(,"downstream":"10.1.1.1:999")" + std::string(more) + "}";
}

Change change_of(const std::string& access, const std::string& text) {
  const auto settings = load(access);
  PolicyReplay replay(settings);
  replay.add(text);
  EXPECT_EQ(replay.skipped(), 0u) << text;
  for (const auto change :
       {Change::newly_denied, Change::newly_allowed, Change::unknown, Change::none}) {
    if (replay.count(change) == 1) return change;
  }
  return Change::none;
}

TEST(PolicyReplayTest, the_client_of_an_ingress_is_not_in_the_log) {
  const std::string ingress =
      "ingress: { trusted: [spiffe://cluster.local/ns/a/sa/web], client_address: forwarded }\n";
  const std::string lan = "  - { name: a, allow: [lan] }\n";
  EXPECT_EQ(change_of(lan + ingress, line("forbidden", "web")), Change::unknown);
  EXPECT_EQ(change_of(lan + ingress, line("ok", "web")), Change::unknown);
  EXPECT_EQ(change_of(lan + ingress, line("forbidden", "other")), Change::newly_allowed);
  EXPECT_EQ(change_of(lan, line("forbidden", "web")), Change::newly_allowed);
  EXPECT_EQ(change_of("  - { name: d, deny: [lan] }\n  - { name: a, allow: [anyone] }\n" + ingress,
                      line("ok", "web")),
            Change::unknown);
}

TEST(PolicyReplayTest, identities_methods_and_addresses_are_known) {
  const std::string web = "  - { name: a, allow: [web] }\n";
  EXPECT_EQ(change_of(web, line("ok", "web")), Change::none);
  EXPECT_EQ(change_of(web, line("forbidden", "web")), Change::newly_allowed);
  EXPECT_EQ(change_of(web, line("ok", "other")), Change::newly_denied);
  EXPECT_EQ(change_of(web, line("forbidden", "other")), Change::none);
  const std::string reads = "  - { name: a, methods: [GET], allow: [web] }\n";
  EXPECT_EQ(change_of(reads, line("ok", "web", "", "GET")), Change::none);
  EXPECT_EQ(change_of(reads, line("ok", "web", "", "POST")), Change::newly_denied);
  EXPECT_EQ(change_of("  - { name: a, allow: [lan] }\n", line("unauthenticated")),
            Change::newly_allowed);
  EXPECT_EQ(change_of("  - { name: d, deny: [lan] }\n  - { name: a, allow: [anyone] }\n",
                      line("ok", "web")),
            Change::newly_denied);
}

TEST(PolicyReplayTest, what_the_log_does_not_keep_is_unknown_unless_all_of_it_agrees) {
  EXPECT_EQ(change_of("  - { name: a, paths: [/a], allow: [web] }\n", line("ok", "web")),
            Change::unknown);
  EXPECT_EQ(change_of("  - { name: a, paths: [/a], allow: [web] }\n", line("ok", "other")),
            Change::newly_denied)
      << "on either path";
  EXPECT_EQ(change_of("  - { name: a, paths: [/a], allow: [web] }\n  - { name: b, allow: [web] }\n",
                      line("ok", "web")),
            Change::none);
  EXPECT_EQ(change_of("  - { name: a, allow: [bearer] }\n", line("ok", "web")), Change::unknown);
  EXPECT_EQ(change_of("  - { name: a, allow: [web], require: token }\n", line("ok", "web")),
            Change::unknown);
  EXPECT_EQ(change_of("  - { name: a, allow: [web], require: token }\n", line("ok", "other")),
            Change::newly_denied);
  EXPECT_EQ(
      change_of("  - { name: d, paths: [/a], deny: [web] }\n  - { name: a, allow: [anyone] }\n",
                line("ok", "web")),
      Change::unknown);
  EXPECT_EQ(change_of("  - { name: a, ports: [80], allow: [web] }\n", line("ok", "web")),
            Change::unknown)
      << "there are two ports";
  EXPECT_EQ(change_of("  - { name: a, ports: [80], allow: [web] }\n",
                      line("ok", "web", R"(,"endpoint":"10.88.0.2:80")")),
            Change::none);
}

TEST(PolicyReplayTest, audit_denies_nothing) {
  EXPECT_EQ(change_of("  - { name: a, allow: [web], mode: audit }\n", line("ok", "other")),
            Change::none);
  EXPECT_EQ(change_of("  - { name: a, allow: [web] }\naccess_mode: audit\n", line("ok", "other")),
            Change::none);
}

TEST(PolicyReplayTest, connections_are_known_fully) {
  const std::string tunnel =
      R"({"kind":"connection","direction":"inbound","outcome":"ok","rule":{"name":"r"},)"
      R"("downstream":"10.1.1.1:9","destination":"10.88.0.2:81"})";
  EXPECT_EQ(change_of("  - { name: a, ports: [81], allow: [lan] }\n", tunnel), Change::none);
  EXPECT_EQ(change_of("  - { name: a, ports: [81], allow: [web] }\n", tunnel),
            Change::newly_denied);
}

TEST(PolicyReplayTest, what_a_port_refuses_is_refused_whatever_the_rules_say) {
  const auto strict =
      load_settings("f.yaml",
                    "workload: { ports: { 80: { tls: strict } } }\nidentity: { dir: "
                    "/i }\naccess: [ { name: a, allow: [anyone] } ]\n",
                    "/");
  ASSERT_TRUE(strict.ok()) << strict.format();
  PolicyReplay replay(*strict.settings);
  const std::string at_80 = R"(,"endpoint":"10.88.0.2:80")";
  replay.add(line("ok", "", at_80));
  replay.add(line("ok", "", R"(,"endpoint":"10.88.0.2:9999")"));
  replay.add(line("ok", "web", R"(,"endpoint":"10.88.0.2:9999")"));
  EXPECT_EQ(replay.count(Change::newly_denied), 3u);
  replay.add(line("ok", "web", at_80));
  replay.add(line("forbidden", "", at_80));
  EXPECT_EQ(replay.count(Change::newly_allowed), 0u);
  EXPECT_EQ(replay.count(Change::none), 2u);
}

TEST(PolicyReplayTest, what_a_port_refused_may_be_let_in_by_another_configuration) {
  const std::string all = "  - { name: a, allow: [anyone] }\n";
  for (const std::string_view outcome :
       {"plaintext_on_strict_port", "port_not_declared", "path_ambiguous"}) {
    EXPECT_EQ(change_of(all, line(outcome, "", R"(,"endpoint":"10.88.0.2:80")")), Change::unknown)
        << outcome;
    EXPECT_EQ(change_of(all, line(outcome, "", R"(,"endpoint":"10.88.0.2:9")")), Change::none)
        << outcome;
  }
}

TEST(PolicyReplayTest, a_bad_credential_is_still_a_bad_one_as_far_as_anybody_knows) {
  const std::string all = "  - { name: a, allow: [anyone] }\n";
  EXPECT_EQ(change_of(all, line("token_invalid")), Change::unknown);
  EXPECT_EQ(change_of(all, line("key_invalid")), Change::newly_allowed) << "nobody has keys";
  EXPECT_EQ(change_of("  - { name: a, allow: [web] }\n", line("token_invalid")), Change::none);
}

TEST(PolicyReplayTest, lines_about_something_else_are_skipped) {
  const auto settings = load("  - { name: a, allow: [web] }\n");
  PolicyReplay replay(settings);
  for (const std::string_view text :
       {"", "{", "[]", R"({"event":"started"})", R"({"kind":"exchange","direction":"outbound"})",
        R"({"kind":"exchange","direction":"inbound","outcome":"head_malformed"})"}) {
    replay.add(text);
  }
  EXPECT_EQ(replay.skipped(), 6u);
  EXPECT_TRUE(replay.groups().empty());
}

}  // namespace
}  // namespace epaulet::server
