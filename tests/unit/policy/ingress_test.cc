#include "policy/ingress.h"

#include <gtest/gtest.h>

#include "support/test_request.h"

namespace epaulet {
namespace {

constexpr std::string_view kGateway = "spiffe://cluster.local/ns/edge/sa/gateway";
using Fields = TestRequest::Fields;

Ingress ingress(ClientAddressField field, std::uint32_t hops = 1) {
  IngressSettings settings;
  settings.trusted = {std::string(kGateway), "spiffe://cluster.local/ns/proxies/sa/*"};
  settings.identity_headers = {"x-hasura-role"};
  settings.client_address = field;
  settings.hops = hops;
  return Ingress(settings);
}

std::string client(const Ingress& ingress, const Fields& fields) {
  const TestRequest request("/", "GET", "api2", fields);
  const auto address = ingress.client_of(request.head);
  return address ? address->to_string() : "nobody";
}

TEST(IngressTest, trusts_whom_the_configuration_names_and_nobody_else) {
  const auto some = ingress(ClientAddressField::none);
  EXPECT_TRUE(some.trusts(kGateway));
  EXPECT_TRUE(some.trusts("spiffe://cluster.local/ns/proxies/sa/a"));
  for (const auto* other :
       {"", "spiffe://cluster.local/ns/edge/sa/gateway2", "spiffe://cluster.local/ns/edge/sa/gate",
        "spiffe://other/ns/edge/sa/gateway", "spiffe://cluster.local/ns/edge/sa/gateway/x",
        "SPIFFE://cluster.local/ns/edge/sa/gateway", "spiffe://cluster.local/ns/proxies/sa/"})
    EXPECT_FALSE(some.trusts(other)) << other;
  EXPECT_FALSE(Ingress().trusts(kGateway));
  EXPECT_FALSE(Ingress().trusts(""));
}

TEST(IngressTest, identity_fields_pass_by_name_in_their_own_spelling) {
  const auto some = ingress(ClientAddressField::none);
  EXPECT_TRUE(some.passes("x-hasura-role"));
  EXPECT_TRUE(some.passes("X-Hasura-Role"));
  EXPECT_FALSE(some.passes("x_hasura_role"));
  EXPECT_FALSE(some.passes("x-hasura-user-id"));
  EXPECT_FALSE(some.passes("x-epaulet-peer"));
}

TEST(IngressTest, the_last_address_of_x_forwarded_for_is_what_the_ingress_has_seen) {
  const auto one = ingress(ClientAddressField::x_forwarded_for);
  const std::pair<Fields, std::string> rows[] = {
      {{{"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1"},
      {{{"x-forwarded-for", "10.0.0.1, 192.0.2.1"}}, "192.0.2.1"},
      {{{"X-Forwarded-For", "10.0.0.1"}, {"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1"},
      {{{"X-Forwarded-For", "garbage, \"a, 192.0.2.1"}}, "192.0.2.1"},
      {{{"X-Forwarded-For", "192.0.2.1,, ,"}}, "192.0.2.1"},
      {{{"X-Forwarded-For", "192.0.2.1:4711"}}, "192.0.2.1"},
      {{{"X-Forwarded-For", "2001:db8::1"}}, "2001:db8::1"},
      {{{"X-Forwarded-For", "[2001:db8::1]"}}, "2001:db8::1"},
      {{{"X-Forwarded-For", "10.0.0.1, [2001:db8::1]:4711"}}, "2001:db8::1"},
      {{{"X-Forwarded-For", "::ffff:192.0.2.1"}}, "192.0.2.1"},
      // Nobody.
      {{}, "nobody"},
      {{{"X-Forwarded-For", ""}}, "nobody"},
      {{{"X-Forwarded-For", " , ,"}}, "nobody"},
      {{{"X-Forwarded-For", "10.0.0.1, unknown"}}, "nobody"},
      {{{"X-Forwarded-For", "10.0.0.1, 192.0.2.1 "}, {"X-Forwarded-For", "x"}}, "nobody"},
      {{{"X-Forwarded-For", "192.0.2.256"}}, "nobody"},
      {{{"X-Forwarded-For", "192.0.2.1 10.0.0.1"}}, "nobody"},
      {{{"X-Forwarded-For", "192.0.2.1;10.0.0.1"}}, "nobody"},
      {{{"X-Forwarded-For", "example.com"}}, "nobody"},
      {{{"X_Forwarded_For", "192.0.2.1"}}, "nobody"},
      {{{"X-Forwarded-Host", "192.0.2.1"}}, "nobody"},
      {{{"Forwarded", "for=192.0.2.1"}}, "nobody"},
      {{{"X-Real-IP", "192.0.2.1"}}, "nobody"},
  };
  for (const auto& [fields, expected] : rows)
    EXPECT_EQ(client(one, fields), expected) << (fields.empty() ? "" : fields.front().second);
}

TEST(IngressTest, hops_count_from_the_right_and_must_be_there) {
  const auto two = ingress(ClientAddressField::x_forwarded_for, 2);
  EXPECT_EQ(client(two, {{"X-Forwarded-For", "10.9.9.9, 192.0.2.1, 10.0.0.1"}}), "192.0.2.1");
  EXPECT_EQ(client(two, {{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", "10.0.0.1"}}),
            "192.0.2.1");
  EXPECT_EQ(client(two, {{"X-Forwarded-For", "192.0.2.1"}}), "nobody");
  EXPECT_EQ(client(two, {{"X-Forwarded-For", "x, 10.0.0.1"}}), "nobody");
  const auto many = ingress(ClientAddressField::x_forwarded_for, 16);
  std::string list = "192.0.2.1";
  for (int i = 0; i < 15; ++i) list += ", 10.0.0.1";
  EXPECT_EQ(client(many, {{"X-Forwarded-For", "10.9.9.9, 10.8.8.8, " + list}}), "192.0.2.1");
}

TEST(IngressTest, forwarded_is_read_as_the_standard_has_it) {
  const auto one = ingress(ClientAddressField::forwarded);
  const std::pair<std::string, std::string> rows[] = {
      {"for=192.0.2.1", "192.0.2.1"},
      {"For=192.0.2.1;proto=https;by=10.0.0.1", "192.0.2.1"},
      {"proto=https; for=192.0.2.1", "192.0.2.1"},
      {"for=\"192.0.2.1:4711\"", "192.0.2.1"},
      {"for=10.0.0.1, for=192.0.2.1", "192.0.2.1"},
      {"for=10.0.0.1,for=\"[2001:db8::1]\"", "2001:db8::1"},
      {"for=\"[2001:db8::1]:4711\";host=\"a,b;for=10.0.0.1\"", "2001:db8::1"},
      {"host=\"a\\\",for=10.0.0.1\";for=192.0.2.1", "192.0.2.1"},
      // Nobody.
      {"for=unknown", "nobody"},
      {"for=_hidden", "nobody"},
      {"for=2001:db8::1", "nobody"},
      {"for=[2001:db8::1]", "nobody"},
      {"for=\"2001:db8::1\"", "nobody"},
      {"for=192.0.2.1;for=10.0.0.1", "nobody"},
      {"by=192.0.2.1", "nobody"},
      {"for", "nobody"},
      {"for=", "nobody"},
      {"for=\"", "nobody"},
      {"192.0.2.1", "nobody"},
      {"for=\"192.0.2.1\\\"\"", "nobody"},
      // A client that opens a quote, so that what the ingress adds would be inside of it.
      {"for=10.0.0.1;x=\", for=192.0.2.1", "nobody"},
      {"for=10.0.0.1;x=\", for=\"[2001:db8::1]\"", "nobody"},
      {"for=10.0.0.1;x=\", for=192.0.2.1;host=\",for=10.0.0.1;a=\"", "nobody"},
      {"for=10.0.0.1;x=\"\\, for=192.0.2.1", "nobody"},
  };
  for (const auto& [value, expected] : rows)
    EXPECT_EQ(client(one, {{"Forwarded", value}}), expected) << value;
  EXPECT_EQ(client(one, {{"Forwarded", "for=10.0.0.1"}, {"Forwarded", "for=192.0.2.1"}}),
            "192.0.2.1");
  EXPECT_EQ(client(one, {{"Forwarded", "for=\"broken"}, {"Forwarded", "for=192.0.2.1"}}), "nobody");
}

TEST(IngressTest, x_real_ip_is_one) {
  const auto one = ingress(ClientAddressField::x_real_ip);
  EXPECT_EQ(client(one, {{"X-Real-IP", "192.0.2.1"}}), "192.0.2.1");
  EXPECT_EQ(client(one, {{"X-Real-IP", "192.0.2.1, 10.0.0.1"}}), "nobody");
  EXPECT_EQ(client(one, {{"X-Real-IP", "192.0.2.1"}, {"X-Real-IP", "10.0.0.1"}}), "nobody");
}

TEST(IngressTest, what_connection_took_away_does_not_count) {
  const auto one = ingress(ClientAddressField::x_forwarded_for);
  TestRequest request("/", "GET", "api2",
                      {{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", "192.0.2.2"}});
  for (auto& field : request.head.fields) field.removed = field.value == "192.0.2.2";
  EXPECT_EQ(one.client_of(request.head)->to_string(), "192.0.2.1");
  for (auto& field : request.head.fields) field.removed = true;
  EXPECT_FALSE(one.client_of(request.head).has_value());
}

}  // namespace
}  // namespace epaulet
