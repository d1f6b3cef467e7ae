#include "http/message.h"

#include <gtest/gtest.h>

namespace epaulet::http {
namespace {

TEST(FieldIds, names_compare_without_case) {
  EXPECT_EQ(field_id("Host"), FieldId::host);
  EXPECT_EQ(field_id("hOST"), FieldId::host);
  EXPECT_EQ(field_id("CONTENT-LENGTH"), FieldId::content_length);
  EXPECT_EQ(field_id("transfer-encoding"), FieldId::transfer_encoding);
  EXPECT_EQ(field_id("TraceParent"), FieldId::traceparent);
}

TEST(FieldIds, every_known_name_has_its_id) {
  constexpr std::pair<std::string_view, FieldId> kNames[] = {
      {"Authorization", FieldId::authorization},
      {"B3", FieldId::b3},
      {"Connection", FieldId::connection},
      {"Content-Length", FieldId::content_length},
      {"Expect", FieldId::expect},
      {"Host", FieldId::host},
      {"Idempotency-Key", FieldId::idempotency_key},
      {"Keep-Alive", FieldId::keep_alive},
      {"Proxy-Authenticate", FieldId::proxy_authenticate},
      {"Proxy-Authorization", FieldId::proxy_authorization},
      {"Proxy-Connection", FieldId::proxy_connection},
      {"Proxy-Status", FieldId::proxy_status},
      {"Retry-After", FieldId::retry_after},
      {"TE", FieldId::te},
      {"Trailer", FieldId::trailer},
      {"Transfer-Encoding", FieldId::transfer_encoding},
      {"Traceparent", FieldId::traceparent},
      {"Tracestate", FieldId::tracestate},
      {"Upgrade", FieldId::upgrade},
      {"X-Request-Id", FieldId::x_request_id},
      {"X-B3-TraceId", FieldId::x_b3},
      {"x-b3-sampled", FieldId::x_b3},
  };
  for (const auto& [name, id] : kNames) EXPECT_EQ(field_id(name), id) << name;
}

TEST(FieldIds, one_octet_more_or_less_is_another_field) {
  for (const std::string_view name :
       {"", "H", "Hos", "Hosts", "-Host", "Content-Lengt", "Content-Length-", "Content_Length",
        "Transfer.Encoding", "X-Epaulet", "X-Epaulets-Role", "X-B3-", "X-B3"}) {
    EXPECT_EQ(field_id(name), FieldId::other) << name;
  }
}

TEST(FieldIds, our_own_fields_are_known_in_every_spelling) {
  // CGI-like servers read "_" as "-".
  for (const std::string_view name :
       {"x-epaulet-principal", "X-EPAULET-ROLES", "x_epaulet_principal", "X-Epaulet_Role",
        "x_epaulet-", "x-epaulet-"}) {
    EXPECT_EQ(field_id(name), FieldId::epaulet) << name;
  }
}

TEST(Methods, are_case_sensitive) {
  EXPECT_EQ(method_of("GET"), Method::get);
  EXPECT_EQ(method_of("DELETE"), Method::del);
  EXPECT_EQ(method_of("get"), Method::other);
  EXPECT_EQ(method_of("GETS"), Method::other);
  EXPECT_EQ(method_of(""), Method::other);
}

TEST(Methods, idempotent_ones_are_those_of_rfc_9110) {
  for (const auto* text : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
    EXPECT_TRUE(is_idempotent(method_of(text))) << text;
  }
  for (const auto* text : {"POST", "PATCH", "CONNECT", "PURGE", "delete"}) {
    EXPECT_FALSE(is_idempotent(method_of(text))) << text;
  }
}

Field field(std::string_view name, std::string_view value) {
  Field out;
  out.name = name;
  out.value = value;
  out.id = field_id(name);
  return out;
}

TEST(Head, finds_the_first_field_that_is_not_removed) {
  RequestHead head;
  head.fields = {field("X", "1"), field("x", "2"), field("Host", "a"), field("HOST", "b")};
  EXPECT_EQ(head.find("X")->value, "1");
  head.fields[0].removed = true;
  EXPECT_EQ(head.find("X")->value, "2");
  EXPECT_EQ(head.find(FieldId::host)->value, "a");
  EXPECT_EQ(head.find("Y"), nullptr);
  EXPECT_EQ(head.find(FieldId::te), nullptr);
}

TEST(Head, remove_takes_all_of_a_kind) {
  RequestHead head;
  head.fields = {field("Host", "a"), field("X", "1"), field("HOST", "b")};
  head.remove(FieldId::host);
  EXPECT_EQ(head.find(FieldId::host), nullptr);
  EXPECT_NE(head.find("x"), nullptr);
}

TEST(Head, only_1xx_without_101_is_informational) {
  ResponseHead head;
  for (const auto& [status, expected] :
       {std::pair(100, true), {101, false}, {102, true}, {199, true}, {200, false}}) {
    head.status = static_cast<std::uint16_t>(status);
    EXPECT_EQ(head.informational(), expected) << status;
  }
}

}  // namespace
}  // namespace epaulet::http
