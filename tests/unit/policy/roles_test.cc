#include "policy/roles.h"

#include <gtest/gtest.h>

#include "tests/support/test_token.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

TEST(RoleSetTest, roles_are_held_or_not) {
  RoleSet set;
  EXPECT_TRUE(set.empty());
  for (const std::size_t role : {0u, 1u, 63u, 64u, 200u, 255u}) {
    EXPECT_FALSE(set.contains(role));
    set.insert(role);
    EXPECT_TRUE(set.contains(role));
  }
  EXPECT_FALSE(set.empty());
  EXPECT_FALSE(set.contains(2));
  EXPECT_FALSE(set.contains(65));
  EXPECT_FALSE(set.contains(256));
  std::vector<std::size_t> seen;
  set.for_each([&](std::size_t role) { seen.push_back(role); });
  EXPECT_EQ(seen, (std::vector<std::size_t>{0, 1, 63, 64, 200, 255}));
}

TEST(RoleSetTest, sets_meet_in_any_word) {
  for (const std::size_t role : {0u, 63u, 64u, 127u, 128u, 255u}) {
    RoleSet one;
    RoleSet other;
    one.insert(role);
    other.insert((role + 1) % limits::kRolesMax);
    EXPECT_FALSE(one.intersects(other)) << role;
    other.insert(role);
    EXPECT_TRUE(one.intersects(other)) << role;
    EXPECT_TRUE(other.intersects(one)) << role;
    EXPECT_FALSE(one.intersects(RoleSet())) << role;
    one |= other;
    EXPECT_EQ(one, other);
  }
}

TEST(IdentityPatternTest, identities_match_by_segments) {
  const std::tuple<std::string_view, std::string_view, bool> rows[] = {
      {"spiffe://td/ns/a/sa/b", "spiffe://td/ns/a/sa/b", true},
      {"spiffe://td/ns/a/sa/b", "spiffe://td/ns/a/sa/B", false},
      {"spiffe://td/ns/a/sa/b", "spiffe://td/ns/a/sa/bc", false},
      {"spiffe://td/ns/a/sa/b", "spiffe://td/ns/a/sa", false},
      {"spiffe://td/ns/a/sa/b", "spiffe://td/ns/a/sa/b/c", false},
      {"spiffe://td/ns/a/sa/b", "spiffe://other/ns/a/sa/b", false},
      {"spiffe://td/ns/a/sa/b", "", false},
      {"spiffe://td/ns/a/sa/*", "spiffe://td/ns/a/sa/b", true},
      {"spiffe://td/ns/a/sa/*", "spiffe://td/ns/a/sa/b.c-d_e", true},
      {"spiffe://td/ns/a/sa/*", "spiffe://td/ns/a/sa/b/c", false},
      {"spiffe://td/ns/a/sa/*", "spiffe://td/ns/a/sa", false},
      {"spiffe://td/ns/a/sa/*", "spiffe://td/ns/b/sa/b", false},
      {"spiffe://td/ns/a/sa/*", "spiffe://td2/ns/a/sa/b", false},
      {"spiffe://td/ns/a/sa/web-*", "spiffe://td/ns/a/sa/web-1", true},
      {"spiffe://td/ns/a/sa/web-*", "spiffe://td/ns/a/sa/web-", true},
      {"spiffe://td/ns/a/sa/web-*", "spiffe://td/ns/a/sa/web", false},
      {"spiffe://td/ns/a/sa/web-*", "spiffe://td/ns/a/sa/web-1/x", false},
      {"spiffe://td/ns/*/sa/b", "spiffe://td/ns/a/sa/b", true},
      {"spiffe://td/ns/*/sa/b", "spiffe://td/ns/a/x/sa/b", false},
      {"spiffe://td/ns/*/sa/b", "spiffe://td/ns/sa/b", false},
      {"spiffe://td/ns/team-*/sa/*", "spiffe://td/ns/team-a/sa/b", true},
      {"spiffe://td/ns/team-*/sa/*", "spiffe://td/ns/tea/sa/b", false},
      {"spiffe://td/**", "spiffe://td/ns/a/sa/b", true},
      {"spiffe://td/**", "spiffe://td/x", true},
      {"spiffe://td/**", "spiffe://td", false},
      {"spiffe://td/**", "spiffe://tdx/ns", false},
      {"spiffe://td/**", "spiffe://t/ns", false},
      {"spiffe://td/ns/a/**", "spiffe://td/ns/a/sa/b", true},
      {"spiffe://td/ns/a/**", "spiffe://td/ns/a", false},
      {"spiffe://td/ns/a/**", "spiffe://td/ns/ab/sa/b", false},
      {"spiffe://td/ns/*/sa/**", "spiffe://td/ns/a/sa/b/c", true},
  };
  for (const auto& [pattern, id, expected] : rows) {
    EXPECT_EQ(IdentityPattern(pattern).matches(id), expected) << pattern << " " << id;
  }
}

RoleGrantSettings by_identity(std::string pattern) {
  RoleGrantSettings grant;
  grant.identity = std::move(pattern);
  return grant;
}
RoleGrantSettings by_token(std::string issuer, std::string claim, std::string value) {
  RoleGrantSettings grant;
  grant.token = RoleGrantSettings::Token{
      .issuer = std::move(issuer), .claim = std::move(claim), .value = std::move(value)};
  return grant;
}

std::map<std::string, RoleSettings> roles() {
  std::map<std::string, RoleSettings> out;
  out["admin"].grants = {by_identity("spiffe://td/ns/ops/sa/*"),
                         by_token("portal", "role", "admin")};
  out["reader"].grants = {by_identity("spiffe://td/**")};
  out["nobody"].grants = {};
  out["partner"].grants = {by_token("partner", "role", "admin"),
                           by_token("portal", "groups", "partners")};
  return out;
}

std::vector<std::string> names(const RoleTable& table, const RoleSet& set) {
  std::vector<std::string> out;
  set.for_each([&](std::size_t role) { out.push_back(table.name_of(role)); });
  return out;
}

using Names = std::vector<std::string>;

TEST(RoleTableTest, names_and_indexes_agree) {
  const RoleTable table(roles());
  EXPECT_EQ(table.index_of("anyone"), RoleTable::kAnyone);
  EXPECT_EQ(table.index_of("authenticated"), RoleTable::kAuthenticated);
  for (const char* name : {"admin", "nobody", "partner", "reader"}) {
    ASSERT_TRUE(table.index_of(name).has_value()) << name;
    EXPECT_EQ(table.name_of(*table.index_of(name)), name);
  }
  EXPECT_EQ(table.index_of("Admin"), std::nullopt);
  EXPECT_EQ(table.index_of(""), std::nullopt);
}

TEST(RoleTableTest, an_identity_holds_every_role_that_names_it) {
  const RoleTable table(roles());
  EXPECT_EQ(names(table, RoleTable::of_anyone()), (Names{"anyone"}));
  EXPECT_EQ(names(table, table.of_identity("spiffe://td/ns/ops/sa/x")),
            (Names{"anyone", "authenticated", "admin", "reader"}));
  EXPECT_EQ(names(table, table.of_identity("spiffe://td/ns/dev/sa/x")),
            (Names{"anyone", "authenticated", "reader"}));
  EXPECT_EQ(names(table, table.of_identity("spiffe://elsewhere/ns/ops/sa/x")),
            (Names{"anyone", "authenticated"}));
}

JwtClaims claims(std::string_view members) {
  const auto set = JwkSet::parse(test_key().jwks(), "test");
  auto jwt = Jwt::parse(test_key().token(R"({"alg":"RS256"})",
                                         R"({"iss":"i","exp":100)" + std::string(members) + "}"));
  const JwtRules rules{.issuer = "i", .audiences = {}, .leeway = 0s};
  return *std::move(*jwt).verify(*set, rules, WallTime(1s));
}

TEST(RoleTableTest, a_token_gives_the_roles_that_its_issuer_and_claims_earn) {
  const RoleTable table(roles());
  const std::tuple<std::string_view, std::string_view, Names> rows[] = {
      {"portal", R"(,"role":"admin")", {"anyone", "authenticated", "admin"}},
      {"portal", R"(,"role":["user","admin"])", {"anyone", "authenticated", "admin"}},
      {"portal", R"(,"role":"user")", {"anyone", "authenticated"}},
      {"portal", "", {"anyone", "authenticated"}},
      {"portal", R"(,"roles":"admin")", {"anyone", "authenticated"}},
      {"portal",
       R"(,"groups":["partners"],"role":"admin")",
       {"anyone", "authenticated", "admin", "partner"}},
      {"partner", R"(,"role":"admin")", {"anyone", "authenticated", "partner"}},
      {"partner", R"(,"groups":["partners"])", {"anyone", "authenticated"}},
      {"stranger", R"(,"role":"admin")", {"anyone", "authenticated"}},
  };
  for (const auto& [issuer, members, expected] : rows) {
    EXPECT_EQ(names(table, table.of_token(issuer, claims(members))), expected) << issuer << members;
  }
}

TEST(RoleTableTest, names_for_apps_leave_the_built_in_roles_out) {
  const RoleTable table(roles());
  Names seen;
  table.for_each_name(table.of_identity("spiffe://td/ns/ops/sa/x"),
                      [&](std::string_view name) { seen.emplace_back(name); });
  EXPECT_EQ(seen, (Names{"admin", "reader"}));
  seen.clear();
  table.for_each_name(RoleTable::of_anyone(),
                      [&](std::string_view name) { seen.emplace_back(name); });
  EXPECT_TRUE(seen.empty());
}

TEST(RoleTableTest, the_digest_changes_with_whatever_a_token_is_worth) {
  const Sha256 before = RoleTable(roles()).digest();
  EXPECT_EQ(RoleTable(roles()).digest(), before);
  auto changed = roles();
  changed["admin"].grants[1].token->value = "root";
  EXPECT_NE(RoleTable(changed).digest(), before);
  changed = roles();
  changed["admin"].grants[1].token->issuer = "other";
  EXPECT_NE(RoleTable(changed).digest(), before);
  changed = roles();
  changed["aaa"];  // Moves every index.
  EXPECT_NE(RoleTable(changed).digest(), before);
  changed = roles();
  std::swap(changed["admin"].grants, changed["nobody"].grants);
  EXPECT_NE(RoleTable(changed).digest(), before);
  changed = roles();
  changed["admin"].grants[0].identity = "spiffe://td/x";  // No token's business.
  EXPECT_EQ(RoleTable(changed).digest(), before);
}

TEST(RoleTableTest, as_many_roles_as_the_limit_says) {
  std::map<std::string, RoleSettings> many;
  for (std::size_t i = 2; i < limits::kRolesMax; ++i)
    many["role" + std::to_string(i)].grants = {by_identity("spiffe://td/**")};
  const RoleTable table(many);
  EXPECT_EQ(names(table, table.of_identity("spiffe://td/x")).size(), limits::kRolesMax);
}

}  // namespace
}  // namespace epaulet
