#include "http/stale.h"

#include <gtest/gtest.h>

#include "http/http1/head_parser.h"

namespace epaulet::http {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

std::optional<std::chrono::nanoseconds> stale(std::string_view request_lines,
                                              std::string_view response_lines,
                                              std::optional<std::chrono::nanoseconds> declared = {},
                                              std::string_view method = "GET",
                                              std::string_view status = "200",
                                              bool is_personal = false) {
  RequestHead request;
  const auto asked =
      std::string(method) + " /a HTTP/1.1\r\nHost: h\r\n" + std::string(request_lines) + "\r\n";
  EXPECT_TRUE(http1::parse_request_head(as_bytes(asked), {}, request));
  ResponseHead response;
  const auto told = "HTTP/1.1 " + std::string(status) + " X\r\nContent-Length: 1\r\n" +
                    std::string(response_lines) + "\r\n";
  EXPECT_TRUE(http1::parse_response_head(as_bytes(told), {}, request.method, response));
  return stale_for(request, response, declared, is_personal);
}

TEST(Stale, what_says_nothing_is_kept_only_where_the_route_says_so) {
  EXPECT_FALSE(stale("", ""));
  EXPECT_EQ(stale("", "", minutes(5)), minutes(5));
  EXPECT_FALSE(stale("", "Cache-Control: max-age=60\r\n"));
  EXPECT_EQ(stale("", "Cache-Control: max-age=60\r\n", minutes(5)), minutes(5));
}

TEST(Stale, stale_if_error_counts_from_the_end_of_freshness) {
  EXPECT_EQ(stale("", "Cache-Control: stale-if-error=30\r\n"), seconds(30));
  EXPECT_EQ(stale("", "Cache-Control: max-age=60, stale-if-error=30\r\n"), seconds(90));
  EXPECT_EQ(stale("", "cache-control: max-age=60\r\nCACHE-CONTROL: Stale-If-Error=\"30\"\r\n"),
            seconds(90));
  EXPECT_EQ(stale("", "Cache-Control: max-age=60, s-maxage=5, stale-if-error=1\r\n"), seconds(6));
  EXPECT_EQ(stale("", "Age: 50\r\nCache-Control: max-age=60, stale-if-error=30\r\n"), seconds(40));
  EXPECT_EQ(stale("", "Age: 99\r\nCache-Control: max-age=60, stale-if-error=30\r\n"), seconds(30));
  // The response knows better than the route.
  EXPECT_EQ(stale("", "Cache-Control: stale-if-error=30\r\n", minutes(5)), seconds(30));
  EXPECT_EQ(stale("", "Cache-Control: stale-if-error=99999999999999999999\r\n"), seconds(86400));
}

// An app that dies leaves as one that has said all.
TEST(Stale, what_ends_with_its_connection_may_be_half_of_an_answer) {
  for (const bool has_length : {false, true}) {
    RequestHead request;
    ASSERT_TRUE(
        http1::parse_request_head(as_bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), {}, request));
    ResponseHead response;
    const std::string told = std::string("HTTP/1.1 200 OK\r\n") +
                             (has_length ? "Content-Length: 1\r\nConnection: close\r\n" : "") +
                             "\r\n";
    ASSERT_TRUE(http1::parse_response_head(as_bytes(told), {}, request.method, response));
    EXPECT_EQ(stale_for(request, response, minutes(5)).has_value(), has_length);
  }
}

TEST(Stale, what_is_malformed_is_as_if_it_were_not_there) {
  for (const char* bad : {"stale-if-error", "stale-if-error=", "stale-if-error=-1",
                          "stale-if-error=1x", "stale-if-errors=5", "=5", ",,"})
    EXPECT_FALSE(stale("", std::string("Cache-Control: ") + bad + "\r\n")) << bad;
}

TEST(Stale, what_a_route_takes_out_of_the_answer_forbids_it_all_the_same) {
  for (const std::string_view no : {"Cache-Control: private", "Set-Cookie: a=b", "Vary: X-User"}) {
    RequestHead request;
    ASSERT_TRUE(
        http1::parse_request_head(as_bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), {}, request));
    ResponseHead response;
    const auto told = "HTTP/1.1 200 X\r\nContent-Length: 1\r\n" + std::string(no) + "\r\n\r\n";
    ASSERT_TRUE(http1::parse_response_head(as_bytes(told), {}, request.method, response));
    for (auto& field : response.fields) field.removed = true;
    EXPECT_FALSE(stale_for(request, response, minutes(5))) << no;
  }
  RequestHead request;
  ASSERT_TRUE(
      http1::parse_request_head(as_bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), {}, request));
  ResponseHead response;
  ASSERT_TRUE(http1::parse_response_head(
      as_bytes("HTTP/1.1 200 X\r\nCache-Control: stale-if-error=30\r\n\r\n"), {}, request.method,
      response));
  for (auto& field : response.fields) field.removed = true;
  EXPECT_EQ(stale_for(request, response, {}), std::nullopt) << "it permits nothing any more";
}

TEST(Stale, what_forbids_it_is_stronger_than_the_route) {
  for (const char* no :
       {"Cache-Control: no-store", "Cache-Control: private", "Cache-Control: no-cache=\"x\"",
        "Cache-Control: must-revalidate, stale-if-error=30", "Cache-Control: Proxy-Revalidate",
        "Set-Cookie: a=b", "Vary: *", "Vary: Accept, X-User"})
    EXPECT_FALSE(stale("", std::string(no) + "\r\n", minutes(5))) << no;
  EXPECT_FALSE(stale("Cache-Control: no-store\r\n", "", minutes(5)));
  EXPECT_TRUE(stale("", "Vary: Accept, accept-encoding\r\n", minutes(5)));
}

TEST(Stale, what_belongs_to_one_user_is_kept_only_if_it_is_public) {
  for (const char* mine : {"Authorization: Bearer x\r\n", "Cookie: a=b\r\n", "X-API-Key: k\r\n",
                           "Proxy-Authorization: Basic x\r\n", "x-auth-token: t\r\n"}) {
    EXPECT_FALSE(stale(mine, "", minutes(5)));
    EXPECT_FALSE(stale(mine, "Cache-Control: stale-if-error=30\r\n"));
    EXPECT_TRUE(stale(mine, "Cache-Control: public, stale-if-error=30\r\n"));
  }
}

TEST(Stale, what_the_configuration_knows_as_a_credential_is_one) {
  EXPECT_FALSE(stale("X-Tenant-Key: k\r\n", "", minutes(5), "GET", "200", true));
  EXPECT_TRUE(
      stale("X-Tenant-Key: k\r\n", "Cache-Control: public\r\n", minutes(5), "GET", "200", true));
}

TEST(Stale, only_good_answers_to_a_get_are_good) {
  EXPECT_FALSE(stale("", "", minutes(5), "HEAD"));
  EXPECT_FALSE(stale("", "", minutes(5), "DELETE"));
  EXPECT_FALSE(stale("", "", minutes(5), "GET", "404"));
  EXPECT_FALSE(stale("", "", minutes(5), "GET", "206"));
}

}  // namespace
}  // namespace epaulet::http
