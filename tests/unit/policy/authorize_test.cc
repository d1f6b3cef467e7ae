#include "policy/authorize.h"

#include <gtest/gtest.h>

#include <random>

#include "policy/header_hygiene.h"
#include "tests/support/test_request.h"

namespace epaulet {
namespace {

using Texts = std::vector<std::string>;
using Ports = std::initializer_list<std::uint16_t>;
using E = ErrorCode;

/// A rule in one line.
struct Rule {
  std::string name;
  Texts paths = {};
  Texts allow = {};
  Texts deny = {};
  Texts methods = {};
  Texts hosts = {};
  std::vector<HeaderMatchSettings> headers = {};
  std::vector<std::uint16_t> ports = {};
  RequiredProof require = RequiredProof::nothing;
  Texts permissions = {};
  Texts grpc = {};
  AccessMode mode = AccessMode::enforce;
};

class AuthorizeTest : public testing::Test {
 protected:
  AuthorizeTest()
      : table_({{"admin", {}}, {"user", {}}, {"guest", {}}}, {"read:orders", "write:orders"}) {}

  AccessPolicy policy(const std::vector<Rule>& rules, std::uint16_t invalid_status = 401,
                      AccessMode mode = AccessMode::enforce) const {
    AccessSettings settings;
    settings.mode = mode;
    settings.invalid_token_status = invalid_status;
    std::uint32_t line = 10;
    for (const Rule& rule : rules) {
      AccessRuleSettings out;
      out.origin = {.source = "api2.yaml", .object = "access", .line = ++line, .column = 5};
      out.name = rule.name;
      out.paths = rule.paths;
      out.methods = rule.methods;
      out.hosts = rule.hosts;
      out.headers = rule.headers;
      out.ports = rule.ports;
      out.allow = rule.allow;
      out.deny = rule.deny;
      out.require = rule.require;
      out.permissions = rule.permissions;
      out.grpc = rule.grpc;
      out.mode = rule.mode;
      settings.rules.push_back(out);
    }
    return AccessPolicy(settings, table_);
  }

  enum class Proof { nothing, identity, token, both };

  Principals who(Proof proof, const Texts& roles = {}) const {
    Principals out;
    if (proof == Proof::identity || proof == Proof::both)
      out.peer = "spiffe://td/ns/default/sa/api";
    if (proof == Proof::token || proof == Proof::both)
      out.token = std::make_shared<const VerifiedToken>();
    out.roles = RoleTable::of_anyone();
    if (proof != Proof::nothing) out.roles.insert(RoleTable::kAuthenticated);
    for (const auto& role : roles) out.roles.insert(*table_.index_of(role));
    return out;
  }

  const RoleTable table_;
};

TEST_F(AuthorizeTest, without_rules_everybody_is_refused) {
  const AccessPolicy none = policy({});
  const TestRequest request("/");
  const Verdict anonymous = none.authorize(request.head, 8080, who(Proof::nothing));
  EXPECT_EQ(anonymous.code, E::unauthenticated);
  EXPECT_EQ(anonymous.status, 401);
  EXPECT_EQ(anonymous.rule, nullptr);
  const Verdict known = none.authorize(request.head, 8080, who(Proof::both, {"admin"}));
  EXPECT_EQ(known.code, E::forbidden);
  EXPECT_EQ(known.status, 403);
  EXPECT_EQ(none.authorize_connection(8080, who(Proof::identity, {"admin"})).code, E::forbidden);
  EXPECT_FALSE(none.has_l7_rules(8080));
  EXPECT_FALSE(none.has_path_rules(8080));
}

TEST_F(AuthorizeTest, the_rule_of_scenario_1) {
  const AccessPolicy internal =
      policy({{.name = "internal", .paths = {"/**"}, .allow = {"admin"}}});
  const std::tuple<Proof, Texts, E, std::uint16_t> rows[] = {
      {Proof::nothing, {}, E::unauthenticated, 401},  {Proof::token, {"user"}, E::forbidden, 403},
      {Proof::token, {}, E::forbidden, 403},          {Proof::token, {"admin"}, E::none, 200},
      {Proof::identity, {}, E::forbidden, 403},       {Proof::identity, {"admin"}, E::none, 200},
      {Proof::both, {"user", "admin"}, E::none, 200},
  };
  for (const auto& [proof, roles, code, status] : rows) {
    for (const std::string_view target : {"/", "/respond", "/respond?role=admin", "/a/b/c/"}) {
      const TestRequest request(target);
      const Verdict verdict = internal.authorize(request.head, 8080, who(proof, roles));
      EXPECT_EQ(verdict.code, code) << target;
      EXPECT_EQ(verdict.allowed(), code == E::none);
      EXPECT_EQ(verdict.status, verdict.allowed() ? 200 : status);
      ASSERT_NE(verdict.rule, nullptr);
      EXPECT_EQ(verdict.rule->name, "internal");
      EXPECT_EQ(verdict.reason(), "rule \"internal\" (api2.yaml:11:5)");
      EXPECT_EQ(verdict.roles, who(proof, roles).roles);
      EXPECT_FALSE(verdict.lenient);
    }
  }
}

TEST_F(AuthorizeTest, the_first_rule_that_matches_decides_and_nothing_falls_through) {
  const AccessPolicy rules = policy({{.name = "admin", .paths = {"/admin/**"}, .allow = {"admin"}},
                                     {.name = "users", .paths = {"/users/*"}, .allow = {"user"}},
                                     {.name = "all", .paths = {"/**"}, .allow = {"anyone"}}});
  const std::tuple<std::string_view, Proof, Texts, E, std::string_view> rows[] = {
      {"/admin", Proof::identity, {"admin"}, E::none, "admin"},
      {"/admin/x", Proof::identity, {"admin"}, E::none, "admin"},
      {"/admin/x", Proof::identity, {"user"}, E::forbidden, "admin"},
      {"/admin/x", Proof::nothing, {}, E::unauthenticated, "admin"},
      {"/admins", Proof::nothing, {}, E::none, "all"},
      {"/users/7", Proof::identity, {"user"}, E::none, "users"},
      {"/users/7", Proof::identity, {"admin"}, E::forbidden, "users"},
      {"/users/7/8", Proof::nothing, {}, E::none, "all"},
      {"/", Proof::nothing, {}, E::none, "all"},
  };
  for (const auto& [target, proof, roles, code, rule] : rows) {
    const TestRequest request(target);
    const Verdict verdict = rules.authorize(request.head, 8080, who(proof, roles));
    EXPECT_EQ(verdict.code, code) << target;
    EXPECT_EQ(verdict.rule->name, rule) << target;
  }
}

TEST_F(AuthorizeTest, deny_rules_come_first_wherever_they_stand) {
  const AccessPolicy rules =
      policy({{.name = "all", .paths = {"/**"}, .allow = {"user"}},
              {.name = "no guests", .paths = {"/reports/**"}, .deny = {"guest"}}});
  const TestRequest reports("/reports/7");
  const TestRequest other("/other");
  const Verdict denied =
      rules.authorize(reports.head, 8080, who(Proof::identity, {"user", "guest"}));
  EXPECT_EQ(denied.code, E::forbidden);
  EXPECT_EQ(denied.rule->name, "no guests");
  EXPECT_TRUE(rules.authorize(reports.head, 8080, who(Proof::identity, {"user"})).allowed());
  EXPECT_TRUE(rules.authorize(other.head, 8080, who(Proof::identity, {"user", "guest"})).allowed());
}

TEST_F(AuthorizeTest, a_rule_that_only_denies_decides_nothing_for_others) {
  const AccessPolicy rules =
      policy({{.name = "no guests", .deny = {"guest"}}, {.name = "users", .allow = {"user"}}});
  const TestRequest request("/");
  EXPECT_TRUE(rules.authorize(request.head, 8080, who(Proof::identity, {"user"})).allowed());
  EXPECT_EQ(rules.authorize(request.head, 8080, who(Proof::identity)).rule->name, "users");
  const AccessPolicy alone = policy({{.name = "no guests", .deny = {"guest"}}});
  EXPECT_EQ(alone.authorize(request.head, 8080, who(Proof::identity, {"user"})).code, E::forbidden)
      << "who is not denied is not thereby allowed";
}

TEST_F(AuthorizeTest, a_rule_may_deny_some_and_allow_others) {
  const AccessPolicy rules = policy({{.name = "both", .allow = {"user"}, .deny = {"guest"}},
                                     {.name = "all", .allow = {"anyone"}}});
  const TestRequest request("/");
  EXPECT_TRUE(rules.authorize(request.head, 8080, who(Proof::identity, {"user"})).allowed());
  EXPECT_EQ(rules.authorize(request.head, 8080, who(Proof::identity, {"user", "guest"})).code,
            E::forbidden);
  EXPECT_EQ(rules.authorize(request.head, 8080, who(Proof::identity)).code, E::forbidden)
      << "nothing falls through";
}

TEST_F(AuthorizeTest, denying_everyone_closes_a_path) {
  const AccessPolicy rules = policy({{.name = "closed", .paths = {"/debug/**"}, .deny = {"anyone"}},
                                     {.name = "all", .allow = {"anyone"}}});
  const TestRequest debug("/debug/vars");
  EXPECT_EQ(rules.authorize(debug.head, 8080, who(Proof::both, {"admin"})).code, E::forbidden);
  EXPECT_EQ(rules.authorize(debug.head, 8080, who(Proof::nothing)).code, E::unauthenticated);
  EXPECT_TRUE(rules.authorize(TestRequest("/").head, 8080, who(Proof::nothing)).allowed());
}

TEST_F(AuthorizeTest, built_in_roles) {
  const AccessPolicy anyone = policy({{.name = "r", .allow = {"anyone"}}});
  const AccessPolicy authenticated = policy({{.name = "r", .allow = {"authenticated"}}});
  const TestRequest request("/");
  EXPECT_TRUE(anyone.authorize(request.head, 1, who(Proof::nothing)).allowed());
  EXPECT_TRUE(anyone.authorize(request.head, 1, who(Proof::token)).allowed());
  EXPECT_EQ(authenticated.authorize(request.head, 1, who(Proof::nothing)).code, E::unauthenticated);
  EXPECT_TRUE(authenticated.authorize(request.head, 1, who(Proof::token)).allowed());
  EXPECT_TRUE(authenticated.authorize(request.head, 1, who(Proof::identity)).allowed());
}

TEST_F(AuthorizeTest, a_rule_without_allowed_roles_allows_nobody) {
  const AccessPolicy rules =
      policy({{.name = "closed", .paths = {"/x"}}, {.name = "all", .allow = {"anyone"}}});
  EXPECT_EQ(rules.authorize(TestRequest("/x").head, 1, who(Proof::both, {"admin"})).code,
            E::forbidden);
}

TEST_F(AuthorizeTest, require_token_asks_for_one_whatever_the_identity) {
  const AccessPolicy rules = policy(
      {{.name = "pay", .paths = {"/pay"}, .allow = {"user"}, .require = RequiredProof::token},
       {.name = "all", .allow = {"anyone"}}});
  const TestRequest pay("/pay");
  const std::tuple<Proof, Texts, E, std::uint16_t> rows[] = {
      {Proof::nothing, {}, E::token_required, 401},
      {Proof::identity, {"user"}, E::token_required, 401},
      {Proof::token, {}, E::forbidden, 403},
      {Proof::token, {"user"}, E::none, 200},
      {Proof::both, {"user"}, E::none, 200},
      {Proof::both, {"admin"}, E::forbidden, 403},
  };
  for (const auto& [proof, roles, code, status] : rows) {
    const Verdict verdict = rules.authorize(pay.head, 8080, who(proof, roles));
    EXPECT_EQ(verdict.code, code);
    EXPECT_EQ(verdict.status, status);
    EXPECT_EQ(verdict.rule->name, "pay");
  }
  EXPECT_TRUE(rules.authorize(TestRequest("/free").head, 8080, who(Proof::nothing)).allowed());
}

TEST_F(AuthorizeTest, a_refused_token_refuses_the_request_whatever_the_rules_say) {
  for (const std::uint16_t status : Ports{401, 403}) {
    const AccessPolicy rules = policy({{.name = "all", .allow = {"anyone"}}}, status);
    Principals caller = who(Proof::identity, {"admin"});
    caller.token_failure = TokenFailure::expired;
    const Verdict verdict = rules.authorize(TestRequest("/").head, 8080, caller);
    EXPECT_EQ(verdict.code, E::token_invalid);
    EXPECT_EQ(verdict.status, status);
    EXPECT_EQ(verdict.rule, nullptr);
    EXPECT_EQ(verdict.token_failure, TokenFailure::expired);
    EXPECT_EQ(verdict.reason(), "the token failed the check expired");
    EXPECT_EQ(verdict.error().code, E::token_invalid);
    EXPECT_EQ(verdict.error().stage, Stage::authenticate);
    EXPECT_EQ(verdict.error().detail, static_cast<int>(TokenFailure::expired));
  }
}

TEST_F(AuthorizeTest, the_error_of_a_refusal_is_the_callers_and_final) {
  const Verdict verdict = policy({}).authorize(TestRequest("/").head, 1, who(Proof::identity));
  EXPECT_EQ(verdict.error(),
            Error(E::forbidden, Side::downstream, Stage::authorize, Retry::never, 0));
  EXPECT_EQ(verdict.reason(), "no rule of `access` matched, and what no rule allows is refused");
}

TEST_F(AuthorizeTest, rules_match_by_method_host_header_and_port) {
  const AccessPolicy rules = policy({
      {.name = "read", .allow = {"anyone"}, .methods = {"GET", "HEAD"}, .ports = {8080}},
      {.name = "host", .allow = {"user"}, .hosts = {"*.internal"}},
      {.name = "version", .allow = {"guest"}, .headers = {{.name = "x-version", .exact = "2"}}},
      {.name = "metrics", .allow = {"admin"}, .ports = {9090, 9091}},
  });
  struct Row {
    std::string_view method;
    std::string_view host;
    TestRequest::Fields fields;
    std::uint16_t port;
    std::string_view rule;
  };
  const Row rows[] = {
      {"GET", "api", {}, 8080, "read"},
      {"HEAD", "api", {}, 8080, "read"},
      {"POST", "api", {}, 8080, ""},
      {"GET", "api", {}, 8081, ""},
      {"POST", "a.internal", {}, 8080, "host"},
      {"POST", "A.INTERNAL:80", {}, 8080, "host"},
      {"POST", "internal", {}, 8080, ""},
      {"POST", "api", {{"X-Version", "2"}}, 8080, "version"},
      {"POST", "api", {{"X-Version", "3"}}, 8080, ""},
      {"POST", "api", {}, 9090, "metrics"},
      {"GET", "api", {}, 9091, "metrics"},
  };
  for (const Row& row : rows) {
    const TestRequest request("/", row.method, row.host, row.fields);
    const Verdict verdict = rules.authorize(request.head, row.port, who(Proof::identity));
    EXPECT_EQ(verdict.rule == nullptr ? "" : verdict.rule->name, row.rule)
        << row.method << row.host << row.port;
  }
}

TEST_F(AuthorizeTest, lenient_apps_open_no_door_that_a_rule_closes) {
  const AccessPolicy rules = policy({
      {.name = "closed", .paths = {"/debug"}, .deny = {"anyone"}, .methods = {"GET"}},
      {.name = "admin", .paths = {"/admin", "/ops/**"}, .allow = {"admin"}},
      {.name = "all", .paths = {"/**"}, .allow = {"anyone"}},
  });
  const std::tuple<std::string_view, std::string_view, std::string_view> refused[] = {
      {"GET", "/admin", "admin"},   {"GET", "/Admin", "admin"},   {"GET", "/ADMIN", "admin"},
      {"GET", "/admin/", "admin"},  {"GET", "/ADMIN/", "admin"},  {"GET", "/ops", "admin"},
      {"GET", "/OPS/x", "admin"},   {"GET", "/Ops/", "admin"},    {"GET", "/debug", "closed"},
      {"GET", "/Debug/", "closed"}, {"HEAD", "/debug", "closed"}, {"HEAD", "/DEBUG", "closed"},
      {"get", "/debug", "closed"},  {"Head", "/debug", "closed"},
  };
  for (const auto& [method, target, rule] : refused) {
    const TestRequest request(target, method);
    const Verdict verdict = rules.authorize(request.head, 8080, who(Proof::identity, {"user"}));
    EXPECT_EQ(verdict.code, E::forbidden) << method << " " << target;
    ASSERT_NE(verdict.rule, nullptr);
    EXPECT_EQ(verdict.rule->name, rule) << method << " " << target;
  }
  for (const std::string_view target : {"/admins", "/admin/x", "/op", "/debug/x", "/"}) {
    EXPECT_TRUE(rules.authorize(TestRequest(target).head, 8080, who(Proof::nothing)).allowed())
        << target;
  }
  const Verdict lenient = rules.authorize(TestRequest("/Admin").head, 8080, who(Proof::identity));
  EXPECT_TRUE(lenient.lenient);
  EXPECT_NE(lenient.reason().find("other case"), std::string::npos);
  EXPECT_FALSE(rules.authorize(TestRequest("/admin").head, 8080, who(Proof::identity)).lenient);
}

TEST_F(AuthorizeTest, the_lenient_reading_allows_nothing_by_itself) {
  const AccessPolicy rules =
      policy({{.name = "public", .paths = {"/public/*"}, .allow = {"anyone"}, .methods = {"GET"}}});
  EXPECT_TRUE(rules.authorize(TestRequest("/public/a").head, 8080, who(Proof::nothing)).allowed());
  for (const std::string_view target : {"/Public/a", "/public/a/", "/PUBLIC/A"}) {
    EXPECT_EQ(rules.authorize(TestRequest(target).head, 8080, who(Proof::nothing)).code,
              E::unauthenticated)
        << target;
  }
  EXPECT_EQ(rules.authorize(TestRequest("/public/a", "HEAD").head, 8080, who(Proof::nothing)).code,
            E::unauthenticated);
}

TEST_F(AuthorizeTest, targets_without_a_path_match_only_rules_for_all_paths) {
  const AccessPolicy some = policy({{.name = "some", .paths = {"/a/**"}, .allow = {"anyone"}}});
  const AccessPolicy all = policy({{.name = "all", .paths = {"/**"}, .allow = {"anyone"}}});
  const TestRequest options("*", "OPTIONS");
  const TestRequest connect("api2:443", "CONNECT", "api2:443");
  EXPECT_FALSE(some.authorize(options.head, 8080, who(Proof::nothing)).allowed());
  EXPECT_FALSE(some.authorize(connect.head, 8080, who(Proof::nothing)).allowed());
  EXPECT_TRUE(all.authorize(options.head, 8080, who(Proof::nothing)).allowed());
  EXPECT_TRUE(all.authorize(connect.head, 8080, who(Proof::nothing)).allowed());
}

TEST_F(AuthorizeTest, which_ports_have_rules_that_need_a_request) {
  const AccessPolicy rules = policy({
      {.name = "db", .allow = {"user"}, .ports = {5432}},
      {.name = "http", .paths = {"/**"}, .allow = {"user"}, .ports = {8080, 8081}},
      {.name = "method", .allow = {"user"}, .methods = {"GET"}, .ports = {8082}},
      {.name = "host", .allow = {"user"}, .hosts = {"a"}, .ports = {8083}},
      {.name = "header",
       .allow = {"user"},
       .headers = {{.name = "a", .exact = {}}},
       .ports = {8084}},
      {.name = "token", .allow = {"user"}, .ports = {8085}, .require = RequiredProof::token},
  });
  for (const std::uint16_t port : Ports{8080, 8081, 8082, 8083, 8084, 8085})
    EXPECT_TRUE(rules.has_l7_rules(port)) << port;
  for (const std::uint16_t port : Ports{5432, 80, 8086})
    EXPECT_FALSE(rules.has_l7_rules(port)) << port;
  for (const std::uint16_t port : Ports{8080, 8081})
    EXPECT_TRUE(rules.has_path_rules(port)) << port;
  for (const std::uint16_t port : Ports{5432, 8082, 8083, 8084, 8085})
    EXPECT_FALSE(rules.has_path_rules(port)) << port;
  EXPECT_TRUE(policy({{.name = "any port", .paths = {"/a"}, .allow = {"user"}}}).has_path_rules(1));
}

TEST_F(AuthorizeTest, opaque_connections_are_judged_by_rules_that_need_no_request) {
  const AccessPolicy rules = policy({
      {.name = "http", .paths = {"/**"}, .allow = {"anyone"}},
      {.name = "get", .allow = {"anyone"}, .methods = {"GET"}},
      {.name = "host", .allow = {"anyone"}, .hosts = {"*.internal"}},
      {.name = "header", .allow = {"anyone"}, .headers = {{.name = "a", .exact = {}}}},
      {.name = "db", .allow = {"user"}, .ports = {5432}},
  });
  const Verdict allowed = rules.authorize_connection(5432, who(Proof::identity, {"user"}));
  EXPECT_TRUE(allowed.allowed());
  EXPECT_EQ(allowed.rule->name, "db");
  EXPECT_EQ(rules.authorize_connection(5432, who(Proof::identity)).code, E::forbidden);
  EXPECT_EQ(rules.authorize_connection(5432, who(Proof::nothing)).code, E::unauthenticated);
  const Verdict other = rules.authorize_connection(8080, who(Proof::identity, {"user"}));
  EXPECT_EQ(other.code, E::forbidden) << "no rule with conditions lets an opaque connection in";
  EXPECT_EQ(other.rule, nullptr);
}

TEST_F(AuthorizeTest, what_cannot_be_seen_is_taken_to_match_a_denial) {
  const AccessPolicy rules =
      policy({{.name = "no guests", .paths = {"/reports"}, .deny = {"guest"}},
              {.name = "all", .allow = {"authenticated"}}});
  EXPECT_EQ(rules.authorize_connection(5432, who(Proof::identity, {"guest"})).code, E::forbidden);
  EXPECT_TRUE(rules.authorize_connection(5432, who(Proof::identity, {"user"})).allowed());
  const AccessPolicy elsewhere =
      policy({{.name = "no guests", .paths = {"/x"}, .deny = {"guest"}, .ports = {8080}},
              {.name = "all", .allow = {"authenticated"}}});
  EXPECT_TRUE(elsewhere.authorize_connection(5432, who(Proof::identity, {"guest"})).allowed());
}

TEST_F(AuthorizeTest, a_connection_cannot_carry_a_required_token) {
  const AccessPolicy rules =
      policy({{.name = "t", .allow = {"anyone"}, .require = RequiredProof::token}});
  EXPECT_EQ(rules.authorize_connection(1, who(Proof::identity, {"admin"})).code, E::token_required);
}

TEST_F(AuthorizeTest, forged_fields_change_nothing) {
  const AccessPolicy internal =
      policy({{.name = "internal", .paths = {"/**"}, .allow = {"admin"}}});
  TestRequest request("/respond", "GET", "api2",
                      {{"x-epaulet-roles", "admin"},
                       {"X_Epaulet_Peer", "spiffe://td/ns/default/sa/api"},
                       {"x-hasura-role", "admin"},
                       {"x-forwarded-client-cert", "URI=spiffe://td/x"}});
  (void)remove_claims(request.head, false);
  EXPECT_EQ(internal.authorize(request.head, 8080, who(Proof::nothing)).code, E::unauthenticated);
  EXPECT_TRUE(request.passed().empty());
}

// The oracle: the same semantics in the plainest words, on strings, without compiled sets or
// patterns.
struct Oracle {
  const std::vector<Rule>& rules;
  const Texts& roles;  ///< With the built-in ones.
  bool has_token;
  bool is_anonymous;

  static bool is_in(const Texts& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
  }
  bool holds_any(const Texts& wanted) const {
    return std::any_of(wanted.begin(), wanted.end(),
                       [&](const std::string& role) { return is_in(roles, role); });
  }
  static std::string fold(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(c));
    if (text.size() > 1 && text.ends_with('/')) text.pop_back();
    return text;
  }
  static bool path_matches(std::string pattern, std::string path, bool lenient) {
    if (pattern == "/**") return true;
    if (lenient) {
      if (!pattern.ends_with("**")) pattern = fold(pattern);
      path = fold(path);
    }
    if (pattern.ends_with("/**")) {
      auto base = pattern.substr(0, pattern.size() - 3);
      if (lenient) base = fold(base);
      return path == base || path.starts_with(base + "/");
    }
    if (pattern.ends_with("/*")) {
      const auto base = pattern.substr(0, pattern.size() - 1);
      return path.size() > base.size() && path.starts_with(base) &&
             path.find('/', base.size()) == std::string::npos;
    }
    return path == pattern;
  }
  static bool matches(const Rule& rule, const std::string& path, const std::string& method,
                      std::uint16_t port, bool lenient) {
    if (!rule.ports.empty() &&
        std::find(rule.ports.begin(), rule.ports.end(), port) == rule.ports.end())
      return false;
    if (!rule.methods.empty() && !is_in(rule.methods, method) &&
        !(lenient && method == "HEAD" && is_in(rule.methods, "GET"))) {
      return false;
    }
    return rule.paths.empty() ||
           std::any_of(rule.paths.begin(), rule.paths.end(), [&](const std::string& pattern) {
             return path_matches(pattern, path, lenient);
           });
  }
  E judge(const std::string& path, const std::string& method, std::uint16_t port,
          bool lenient) const {
    const E refused = is_anonymous ? E::unauthenticated : E::forbidden;
    for (const Rule& rule : rules) {
      if (rule.mode == AccessMode::enforce && matches(rule, path, method, port, lenient) &&
          holds_any(rule.deny))
        return refused;
    }
    for (const Rule& rule : rules) {
      if (!rule.deny.empty() && rule.allow.empty()) continue;
      if (!matches(rule, path, method, port, lenient)) continue;
      if (rule.mode == AccessMode::audit) return E::none;
      if (rule.require == RequiredProof::token && !has_token) return E::token_required;
      return holds_any(rule.allow) ? E::none : refused;
    }
    return refused;
  }
  E verdict(const std::string& path, const std::string& method, std::uint16_t port) const {
    const E exact = judge(path, method, port, false);
    return exact == E::none ? judge(path, method, port, true) : exact;
  }
};

TEST_F(AuthorizeTest, require_key_asks_for_one_whatever_the_identity) {
  const AccessPolicy rules =
      policy({{.name = "keyed", .allow = {"anyone"}, .require = RequiredProof::key}});
  const TestRequest request("/");
  for (const Proof proof : {Proof::nothing, Proof::identity, Proof::token, Proof::both}) {
    const Verdict verdict = rules.authorize(request.head, 8080, who(proof, {"admin"}));
    EXPECT_EQ(verdict.code, E::key_required);
    EXPECT_EQ(verdict.status, 401);
    EXPECT_EQ(verdict.rule->name, "keyed");
  }
  Principals owner = who(Proof::nothing);
  owner.key_owner = "user-service";
  EXPECT_TRUE(rules.authorize(request.head, 8080, owner).allowed());
  EXPECT_TRUE(rules.has_l7_rules(8080));
  EXPECT_EQ(rules.authorize_connection(8080, who(Proof::identity)).code, E::key_required);
}

TEST_F(AuthorizeTest, a_refused_key_refuses_whatever_the_rules_say) {
  const AccessPolicy rules = policy({{.name = "all", .allow = {"anyone"}}}, 403);
  const TestRequest request("/");
  Principals caller = who(Proof::both, {"admin"});
  caller.key_failure = KeyFailure::owner_wrong;
  const Verdict verdict = rules.authorize(request.head, 8080, caller);
  EXPECT_EQ(verdict.code, E::key_invalid);
  EXPECT_EQ(verdict.status, 401) << "invalid_token is about tokens";
  EXPECT_EQ(verdict.error().stage, Stage::authenticate);
  EXPECT_EQ(verdict.reason(), "the API key failed the check owner_wrong");
}

TEST_F(AuthorizeTest, permissions_are_all_needed_and_come_with_a_token) {
  const AccessPolicy rules = policy(
      {{.name = "orders", .allow = {"anyone"}, .permissions = {"read:orders", "write:orders"}}});
  const TestRequest request("/");
  const auto with = [&](Proof proof, const Texts& permissions) {
    Principals caller = who(proof, {"admin"});
    for (const auto& one : permissions) caller.roles.insert(*table_.index_of_permission(one));
    return rules.authorize(request.head, 8080, caller);
  };
  EXPECT_EQ(with(Proof::nothing, {}).code, E::token_required);
  EXPECT_EQ(with(Proof::identity, {}).code, E::token_required);
  EXPECT_EQ(with(Proof::token, {}).code, E::forbidden);
  EXPECT_EQ(with(Proof::token, {"read:orders"}).code, E::forbidden);
  EXPECT_EQ(with(Proof::token, {"read:orders", "write:orders"}).code, E::none);
  EXPECT_EQ(table_.index_of("read:orders"), std::nullopt) << "no role";
}

TEST_F(AuthorizeTest, a_grpc_method_is_a_path_whatever_the_content_type) {
  const AccessPolicy rules =
      policy({{.name = "blocked", .deny = {"anyone"}, .grpc = {"user.UserService/UpdateUser"}},
              {.name = "users", .allow = {"anyone"}, .grpc = {"user.UserService/*"}}});
  const std::pair<std::string_view, E> rows[] = {
      {"/user.UserService/GetUser", E::none},
      {"/user.UserService/UpdateUser", E::unauthenticated},
      {"/user.UserService/updateuser", E::unauthenticated},
      {"/user.UserService/UpdateUser/", E::unauthenticated},
      {"/user.OrderService/GetUser", E::unauthenticated},
      {"/", E::unauthenticated},
  };
  for (const auto& [path, code] : rows) {
    const TestRequest request(path, "POST");
    EXPECT_EQ(rules.authorize(request.head, 8080, who(Proof::nothing)).code, code) << path;
  }
  EXPECT_TRUE(rules.has_path_rules(8080));
}

TEST_F(AuthorizeTest, an_audited_rule_lets_through_and_tells) {
  const AccessPolicy rules =
      policy({{.name = "new", .paths = {"/a"}, .allow = {"admin"}, .mode = AccessMode::audit},
              {.name = "old", .allow = {"user"}}});
  const TestRequest here("/a");
  const Verdict passed = rules.authorize(here.head, 8080, who(Proof::nothing));
  EXPECT_TRUE(passed.allowed());
  EXPECT_EQ(passed.audited, E::unauthenticated);
  ASSERT_NE(passed.audited_rule, nullptr);
  EXPECT_EQ(passed.audited_rule->name, "new");
  EXPECT_EQ(rules.authorize(here.head, 8080, who(Proof::token, {"admin"})).audited, E::none);
  const TestRequest there("/b");
  EXPECT_EQ(rules.authorize(there.head, 8080, who(Proof::nothing)).code, E::unauthenticated);
}

TEST_F(AuthorizeTest, an_audited_denial_is_passed_over_and_others_still_decide) {
  const AccessPolicy rules =
      policy({{.name = "guests", .deny = {"guest"}, .mode = AccessMode::audit},
              {.name = "users", .allow = {"user"}}});
  const TestRequest request("/");
  const Verdict passed = rules.authorize(request.head, 8080, who(Proof::token, {"guest", "user"}));
  EXPECT_TRUE(passed.allowed());
  EXPECT_EQ(passed.rule->name, "users");
  EXPECT_EQ(passed.audited, E::forbidden);
  EXPECT_EQ(passed.audited_rule->name, "guests");
  const Verdict refused = rules.authorize(request.head, 8080, who(Proof::token, {"guest"}));
  EXPECT_EQ(refused.code, E::forbidden);
  EXPECT_EQ(refused.rule->name, "users");
  EXPECT_EQ(rules.authorize_connection(1, who(Proof::identity, {"guest", "user"})).audited,
            E::forbidden);
}

TEST_F(AuthorizeTest, an_ingress_that_names_no_client_is_refused_before_any_rule) {
  const AccessPolicy rules = policy({{.name = "all", .allow = {"anyone"}}});
  const TestRequest request("/");
  Principals caller = who(Proof::identity, {"admin"});
  EXPECT_TRUE(rules.authorize(request.head, 1, caller).allowed());
  caller.client_unknown = true;
  const Verdict verdict = rules.authorize(request.head, 1, caller);
  EXPECT_EQ(verdict.code, E::forbidden);
  EXPECT_EQ(verdict.status, 403);
  EXPECT_EQ(verdict.rule, nullptr);
  EXPECT_EQ(verdict.reason(), kClientUnknownReason);
  caller.token_failure = TokenFailure::expired;
  EXPECT_EQ(rules.authorize(request.head, 1, caller).code, E::token_invalid);
}

TEST_F(AuthorizeTest, audit_of_everything_refuses_nothing) {
  const AccessPolicy rules =
      policy({{.name = "admins", .allow = {"admin"}}}, 401, AccessMode::audit);
  const TestRequest request("/");
  Principals bad = who(Proof::nothing);
  bad.token_failure = TokenFailure::expired;
  EXPECT_TRUE(rules.authorize(request.head, 1, bad).allowed());
  EXPECT_EQ(rules.authorize(request.head, 1, bad).audited, E::token_invalid);
  EXPECT_EQ(rules.authorize(request.head, 1, who(Proof::nothing)).audited, E::unauthenticated);
  EXPECT_EQ(rules.authorize_connection(1, who(Proof::nothing)).audited, E::unauthenticated);
  EXPECT_EQ(rules.authorize(request.head, 1, who(Proof::token, {"admin"})).audited, E::none);
}

TEST_F(AuthorizeTest, random_rules_agree_with_the_oracle) {
  const Texts patterns{"/**", "/a", "/A/b", "/a/**", "/a/*", "/a/b", "/b/", "/b/**", "/"};
  const Texts paths{"/",     "/a",     "/A", "/a/", "/a/b", "/A/b",
                    "/a/B/", "/a/b/c", "/b", "/b/", "/B/x", "/c"};
  const Texts methods{"GET", "HEAD", "POST"};
  const Texts names{"anyone", "authenticated", "admin", "user", "guest"};
  std::map<E, unsigned> seen;
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    std::mt19937 random(seed);
    const auto some_of = [&](const Texts& from, unsigned rarity) {
      Texts out;
      for (const auto& text : from) {
        if (random() % rarity == 0) out.push_back(text);
      }
      return out;
    };
    std::vector<Rule> rules;
    for (auto i = random() % 5; i > 0; --i) {
      Rule rule;
      rule.name = std::to_string(i);
      if (random() % 4 != 0) rule.paths = some_of(patterns, 4);
      if (random() % 3 == 0) rule.methods = some_of(methods, 2);
      if (random() % 3 == 0) rule.ports = {static_cast<std::uint16_t>(1 + random() % 2)};
      rule.allow = some_of(names, 3);
      if (random() % 4 == 0) rule.deny = some_of(names, 6);
      if (random() % 8 == 0) rule.require = RequiredProof::token;
      if (random() % 6 == 0) rule.mode = AccessMode::audit;
      rules.push_back(rule);
    }
    const AccessPolicy compiled = policy(rules);
    const AccessPolicy audited = policy(rules, 401, AccessMode::audit);
    for (unsigned i = 0; i < 20; ++i) {
      const auto proof = static_cast<Proof>(random() % 4);
      const Texts held = proof == Proof::nothing ? Texts{} : some_of({"admin", "user", "guest"}, 2);
      Texts all = held;
      all.push_back("anyone");
      if (proof != Proof::nothing) all.push_back("authenticated");
      const std::string path = paths[random() % paths.size()];
      const std::string method = methods[random() % methods.size()];
      const auto port = static_cast<std::uint16_t>(1 + random() % 3);
      const bool has_token = proof == Proof::token || proof == Proof::both;
      const Oracle oracle{rules, all, has_token, proof == Proof::nothing};
      const E expected = oracle.verdict(path, method, port);
      const TestRequest request(path, method);
      const Verdict verdict = compiled.authorize(request.head, port, who(proof, held));
      ASSERT_EQ(verdict.code, expected)
          << "seed " << seed << ": " << method << " " << path << " port " << port;
      ++seen[expected];
      // Audit of the whole changes nothing but whether it is carried out.
      const Verdict told = audited.authorize(request.head, port, who(proof, held));
      ASSERT_TRUE(told.allowed());
      if (expected != E::none) {
        ASSERT_EQ(told.audited, expected) << "seed " << seed;
        ASSERT_EQ(told.audited_rule == nullptr, verdict.rule == nullptr) << "seed " << seed;
      } else {
        ASSERT_EQ(told.audited, verdict.audited) << "seed " << seed;
      }
      // Opaque connections never get further than requests of the most harmless kind could.
      const E opaque = compiled.authorize_connection(port, who(proof, held)).code;
      if (opaque == E::none) {
        EXPECT_TRUE(std::any_of(rules.begin(), rules.end(),
                                [&](const Rule& rule) {
                                  return rule.paths.empty() && rule.methods.empty() &&
                                         (rule.mode == AccessMode::audit ||
                                          oracle.holds_any(rule.allow));
                                }))
            << "seed " << seed;
      }
    }
  }
  for (const E code : {E::none, E::unauthenticated, E::forbidden, E::token_required})
    EXPECT_GT(seen[code], 150u);
}

}  // namespace
}  // namespace epaulet
