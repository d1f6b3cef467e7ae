#include "certs-tool/command_line.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "crypto/identity.h"
#include "tests/unit/certs/command_fixture.h"

namespace epaulet::certs {
namespace {

using CommandLineTest = CommandTest;

TEST_F(CommandLineTest, two_commands_make_an_identity_that_a_sidecar_takes) {
  const auto made = init();
  ASSERT_EQ(made.status, kDone) << made.errors;
  EXPECT_EQ(mode_of("ca/ca.key"), 0600u);
  EXPECT_EQ(mode_of("ca/ca.pem"), 0644u);
  const auto issued = issue();
  ASSERT_EQ(issued.status, kDone) << issued.errors;
  EXPECT_EQ(mode_of("api/key.pem"), 0600u);
  const auto identity = load();
  ASSERT_TRUE(identity.has_value()) << all_of(identity.error());
  EXPECT_EQ((*identity)->id().text(), kApi);
  EXPECT_EQ((*identity)->not_after(), kNow + 24h);
  EXPECT_EQ(read("api/ca.pem"), read("ca/ca.pem"));
}

TEST_F(CommandLineTest, every_combination_of_kinds_of_keys_works) {
  for (const char* root : {"p256", "ed25519"}) {
    for (const char* leaf : {"p256", "ed25519"}) {
      ASSERT_EQ(init({"--key", root, "--force"}).status, kDone);
      ASSERT_EQ(issue({"--key", leaf, "--force"}).status, kDone);
      EXPECT_TRUE(load().has_value()) << root << " " << leaf;
    }
  }
  EXPECT_EQ(init({"--key", "rsa", "--force"}).status, kUsage);
}

TEST_F(CommandLineTest, no_output_ever_holds_a_key) {
  std::string all;
  const auto note = [&](const Outcome& outcome) { all += outcome.out + outcome.errors; };
  for (const bool json : {false, true}) {
    const std::vector<std::string> flags =
        json ? std::vector<std::string>{"--json", "--force"} : std::vector<std::string>{"--force"};
    note(init(flags));
    note(issue(flags));
    for (const char* name : {"ca", "api", "ca/ca.key", "api/key.pem"}) {
      note(json ? call({"inspect", path(name), "--json"}) : call({"inspect", path(name)}));
    }
  }
  EXPECT_EQ(all.find("PRIVATE KEY"), std::string::npos);
  for (const char* name : {"ca/ca.key", "api/key.pem"}) {
    const auto pem = read(name);
    ASSERT_GT(pem.size(), 100u);
    EXPECT_EQ(all.find(pem.substr(40, 32)), std::string::npos);
  }
}

TEST_F(CommandLineTest, nothing_is_overwritten_without_force) {
  ASSERT_EQ(init().status, kDone);
  const auto root = read("ca/ca.pem");
  const auto again = init();
  EXPECT_EQ(again.status, kRefused);
  EXPECT_NE(again.errors.find("exists already"), std::string::npos);
  EXPECT_NE(again.errors.find("--force"), std::string::npos);
  EXPECT_EQ(read("ca/ca.pem"), root);
  ASSERT_EQ(init({"--force"}).status, kDone);
  EXPECT_NE(read("ca/ca.pem"), root);

  ASSERT_EQ(issue().status, kDone);
  const auto leaf = read("api/cert.pem");
  EXPECT_EQ(issue().status, kRefused);
  EXPECT_EQ(read("api/cert.pem"), leaf);
  ASSERT_EQ(issue({"--force"}).status, kDone);
  EXPECT_NE(read("api/cert.pem"), leaf);
  EXPECT_TRUE(load().has_value());
}

TEST_F(CommandLineTest, a_lifetime_is_kept_and_bounded_by_the_root) {
  ASSERT_EQ(init({"--valid", "30d"}).status, kDone);
  ASSERT_EQ(issue({"--valid", "45m"}).status, kDone);
  EXPECT_EQ((*load())->not_after(), kNow + 45min);
  const auto too_long = issue({"--valid", "31d", "--force"});
  EXPECT_EQ(too_long.status, kRefused);
  EXPECT_NE(too_long.errors.find("outlive its CA"), std::string::npos) << too_long.errors;
  const auto nonsense = issue({"--valid", "soon", "--force"});
  EXPECT_EQ(nonsense.status, kUsage);
  EXPECT_NE(nonsense.errors.find("`soon` is no lifetime"), std::string::npos) << nonsense.errors;
}

TEST_F(CommandLineTest, every_refusal_names_the_file_and_the_remedy) {
  const auto expect = [](const Outcome& outcome, const std::vector<std::string>& parts) {
    EXPECT_EQ(outcome.status, kRefused);
    EXPECT_NE(outcome.errors.find("remedy: "), std::string::npos) << outcome.errors;
    for (const auto& part : parts)
      EXPECT_NE(outcome.errors.find(part), std::string::npos) << outcome.errors;
  };
  expect(issue(), {path("ca/ca.pem") + " does not exist", "epaulet-certs init --dir"});
  expect(call({"init", "--dir", path("ca"), "--trust-domain", "Cluster.Local"}),
         {"`Cluster.Local` is no trust domain"});
  ASSERT_EQ(init().status, kDone);
  expect(call({"issue", "--ca", path("ca"), "--identity", "api", "--out", path("api")}),
         {"`api` is no SPIFFE ID"});
  expect(call({"issue", "--ca", path("ca"), "--identity", "spiffe://other/ns/a/sa/b", "--out",
               path("api")}),
         {"outside the trust domain", "cluster.local"});
  expect(call({"issue", "--ca", path("ca"), "--identity", kApi, "--out", path("ca"), "--force"}),
         {path("ca") + " is the CA's own folder"});
  EXPECT_FALSE(fs::exists(path("ca/cert.pem")));
  std::ofstream(path("file")) << "x";
  expect(call({"issue", "--ca", path("ca"), "--identity", kApi, "--out", path("file/api")}),
         {path("file/api")});
  fs::remove(path("ca/ca.key"));
  expect(issue(), {path("ca/ca.key") + " does not exist"});
  expect(call({"inspect", path("nowhere")}), {path("nowhere") + " does not exist"});
  fs::create_directory(path("empty"));
  expect(call({"inspect", path("empty")}), {"holds neither cert.pem nor ca.key"});
}

TEST_F(CommandLineTest, inspect_tells_what_a_good_set_is) {
  ASSERT_EQ(init().status, kDone);
  ASSERT_EQ(issue().status, kDone);
  const auto set = call({"inspect", path("api")});
  EXPECT_EQ(set.status, kDone) << set.out;
  for (const char* part :
       {kApi, "ECDSA P-256", "(1 d left)", "a sidecar of cluster.local takes it", "mode 0600"}) {
    EXPECT_NE(set.out.find(part), std::string::npos) << part << "\n" << set.out;
  }
  const auto ca = call({"inspect", path("ca")});
  EXPECT_EQ(ca.status, kDone) << ca.out;
  EXPECT_NE(ca.out.find("The CA can issue for cluster.local."), std::string::npos) << ca.out;
  EXPECT_EQ(call({"inspect", path("api/cert.pem")}).status, kDone);
}

TEST_F(CommandLineTest, inspect_finds_what_is_wrong_and_fails) {
  ASSERT_EQ(init().status, kDone);
  ASSERT_EQ(issue().status, kDone);
  const auto expired = call({"inspect", path("api")}, kNow + 25h);
  EXPECT_EQ(expired.status, kRefused);
  EXPECT_NE(expired.out.find("EXPIRED 1 h ago"), std::string::npos) << expired.out;
  EXPECT_NE(expired.out.find("PROBLEM: "), std::string::npos);
  EXPECT_EQ(expired.out.find("takes it"), std::string::npos);
  EXPECT_EQ(call({"inspect", path("api/cert.pem")}, kNow + 25h).status, kRefused);

  std::ofstream(path("api/key.pem")) << PrivateKey::generate(KeyType::p256).to_pem();
  const auto mixed = call({"inspect", path("api")});
  EXPECT_EQ(mixed.status, kRefused);
  EXPECT_NE(mixed.out.find("key.pem is not the key of"), std::string::npos) << mixed.out;

  fs::remove(path("api/ca.pem"));
  EXPECT_NE(call({"inspect", path("api")}).out.find("ca.pem does not exist"), std::string::npos);
  std::ofstream(path("text")) << "hello";
  EXPECT_NE(call({"inspect", path("text")}).out.find("holds no certificate"), std::string::npos);
}

TEST_F(CommandLineTest, json_says_the_same_for_programs) {
  const auto object = [](const Outcome& outcome) {
    return boost::json::parse(outcome.out).as_object();
  };
  EXPECT_EQ(object(init({"--json"})).at("trust_domain").as_string(), "cluster.local");
  const auto issued = object(issue({"--json"}));
  EXPECT_EQ(issued.at("identity").as_string(), kApi);
  EXPECT_EQ(issued.at("certificate").at("not_after").as_string(), "2026-01-02T00:00:00Z");
  EXPECT_EQ(issued.at("files").at("key").as_string(), path("api/key.pem"));
  const auto refused = issue({"--json"});
  EXPECT_EQ(refused.status, kRefused);
  EXPECT_FALSE(object(refused).at("ok").as_bool());
  EXPECT_NE(object(refused).at("error").at("remedy").as_string().find("--force"),
            std::string::npos);
  const auto inspected = object(call({"inspect", path("api"), "--json"}));
  EXPECT_TRUE(inspected.at("ok").as_bool());
  EXPECT_EQ(inspected.at("files").as_array().size(), 3u);
  EXPECT_EQ(inspected.at("files").at(0).at("certificates").at(0).at("seconds_left").as_int64(),
            86400);
  EXPECT_EQ(inspected.at("files").at(1).at("key").at("mode").as_string(), "0600");
}

TEST_F(CommandLineTest, usage_is_told_and_is_not_a_refusal) {
  EXPECT_EQ(call({}).status, kUsage);
  EXPECT_EQ(call({"forge"}).status, kUsage);
  EXPECT_EQ(call({"issue"}).status, kUsage);
  const auto help = call({"--help"});
  EXPECT_EQ(help.status, kDone);
  EXPECT_NE(help.out.find("A mesh in two commands"), std::string::npos);
}

}  // namespace
}  // namespace epaulet::certs
