#include "policy/header_hygiene.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace epaulet {
namespace {

using Names = std::vector<std::string>;

constexpr std::string_view kPeer = "spiffe://cluster.local/ns/default/sa/api";

TEST(HeaderHygieneTest, identity_fields_in_every_spelling) {
  for (const std::string_view name : {
           "x-epaulet-peer",
           "X-Epaulet-Peer",
           "X-EPAULET-ROLES",
           "x-epaulet-",
           "x-epaulet-anything-at-all",
           "x_epaulet_peer",
           "X_Epaulet-Peer",
           "x-epaulet_roles",
           "x.epaulet.peer",
           "x~epaulet-peer",
           "x!epaulet'peer",
           "x-forwarded-client-cert",
           "X-Forwarded-Client-Cert",
           "x_forwarded_client_cert",
           "X-Forwarded_Client-CERT",
           "x.forwarded.client.cert",
           "l5d-client-id",
           "L5D_Client_Id",
           "x-spiffe-id",
           "X_SPIFFE_ID",
           "x-client-identity",
           "X_Client_Identity",
           "x-hasura-role",
           "X-Hasura-Role",
           "x_hasura_role",
           "x-hasura-user-id",
           "X-Hasura-User-Id",
           "x-hasura-allowed-roles",
           "x-hasura-default-role",
           "proxy-status",
           "Proxy-Status",
           "Proxy_Status",
           "PROXY-STATUS",
       }) {
    EXPECT_TRUE(is_identity_field(name)) << name;
  }
}

TEST(HeaderHygieneTest, other_fields_are_not_ours_to_remove) {
  for (const std::string_view name : {
           "host",
           "authorization",
           "cookie",
           "x-request-id",
           "traceparent",
           "tracestate",
           "x",
           "",
           "l",
           "p",
           "x-",
           "x-epaulet",
           "x-epaule",
           "xx-epaulet-peer",
           "xepaulet-peer",
           "x-epaulets-peer",
           "my-x-epaulet-peer",
           "x-forwarded-client-certs",
           "x-forwarded-client",
           "x-forwarded-for",
           "l5d-client-ids",
           "l5d-client",
           "x-spiffe",
           "x-hasura-admin-secret",
           "x-hasura-roles",
           "x-user",
           "x-role",
           "x-remote-user",
           "x-user-id",
           "proxy-statuses",
           "proxy-authorization",
           "proxy",
           "content-length",
       }) {
    EXPECT_FALSE(is_identity_field(name)) << name;
  }
}

TEST(HeaderHygieneTest, origin_fields_in_every_spelling) {
  for (const std::string_view name :
       {"forwarded", "Forwarded", "x-forwarded-for", "X-Forwarded-For", "X_Forwarded_For",
        "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "X-Forwarded-Prefix",
        "x-real-ip", "X-Real-IP", "X_Real_IP"}) {
    EXPECT_TRUE(is_origin_field(name)) << name;
  }
  for (const std::string_view name : {"", "f", "x", "from", "forward", "forwardeds", "x-forwarded",
                                      "x-real-ips", "x-request-id", "host", "x-forward-for"}) {
    EXPECT_FALSE(is_origin_field(name)) << name;
  }
}

class CleanRequestTest : public testing::Test {
 protected:
  CleanRequestTest() : table_({{"admin", {}}, {"user", {}}, {"auditor", {}}}) {}

  Principals principals(std::string_view peer,
                        std::initializer_list<std::string_view> roles) const {
    Principals out;
    out.peer = peer;
    out.roles = RoleTable::of_anyone();
    if (!peer.empty()) out.roles.insert(RoleTable::kAuthenticated);
    for (const auto role : roles) out.roles.insert(*table_.index_of(role));
    return out;
  }

  /// Both halves, with nothing between them.
  static bool clean(http::RequestHead& head, const Principals& who, const RoleTable& roles,
                    const Ingress& ingress = {}, bool from_ingress = false) {
    const bool origin_removed = remove_claims(head, !who.peer.empty(), ingress, from_ingress);
    add_proofs(head, who, roles);
    return origin_removed;
  }

  const TestRequest::Fields forged_{
      {"Host", "api2"},
      {"X-Epaulet-Roles", "admin"},
      {"x_epaulet_peer", "spiffe://x/y"},
      {"x-hasura-role", "admin"},
      {"X-Forwarded-Client-Cert", "URI=spiffe://x/y"},
      {"Proxy-Status", "x"},
      {"X-Forwarded-For", "10.0.0.1"},
      {"Forwarded", "for=10.0.0.1"},
      {"x-user", "bob"},
      {"Accept", "*/*"},
  };
  const RoleTable table_;
};

TEST_F(CleanRequestTest, what_sidecars_tell_each_other_is_there_until_proofs_are_added) {
  TestRequest request("/", "GET", "api2",
                      {{"X-Epaulet-Deadline", "5"},
                       {"x-epaulet-criticality", "critical"},
                       {"x_epaulet_deadline", "9"}});
  EXPECT_FALSE(remove_claims(request.head, false));
  EXPECT_EQ(request.passed(), (Names{"X-Epaulet-Deadline", "x-epaulet-criticality"}));
  add_proofs(request.head, principals("", {}), table_);
  EXPECT_EQ(request.passed(), Names());
}

TEST_F(CleanRequestTest, an_outsider_proves_nothing_and_the_app_reads_nothing) {
  TestRequest request("/", "GET", "api2", forged_);
  EXPECT_TRUE(clean(request.head, principals("", {}), table_));
  EXPECT_EQ(request.passed(), (Names{"Host", "x-user", "Accept"}));
  EXPECT_EQ(request.head.added.lines(), "");
}

TEST_F(CleanRequestTest, a_mesh_peer_is_named_and_its_word_about_the_way_is_not_taken) {
  TestRequest request("/", "GET", "api2", forged_);
  EXPECT_TRUE(clean(request.head, principals(kPeer, {"user", "admin"}), table_));
  EXPECT_EQ(request.passed(), (Names{"Host", "x-user", "Accept"}));
  EXPECT_EQ(request.head.added.lines(),
            "x-epaulet-peer: spiffe://cluster.local/ns/default/sa/api\r\n"
            "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/default/sa/api\r\n"
            "x-epaulet-roles: admin,user\r\n");
}

TEST_F(CleanRequestTest, a_trusted_ingress_s_word_passes_as_far_as_it_is_configured) {
  IngressSettings settings;
  settings.trusted = {std::string(kPeer)};
  settings.identity_headers = {"x-hasura-role", "x-forwarded-client-cert"};
  const Ingress ingress(settings);
  TestRequest request("/", "GET", "api2", forged_);
  EXPECT_FALSE(clean(request.head, principals(kPeer, {}), table_, ingress, true));
  EXPECT_EQ(request.passed(), (Names{"Host", "x-hasura-role", "X-Forwarded-Client-Cert",
                                     "X-Forwarded-For", "Forwarded", "x-user", "Accept"}));
  EXPECT_EQ(request.head.added.lines(),
            "x-epaulet-peer: spiffe://cluster.local/ns/default/sa/api\r\n"
            "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/default/sa/api\r\n");
  // Whoever is not it gains nothing by the configuration.
  TestRequest other("/", "GET", "api2", forged_);
  EXPECT_TRUE(clean(other.head, principals("", {}), table_, ingress, false));
  EXPECT_EQ(other.passed(), (Names{"Host", "x-user", "Accept"}));
}

TEST_F(CleanRequestTest, other_spellings_are_a_client_s_and_not_the_ingress_s) {
  IngressSettings settings;
  settings.trusted = {std::string(kPeer)};
  settings.identity_headers = {"x-hasura-role"};
  const Ingress ingress(settings);
  TestRequest request("/", "GET", "api2",
                      {{"X_Forwarded_For", "10.0.0.1"},
                       {"X.Real.IP", "10.0.0.1"},
                       {"x_hasura_role", "admin"},
                       {"X-Forwarded_Proto", "https"},
                       {"x-epaulet-peer", "spiffe://x/y"},
                       {"X-Forwarded-Proto", "https"}});
  EXPECT_TRUE(clean(request.head, principals(kPeer, {}), table_, ingress, true));
  EXPECT_EQ(request.passed(), (Names{"X-Forwarded-Proto"}));
}

TEST_F(CleanRequestTest, an_app_that_is_an_ingress_says_who_its_client_is) {
  IngressSettings settings;
  settings.identity_headers = {"x-hasura-role"};
  TestRequest request("/", "GET", "api2", forged_);
  clean_outbound_request(request.head, Ingress(settings));
  EXPECT_EQ(request.passed(),
            (Names{"Host", "x-hasura-role", "X-Forwarded-For", "Forwarded", "x-user", "Accept"}));
}

TEST_F(CleanRequestTest, a_token_gives_roles_to_an_outsider) {
  TestRequest request("/", "GET", "api2", forged_);
  Principals caller = principals("", {"auditor"});
  caller.token = std::make_shared<const VerifiedToken>();
  caller.roles.insert(RoleTable::kAuthenticated);
  clean(request.head, caller, table_);
  EXPECT_EQ(request.passed(), (Names{"Host", "x-user", "Accept"}));
  EXPECT_EQ(request.head.added.lines(), "x-epaulet-roles: auditor\r\n");
}

TEST_F(CleanRequestTest, a_peer_without_roles_has_no_roles_field) {
  TestRequest request;
  clean(request.head, principals(kPeer, {}), table_);
  EXPECT_EQ(request.head.added.lines(),
            "x-epaulet-peer: spiffe://cluster.local/ns/default/sa/api\r\n"
            "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/default/sa/api\r\n");
}

TEST_F(CleanRequestTest, that_it_is_a_copy_is_the_word_of_a_mesh_peer_alone) {
  for (const bool is_peer : {false, true}) {
    TestRequest request("/", "GET", "api2",
                        {{"X-Epaulet-Mirrored", "1"}, {"x_epaulet_mirrored", "1"}});
    clean(request.head, principals(is_peer ? kPeer : "", {}), table_);
    EXPECT_EQ(request.passed(), is_peer ? Names{"X-Epaulet-Mirrored"} : Names());
  }
  TestRequest own("/", "GET", "api2", {{"x-epaulet-mirrored", "1"}});
  clean_outbound_request(own.head);
  EXPECT_EQ(own.passed(), Names());
}

TEST_F(CleanRequestTest, what_stands_in_added_already_stays) {
  TestRequest request;
  request.head.added.add("x-request-id", "7");
  clean(request.head, principals("", {"user"}), table_);
  EXPECT_EQ(request.head.added.lines(), "x-request-id: 7\r\nx-epaulet-roles: user\r\n");
}

TEST_F(CleanRequestTest, fields_removed_before_stay_removed) {
  TestRequest request("/", "GET", "api2", {{"X-Secret-Hop", "1"}, {"Accept", "*/*"}});
  request.head.fields[0].removed = true;  // Nominated by Connection.
  clean(request.head, principals(kPeer, {}), table_);
  EXPECT_EQ(request.passed(), (Names{"Accept"}));
}

TEST_F(CleanRequestTest, our_own_app_writes_no_identity_either) {
  TestRequest request("/", "GET", "api2", forged_);
  clean_outbound_request(request.head);
  EXPECT_EQ(request.passed(), (Names{"Host", "X-Forwarded-For", "Forwarded", "x-user", "Accept"}));
  EXPECT_EQ(request.head.added.lines(), "");
}

TEST(StripOwnWords, an_app_does_not_speak_for_its_sidecar) {
  http::ResponseHead head;
  const std::pair<std::string_view, std::string_view> fields[] = {
      {"Proxy-Status", "epaulet; error=proxy_internal_response; details=\"overloaded\""},
      {"proxy_status", "epaulet;x"},
      {"Proxy-Status", "cdn.example; received-status=503"},
      {"x-epaulet-reason", "none"},
      {"x-epaulet-retries-exhausted", "1"},
      {"Content-Type", "text/plain"}};
  for (const auto& [name, value] : fields) {
    http::Field field;
    field.name = name;
    field.value = value;
    field.id = http::field_id(name);
    head.fields.push_back(field);
  }
  strip_own_words(head);
  Names names;
  for (const auto& field : head.fields) {
    if (!field.removed) names.emplace_back(field.value);
  }
  EXPECT_EQ(names, (Names{"cdn.example; received-status=503", "1", "text/plain"}));
}

class StripResponseTest : public testing::Test {
 protected:
  Names passed(Reader reader, bool expose) {
    http::ResponseHead head;
    for (const std::string_view name :
         {"Content-Type", "Proxy-Status", "x-epaulet-reason", "X_Epaulet_Rule",
          "x-epaulet-retries-exhausted", "x-epaulet_retries-exhausted", "x-request-id",
          "X-Hasura-Role", "x-forwarded-client-cert"}) {
      http::Field field;
      field.name = name;
      field.id = http::field_id(name);
      head.fields.push_back(field);
    }
    strip_response(head, reader, expose);
    Names names;
    for (const auto& field : head.fields) {
      if (!field.removed) names.emplace_back(field.name);
    }
    return names;
  }
};

TEST_F(StripResponseTest, an_outsider_gets_a_request_id_and_no_reason) {
  EXPECT_EQ(passed(Reader::outsider, false),
            (Names{"Content-Type", "x-request-id", "X-Hasura-Role", "x-forwarded-client-cert"}));
}

TEST_F(StripResponseTest, our_own_app_learns_only_that_retries_are_spent) {
  EXPECT_EQ(passed(Reader::own_app, false),
            (Names{"Content-Type", "x-epaulet-retries-exhausted", "x-request-id", "X-Hasura-Role",
                   "x-forwarded-client-cert"}));
}

TEST_F(StripResponseTest, mesh_sidecars_and_exposed_ports_keep_everything) {
  EXPECT_EQ(passed(Reader::mesh_sidecar, false).size(), 9u);
  EXPECT_EQ(passed(Reader::outsider, true).size(), 9u);
  EXPECT_EQ(passed(Reader::own_app, true).size(), 9u);
}

TEST(HeaderHygieneTest, trailers_lose_what_a_head_may_not_say_and_keep_the_rest) {
  const TestRequest request("/", "POST", "api.default",
                            {{"Connection", "keep-alive, X-Hop"}, {"connection", "x-other"}});
  EXPECT_EQ(
      clean_request_trailers(request.head,
                             "X-Sum: 1\r\nX_Epaulet_Roles: admin\r\nx-hop: a\r\nX-OTHER: b\r\n"
                             "X-Forwarded_For: 1.2.3.4\r\nProxy-Status: x\r\nkeep-alive: c\r\n"
                             "X-Hasura-User-Id:7\r\nx-hopper: d\r\n"),
      "X-Sum: 1\r\nkeep-alive: c\r\nx-hopper: d\r\n")
      << "keep-alive is the codec's to refuse";
  EXPECT_EQ(clean_request_trailers(request.head, ""), "");
  EXPECT_EQ(clean_request_trailers(request.head, "X-Spiffe-Id: a\r\n"), "");
}

}  // namespace
}  // namespace epaulet
