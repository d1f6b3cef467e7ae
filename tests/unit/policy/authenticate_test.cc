#include "policy/authenticate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/test_request.h"
#include "tests/support/test_token.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kSeconds = 1'767'225'600;
constexpr WallTime kNow{std::chrono::seconds(kSeconds)};
constexpr std::string_view kPeer = "spiffe://td/ns/default/sa/api";

std::string token(std::string_view issuer, std::string_view claims, const TestKey& key = test_key(),
                  std::string_view header = R"({"alg":"RS256","kid":"k1"})") {
  return key.token(header, R"({"iss":")" + std::string(issuer) + R"(","aud":"api2","exp":)" +
                               std::to_string(kSeconds + 300) + std::string(claims) + "}");
}

/// Two issuers, portal and partner, each with its own key under the same key id.
class AuthenticateTest : public testing::Test {
 protected:
  AuthenticateTest() {
    add_issuer("portal", "https://portal.example");
    add_issuer("partner", "https://partner.example");
    RoleGrantSettings by_identity;
    by_identity.identity = "spiffe://td/ns/default/sa/*";
    RoleGrantSettings by_token;
    by_token.token =
        RoleGrantSettings::Token{.issuer = "portal", .claim = "role", .value = "admin"};
    roles_["caller"].grants = {by_identity};
    roles_["admin"].grants = {by_token};
  }

  void add_issuer(const std::string& name, const std::string& issuer) {
    IssuerSettings& settings = issuers_[name];
    settings.name = name;
    settings.issuer = issuer;
    settings.audiences = {"api2"};
  }

  Authenticator make() const {
    std::map<std::string, JwkSetPtr> keys;
    keys.emplace("portal",
                 std::make_shared<const JwkSet>(*JwkSet::parse(test_key().jwks(), "portal")));
    keys.emplace("partner",
                 std::make_shared<const JwkSet>(*JwkSet::parse(foreign_key().jwks(), "partner")));
    return Authenticator(issuers_, std::move(keys), std::make_shared<const RoleTable>(roles_));
  }

  Principals ask(const TestRequest::Fields& fields, std::string_view peer = "",
                 WallTime now = kNow) {
    const TestRequest request("/", "GET", "api2", fields);
    return make().authenticate(request.head, peer, cache_, now);
  }
  Principals ask_token(const std::string& bearer, std::string_view peer = "", WallTime now = kNow) {
    return ask({{"Authorization", "Bearer " + bearer}}, peer, now);
  }
  std::vector<std::string> names(const Principals& principals) const {
    const RoleTable table(roles_);
    std::vector<std::string> out;
    principals.roles.for_each([&](std::size_t role) { out.push_back(table.name_of(role)); });
    return out;
  }

  std::map<std::string, IssuerSettings> issuers_;
  std::map<std::string, RoleSettings> roles_;
  TokenCache cache_;
};

using Names = std::vector<std::string>;

TEST_F(AuthenticateTest, nobody_is_anyone) {
  const Principals who = ask({});
  EXPECT_TRUE(who.is_anonymous());
  EXPECT_EQ(who.token_failure, TokenFailure::none);
  EXPECT_EQ(names(who), (Names{"anyone"}));
}

TEST_F(AuthenticateTest, a_mesh_peer_holds_what_its_identity_gives) {
  const Principals who = ask({}, kPeer);
  EXPECT_FALSE(who.is_anonymous());
  EXPECT_EQ(who.peer, kPeer);
  EXPECT_EQ(names(who), (Names{"anyone", "authenticated", "caller"}));
}

TEST_F(AuthenticateTest, a_token_gives_an_outsider_its_roles) {
  const Principals who =
      ask_token(token("https://portal.example", R"(,"role":"admin","sub":"alice")"));
  EXPECT_FALSE(who.is_anonymous());
  ASSERT_NE(who.token, nullptr);
  EXPECT_EQ(who.token->issuer, "portal");
  EXPECT_EQ(who.token->subject_hash, "2bd806c97f0e00af") << "of `alice`";
  EXPECT_EQ(who.token->valid_until, kNow + 300s + 60s);
  EXPECT_EQ(names(who), (Names{"anyone", "authenticated", "admin"}));
}

TEST_F(AuthenticateTest, peer_and_token_add_up) {
  EXPECT_EQ(names(ask_token(token("https://portal.example", R"(,"role":"admin")"), kPeer)),
            (Names{"anyone", "authenticated", "admin", "caller"}));
}

TEST_F(AuthenticateTest, a_refused_token_leaves_the_peer_and_says_why) {
  const Principals who = ask_token("opaque", kPeer);
  EXPECT_EQ(who.token, nullptr);
  EXPECT_EQ(who.token_failure, TokenFailure::not_three_parts);
  EXPECT_EQ(names(who), (Names{"anyone", "authenticated", "caller"}));
}

TEST_F(AuthenticateTest, an_issuers_token_is_checked_with_its_own_keys_only) {
  const std::string admin = R"(,"role":"admin")";
  EXPECT_EQ(ask_token(token("https://partner.example", admin, foreign_key())).token->issuer,
            "partner");
  EXPECT_EQ(names(ask_token(token("https://partner.example", admin, foreign_key()))),
            (Names{"anyone", "authenticated"}))
      << "the role is portal's to give";
  EXPECT_EQ(ask_token(token("https://portal.example", admin, foreign_key())).token_failure,
            TokenFailure::signature_wrong);
  EXPECT_EQ(ask_token(token("https://partner.example", admin, test_key())).token_failure,
            TokenFailure::signature_wrong);
  EXPECT_EQ(ask_token(token("https://stranger.example", admin)).token_failure,
            TokenFailure::issuer_unknown);
  EXPECT_EQ(ask_token(token("", admin)).token_failure, TokenFailure::issuer_unknown);
}

TEST_F(AuthenticateTest, an_issuer_without_keys_refuses_its_tokens) {
  add_issuer("orphan", "https://orphan.example");
  EXPECT_EQ(ask_token(token("https://orphan.example", "")).token_failure,
            TokenFailure::key_unknown);
}

TEST_F(AuthenticateTest, the_scheme_may_have_any_case_and_some_space) {
  const std::string good = token("https://portal.example", "");
  for (const std::string& value : {"Bearer " + good, "bearer " + good, "BEARER " + good,
                                   "BeArEr   " + good, "Bearer\t" + good, "Bearer " + good + " "}) {
    const Principals who = ask({{"authorization", value}});
    EXPECT_NE(who.token, nullptr) << value;
    EXPECT_EQ(who.token_failure, TokenFailure::none) << value;
  }
}

TEST_F(AuthenticateTest, other_schemes_are_the_apps_business) {
  const std::string good = token("https://portal.example", "");
  for (const std::string& value :
       {std::string("Basic YTpi"), std::string("Negotiate x"), std::string(""), "BearerX " + good,
        "Bearer" + good, "Token " + good, good, "XBearer " + good, std::string("Bear " + good),
        "DPoP " + good}) {
    const Principals who = ask({{"Authorization", value}});
    EXPECT_TRUE(who.is_anonymous()) << value;
    EXPECT_EQ(who.token_failure, TokenFailure::none) << value;
  }
}

TEST_F(AuthenticateTest, broken_bearer_fields_are_refused_tokens) {
  const std::string good = token("https://portal.example", "");
  const std::pair<std::string, TokenFailure> rows[] = {
      {"Bearer", TokenFailure::not_three_parts},
      {"Bearer ", TokenFailure::not_three_parts},
      {"Bearer \"" + good + "\"", TokenFailure::encoding_broken},
      {"Bearer " + good + "," + good, TokenFailure::not_three_parts},
      {"Bearer " + good + ", Basic x", TokenFailure::encoding_broken},
      {"Bearer token=" + good, TokenFailure::encoding_broken},
      {"Bearer Bearer " + good, TokenFailure::encoding_broken},
      {"Bearer " + std::string(limits::kTokenBytesMax + 1, 'a'), TokenFailure::too_large},
  };
  for (const auto& [value, expected] : rows) {
    const Principals who = ask({{"Authorization", value}});
    EXPECT_EQ(name_of(who.token_failure), name_of(expected)) << value;
    EXPECT_TRUE(who.is_anonymous()) << value;
    EXPECT_EQ(names(who), (Names{"anyone"})) << value;
  }
}

TEST_F(AuthenticateTest, several_authorization_fields_are_refused) {
  const std::string good = "Bearer " + token("https://portal.example", R"(,"role":"admin")");
  for (const TestRequest::Fields& fields :
       {TestRequest::Fields{{"Authorization", good}, {"Authorization", good}},
        TestRequest::Fields{{"Authorization", good}, {"AUTHORIZATION", "Basic x"}},
        TestRequest::Fields{{"Authorization", "Basic x"}, {"x", "y"}, {"authorization", good}},
        TestRequest::Fields{{"Authorization", ""}, {"Authorization", good}}}) {
    const Principals who = ask(fields, kPeer);
    EXPECT_EQ(who.token_failure, TokenFailure::several);
    EXPECT_EQ(who.token, nullptr);
    EXPECT_EQ(names(who), (Names{"anyone", "authenticated", "caller"}));
  }
}

TEST_F(AuthenticateTest, a_field_that_connection_nominates_is_no_token) {
  TestRequest request(
      "/", "GET", "api2",
      {{"Authorization", "Bearer " + token("https://portal.example", R"(,"role":"admin")")}});
  request.head.fields[0].removed = true;
  const Principals who = make().authenticate(request.head, "", cache_, kNow);
  EXPECT_TRUE(who.is_anonymous());
  EXPECT_EQ(who.token_failure, TokenFailure::none);
}

TEST_F(AuthenticateTest, without_issuers_tokens_are_the_apps_business) {
  issuers_.clear();
  const std::string good = "Bearer " + token("https://portal.example", R"(,"role":"admin")");
  for (const TestRequest::Fields& fields :
       {TestRequest::Fields{{"Authorization", good}},
        TestRequest::Fields{{"Authorization", "Bearer opaque"}},
        TestRequest::Fields{{"Authorization", good}, {"Authorization", good}}}) {
    const Principals who = ask(fields);
    EXPECT_TRUE(who.is_anonymous());
    EXPECT_EQ(who.token_failure, TokenFailure::none);
    EXPECT_EQ(names(who), (Names{"anyone"}));
  }
}

TEST_F(AuthenticateTest, a_verified_token_is_remembered_until_it_expires) {
  const std::string good = token("https://portal.example", R"(,"role":"admin")");
  const auto first = ask_token(good).token;
  EXPECT_EQ(ask_token(good).token, first) << "the same object: it was not verified again";
  EXPECT_EQ(cache_.hits(), 1u);
  EXPECT_EQ(ask_token(good, "", kNow + 360s - 1ns).token, first);
  const Principals late = ask_token(good, "", kNow + 360s);
  EXPECT_EQ(late.token, nullptr);
  EXPECT_EQ(late.token_failure, TokenFailure::expired);
}

TEST_F(AuthenticateTest, a_refused_token_is_not_remembered) {
  (void)ask_token(token("https://portal.example", "", foreign_key()));
  (void)ask_token("opaque");
  EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(AuthenticateTest, what_a_reload_takes_away_is_not_remembered) {
  const std::string good = token("https://portal.example", R"(,"role":"admin")");
  EXPECT_EQ(names(ask_token(good)), (Names{"anyone", "authenticated", "admin"}));
  // Another role before it: indexes move.
  roles_["aaa"].grants = {};
  EXPECT_EQ(names(ask_token(good)), (Names{"anyone", "authenticated", "admin"}));
  // The claim earns nothing any more.
  roles_["admin"].grants[0].token->value = "root";
  EXPECT_EQ(names(ask_token(good)), (Names{"anyone", "authenticated"}));
  // Another audience.
  issuers_["portal"].audiences = {"api3"};
  EXPECT_EQ(ask_token(good).token_failure, TokenFailure::audience_wrong);
  issuers_["portal"].audiences = {"api2"};
  EXPECT_NE(ask_token(good).token, nullptr);
  // The issuer is gone.
  issuers_.erase("portal");
  EXPECT_EQ(ask_token(good).token_failure, TokenFailure::issuer_unknown);
}

TEST_F(AuthenticateTest, a_key_that_is_withdrawn_verifies_no_more) {
  const std::string good = token("https://portal.example", "");
  EXPECT_NE(ask_token(good).token, nullptr);
  std::map<std::string, JwkSetPtr> keys;
  keys.emplace("portal",
               std::make_shared<const JwkSet>(*JwkSet::parse(foreign_key().jwks(), "portal")));
  const Authenticator after(issuers_, std::move(keys), std::make_shared<const RoleTable>(roles_));
  const TestRequest request("/", "GET", "api2", {{"Authorization", "Bearer " + good}});
  const Principals who = after.authenticate(request.head, "", cache_, kNow);
  EXPECT_EQ(who.token, nullptr);
  EXPECT_EQ(who.token_failure, TokenFailure::signature_wrong);
}

TEST_F(AuthenticateTest, a_reload_that_changes_nothing_keeps_what_was_verified) {
  const std::string good = token("https://portal.example", "");
  const auto first = ask_token(good).token;
  EXPECT_EQ(ask_token(good).token, first)
      << "make() built another Authenticator of the same settings";
}

TEST_F(AuthenticateTest, a_token_counts_where_its_issuer_looks_and_nowhere_else) {
  issuers_["partner"].token.cookie = "session";
  const std::string portal = token("https://portal.example", R"(,"role":"admin")");
  const std::string partner = token("https://partner.example", "", foreign_key());
  EXPECT_EQ(ask({{"Cookie", "a=b; session=" + partner}}).token->issuer, "partner");
  EXPECT_EQ(ask_token(portal).token->issuer, "portal");
  // Cached or not.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ask({{"Cookie", "session=" + portal}}).token_failure, TokenFailure::issuer_unknown);
    EXPECT_EQ(ask_token(partner).token_failure, TokenFailure::issuer_unknown);
    EXPECT_EQ(ask_token(partner).token, nullptr);
  }
  EXPECT_EQ(
      ask({{"Cookie", "session=" + partner}, {"Authorization", "Bearer " + portal}}).token_failure,
      TokenFailure::several);
  EXPECT_EQ(ask({{"Cookie", "session=" + partner}, {"Authorization", "Basic YTpi"}}).token->issuer,
            "partner");
}

TEST_F(AuthenticateTest, an_unknown_key_of_a_fetched_set_is_asked_for_and_refused_meanwhile) {
  int woken = 0;
  const auto demand = std::make_shared<KeyDemand>([&] { ++woken; });
  const auto ask_with = [&](JwkSetPtr keys, const TestKey& signer, const std::string& header) {
    std::map<std::string, JwkSetPtr> sets;
    if (keys) sets.emplace("portal", std::move(keys));
    const Authenticator some(issuers_, std::move(sets), std::make_shared<const RoleTable>(roles_),
                             {}, {{"portal", demand}});
    const auto claims = R"({"iss":"https://portal.example","aud":"api2","exp":)" +
                        std::to_string(kSeconds + 300) + "}";
    const TestRequest request("/", "GET", "api2",
                              {{"Authorization", "Bearer " + signer.token(header, claims)}});
    TokenCache cache;
    return some.authenticate(request.head, "", cache, kNow).token_failure;
  };
  const auto keys = std::make_shared<const JwkSet>(*JwkSet::parse(test_key().jwks(), "portal"));
  const std::string known = R"({"alg":"RS256","kid":"k1"})";
  const std::string unknown = R"({"alg":"RS256","kid":"k2"})";
  EXPECT_EQ(ask_with(keys, test_key(), known), TokenFailure::none);
  EXPECT_EQ(ask_with(keys, foreign_key(), known), TokenFailure::signature_wrong);
  EXPECT_EQ(ask_with(keys, test_key(), R"({"alg":"none","kid":"k2"})"),
            TokenFailure::algorithm_refused);
  EXPECT_EQ(woken, 0);
  EXPECT_EQ(ask_with(keys, test_key(), unknown), TokenFailure::key_unknown);
  EXPECT_EQ(ask_with(keys, test_key(), unknown), TokenFailure::key_unknown);
  EXPECT_EQ(woken, 1) << "once, until somebody has looked";
  demand->clear();
  EXPECT_EQ(ask_with(nullptr, test_key(), known), TokenFailure::keys_missing);
  EXPECT_EQ(woken, 2);
}

TEST_F(AuthenticateTest, issuers_of_one_name_with_other_algorithms_are_both_asked) {
  add_issuer("portal-secret", "https://portal.example");
  issuers_["portal-secret"].algorithms = {JwtAlgorithm::hs256};
  const std::string secret(32, 's');
  std::map<std::string, JwkSetPtr> keys;
  keys.emplace("portal",
               std::make_shared<const JwkSet>(*JwkSet::parse(test_key().jwks(), "portal")));
  keys.emplace("portal-secret", std::make_shared<const JwkSet>(*JwkSet::of_secret(
                                    secret, "s", issuers_["portal-secret"].algorithms)));
  const Authenticator both(issuers_, std::move(keys), std::make_shared<const RoleTable>(roles_));
  const auto input = base64url(R"({"alg":"HS256"})") + "." +
                     base64url(R"({"iss":"https://portal.example","aud":"api2","exp":)" +
                               std::to_string(kSeconds + 300) + "}");
  const auto ask_both = [&](const std::string& bearer) {
    const TestRequest request("/", "GET", "api2", {{"Authorization", "Bearer " + bearer}});
    return both.authenticate(request.head, "", cache_, kNow);
  };
  EXPECT_EQ(ask_both(input + "." + base64url(hmac_sha256(secret, input))).token->issuer,
            "portal-secret");
  EXPECT_EQ(ask_both(token("https://portal.example", "")).token->issuer, "portal");
  EXPECT_EQ(ask_both(input + "." + base64url(hmac_sha256("x", input))).token_failure,
            TokenFailure::signature_wrong);
}

TEST_F(AuthenticateTest, required_claims_are_part_of_a_good_token) {
  issuers_["portal"].require = {
      {.origin = {}, .claim = "service", .claim_path = {}, .value = "true"},
      {.origin = {}, .claim = "", .claim_path = {"a", "b"}, .value = {}}};
  const auto failure = [&](std::string_view claims) {
    return ask_token(token("https://portal.example", claims)).token_failure;
  };
  EXPECT_EQ(failure(R"(,"service":true,"a":{"b":1})"), TokenFailure::none);
  EXPECT_EQ(failure(R"(,"service":"true","a":{"b":[]})"), TokenFailure::none);
  for (const std::string_view claims :
       {"", R"(,"service":true)", R"(,"service":false,"a":{"b":1})", R"(,"service":1,"a":{"b":1})",
        R"(,"service":true,"a":{"b":null})", R"(,"service":true,"a":{"b":false})",
        R"(,"service":true,"a":[{"b":1}])", R"(,"service":true,"a":"b")",
        R"(,"service":{"true":true},"a":{"b":1})"}) {
    EXPECT_EQ(failure(claims), TokenFailure::claim_missing) << claims;
  }
}

TEST_F(AuthenticateTest, roles_come_from_claims_in_claims_and_from_permissions) {
  RoleGrantSettings hasura;
  hasura.token = RoleGrantSettings::Token{
      .issuer = "portal",
      .claim_path = {"https://hasura.io/jwt/claims", "x-hasura-allowed-roles"},
      .value = "editor"};
  RoleGrantSettings reader;
  reader.token = RoleGrantSettings::Token{.issuer = "portal", .permission = "read:orders"};
  roles_["editor"].grants = {hasura};
  roles_["reader"].grants = {reader};
  const auto holds = [&](std::string_view claims, const std::string& role) {
    const auto all = names(ask_token(token("https://portal.example", claims)));
    return std::find(all.begin(), all.end(), role) != all.end();
  };
  EXPECT_TRUE(holds(
      R"(,"https://hasura.io/jwt/claims":{"x-hasura-allowed-roles":["user","editor"]})", "editor"));
  EXPECT_FALSE(holds(R"(,"x-hasura-allowed-roles":["editor"])", "editor"));
  EXPECT_FALSE(
      holds(R"(,"https://hasura.io/jwt/claims":["x-hasura-allowed-roles","editor"])", "editor"));
  EXPECT_TRUE(holds(R"(,"scope":"a read:orders b")", "reader"));
  EXPECT_TRUE(holds(R"(,"scope":["read:orders"])", "reader"));
  EXPECT_TRUE(holds(R"(,"permissions":["x","read:orders"])", "reader"));
  EXPECT_FALSE(holds(R"(,"scope":"read:orders2")", "reader"));
  EXPECT_FALSE(holds(R"(,"scope":"read:orders,x")", "reader"));
  EXPECT_FALSE(holds(R"(,"permissions":"read:orders")", "reader")) << "a list, as documented";
  EXPECT_FALSE(holds(R"(,"permissions":{"read:orders":true})", "reader"));
}

TEST_F(AuthenticateTest, an_address_gives_roles_and_makes_nobody_known) {
  RoleGrantSettings lan;
  lan.network = IpNetwork::parse("10.1.0.0/16");
  roles_["lan"].grants = {lan};
  const TestRequest request("/", "GET", "api2", {{"X-Forwarded-For", "10.1.2.3"}});
  const auto from = [&](const char* text) {
    const auto address = *IpAddress::parse(text);
    return make().authenticate(request.head, "", cache_, kNow, &address);
  };
  EXPECT_EQ(names(from("10.1.2.3")), (Names{"anyone", "lan"}));
  EXPECT_TRUE(from("10.1.2.3").is_anonymous());
  EXPECT_EQ(names(from("::ffff:10.1.2.3")), (Names{"anyone", "lan"}));
  EXPECT_EQ(names(from("10.2.2.3")), (Names{"anyone"}));
  EXPECT_EQ(names(from("fd00::1")), (Names{"anyone"}));
  EXPECT_EQ(names(ask({{"X-Forwarded-For", "10.1.2.3"}})), (Names{"anyone"}));
}

TEST_F(AuthenticateTest, what_the_app_is_not_to_see_is_taken_away) {
  issuers_["portal"].forward = false;
  issuers_["partner"].token.query = "access_token";
  const std::string portal = token("https://portal.example", "");
  const std::string partner = token("https://partner.example", "", foreign_key());
  const Authenticator who = make();
  TestRequest request("/a", "GET", "api2",
                      {{"Authorization", "Bearer " + portal}, {"Accept", "x"}});
  who.strip_credentials(request.head, who.authenticate(request.head, "", cache_, kNow));
  EXPECT_EQ(request.passed(), (Names{"Accept"}));
  TestRequest query("/a?b=1&access_token=" + partner, "GET", "api2", {});
  const Principals by_query = who.authenticate(query.head, "", cache_, kNow);
  EXPECT_EQ(by_query.token->issuer, "partner");
  who.strip_credentials(query.head, by_query);
  EXPECT_EQ(query.head.rewritten_target, "/a?b=1");
  TestRequest unverified("/a?access_token=x", "GET", "api2", {});
  who.strip_credentials(unverified.head, Principals());
  EXPECT_EQ(unverified.head.rewritten_target, "/a") << "audit mode lets such a request through";
}

TEST_F(AuthenticateTest, a_connection_has_a_peer_and_no_token) {
  EXPECT_EQ(names(make().authenticate_connection(kPeer)),
            (Names{"anyone", "authenticated", "caller"}));
  EXPECT_EQ(names(make().authenticate_connection("")), (Names{"anyone"}));
  EXPECT_TRUE(make().authenticate_connection("").is_anonymous());
}

}  // namespace
}  // namespace epaulet
