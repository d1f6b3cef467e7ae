#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "policy/authenticate.h"
#include "policy/authorize.h"
#include "policy/header_hygiene.h"
#include "policy/path_hygiene.h"
#include "tests/support/test_request.h"
#include "tests/support/test_token.h"

namespace {

std::size_t g_allocations = 0;

}  // namespace

// Counts what this program takes from the heap through C++. Not inlined, or g++ 12 sees malloc()
// freed by operator delete and calls it a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++g_allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace epaulet {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1000s};

TEST(AllocationTest, the_second_request_of_a_caller_takes_nothing_from_the_heap) {
  std::map<std::string, RoleSettings> role_settings;
  for (const char* name : {"admin", "a_role_with_a_name_that_is_not_short_at_all"}) {
    RoleGrantSettings by_token;
    by_token.token =
        RoleGrantSettings::Token{.issuer = "portal", .claim = "role", .value = "admin"};
    RoleGrantSettings by_identity;
    by_identity.identity = "spiffe://td/ns/default/sa/*";
    role_settings[name].grants = {by_identity, by_token};
  }
  const auto roles = std::make_shared<const RoleTable>(role_settings);
  std::map<std::string, IssuerSettings> issuers;
  issuers["portal"].issuer = "https://portal.example";
  issuers["portal"].audiences = {"api2"};
  std::map<std::string, JwkSetPtr> keys;
  keys.emplace("portal",
               std::make_shared<const JwkSet>(*JwkSet::parse(test_key().jwks(), "portal")));
  const Authenticator authenticator(issuers, std::move(keys), roles);
  AccessSettings access;
  for (int i = 0; i < 20; ++i) {
    AccessRuleSettings rule;
    rule.paths = {"/other/" + std::to_string(i) + "/**", "/caf%C3%A9/*/x"};
    rule.hosts = {"*.example"};
    rule.methods = {"GET", "POST"};
    rule.headers = {{.name = "x-version", .exact = "2"}};
    rule.allow = {"admin"};
    access.rules.push_back(rule);
  }
  access.rules.push_back({.origin = {},
                          .name = "all",
                          .paths = {"/**"},
                          .methods = {},
                          .hosts = {},
                          .headers = {},
                          .ports = {},
                          .allow = {"admin"},
                          .deny = {},
                          .require = RequiredProof::token});
  const AccessPolicy policy(access, *roles);
  TokenCache cache;
  TestRequest request(
      "/caf%c3%a9/with/a/long/path?and=query", "GET", "api2.example:8080",
      {{"Authorization",
        "Bearer " + test_key().token(R"({"alg":"RS256"})",
                                     R"({"iss":"https://portal.example","aud":"api2",)"
                                     R"("exp":2000,"role":"admin","sub":"alice"})")},
       {"x-version", "2"},
       {"X-Epaulet-Roles", "forged"},
       {"x-forwarded-client-cert", "URI=forged"}});

  std::size_t used = 0;
  for (int round = 0; round < 3; ++round) {
    for (auto& field : request.head.fields) field.removed = false;
    request.head.added.clear();
    const std::size_t before = g_allocations;
    ASSERT_TRUE(settle_path(request.head, PathHygiene::reject).has_value());
    const Principals who =
        authenticator.authenticate(request.head, "spiffe://td/ns/default/sa/api", cache, kNow);
    (void)remove_claims(request.head, true);
    const Verdict verdict = policy.authorize(request.head, 8080, who);
    add_proofs(request.head, who, *roles);
    used = g_allocations - before;
    ASSERT_TRUE(verdict.allowed());
    ASSERT_NE(request.head.added.lines().find("a_role_with_a_name"), std::string_view::npos);
    if (round == 0) {
      EXPECT_GT(used, 0u) << "the counter counts";
    }
  }
  EXPECT_EQ(used, 0u);
}

}  // namespace
}  // namespace epaulet
