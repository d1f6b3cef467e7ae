#include "config/text_checks.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace epaulet::config {
namespace {

using Check = std::optional<Complaint> (*)(std::string_view);

void expect_fine(Check check, std::initializer_list<std::string> texts) {
  for (const auto& text : texts) {
    const auto complaint = check(text);
    EXPECT_FALSE(complaint.has_value()) << text << ": " << complaint->message;
  }
}

void expect_refused(Check check, std::initializer_list<std::string> texts) {
  for (const auto& text : texts) EXPECT_TRUE(check(text).has_value()) << text;
}

TEST(TextChecks, host_names) {
  expect_fine(check_host_name, {"a", "api2.default", "a-b.c_d.0", "_dmarc.a", std::string(63, 'a'),
                                "api.default.svc.cluster.local", "1a.2b"});
  expect_refused(check_host_name,
                 {"", ".", "a.", ".a", "a..b", "A.b", "a b", "a/b", "a:80", "-a", "a-", "a.-b",
                  "*.a", "10.0.0.1", "::1", "[::1]", std::string(64, 'a'), "caf\xc3\xa9"});
  std::string longest;
  while (longest.size() < 250) longest += "a.";
  expect_fine(check_host_name, {longest + "aaa"});
  expect_refused(check_host_name, {longest + "aaaa"});
}

TEST(TextChecks, host_patterns) {
  expect_fine(check_host_pattern, {"a.b", "*.b", "*.a.b", "10.0.0.1", "[fd00::1]"});
  expect_refused(check_host_pattern, {"*", "*.", "a.*", "*a.b", "*.*.b", "a.b:80", "*.b:80", "*.B",
                                      "fd00::1", "[fd00::1]:80"});
}

TEST(TextChecks, labels) {
  expect_fine(check_label, {"a", "orders:read", "A.b_c-d", "0", std::string(63, 'a')});
  expect_refused(check_label,
                 {"-a", ".a", "a b", "a/b", "a\"b", "a,b", std::string(64, 'a'), "\xc3\xa9"});
}

TEST(TextChecks, port_names) {
  expect_fine(check_port_name, {"http", "h2", "a", "http-metrics", "0a", "abcdefghijklmno"});
  expect_refused(check_port_name, {"", "80", "1-2", "-a", "a-", "a--b", "HTTP", "a_b", "a.b",
                                   "abcdefghijklmnop", "\xc3\xa9"});
}

TEST(TextChecks, path_patterns) {
  expect_fine(check_path_pattern, {"/", "/**", "/*", "/a", "/a/", "/a/*/b", "/a/**", "/a.b/c-d_e~f",
                                   "/...", "/.a", "/caf%C3%A9", "/a%20b", "/a@b:c,d", "/*/*/**",
                                   "/%E0%A0%80", "/%F0%90%80%80", "/100%25"});
  expect_refused(check_path_pattern, {"",
                                      "a",
                                      "*",
                                      "**",
                                      "//",
                                      "/a//b",
                                      "/a/**/b",
                                      "/**/",
                                      "/a*",
                                      "/*a",
                                      "/***",
                                      "/.",
                                      "/..",
                                      "/a/./b",
                                      "/%2e",
                                      "/%2E%2e/b",
                                      "/.%2e",
                                      "/a%2fb",
                                      "/a%5cb",
                                      "/a%3Bb",
                                      "/a%00",
                                      "/a%1f",
                                      "/a%7F",
                                      "/a%",
                                      "/a%2",
                                      "/a%zz",
                                      "/a?b",
                                      "/a#b",
                                      "/a;b",
                                      "/a\\b",
                                      "/a b",
                                      "/caf\xc3\xa9",
                                      "/a\tb",
                                      "/a\x01",
                                      "/%C0%AF",
                                      "/a%c1%81",
                                      "/%E0%80%AF",
                                      "/%f0%80%80%af",
                                      "/%F8%80%80%80%AF",
                                      "/%FC%80%80%80%80%AF"});
}

TEST(TextChecks, request_paths) {
  expect_fine(check_request_path, {"/", "/healthz", "/h?full=1", "/a//b"});
  expect_refused(check_request_path, {"", "healthz", "/a b", "/a#b", "http://a/", "/\xc3\xa9"});
}

TEST(TextChecks, methods) {
  expect_fine(check_method, {"GET", "M-SEARCH", "X_1"});
  expect_refused(check_method, {"", "get", "Get", "GET ", "G(T", "*T/"});
}

TEST(TextChecks, header_names) {
  expect_fine(check_header_name, {"x-version", "X-Version", "a_b"});
  expect_refused(check_header_name, {"", ":path", "a b", "a:", "a\xc3\xa9"});
}

TEST(TextChecks, trust_domains) {
  expect_fine(check_trust_domain, {"cluster.local", "a_b-c.d", "1", std::string(255, 'a')});
  expect_refused(check_trust_domain,
                 {"", "A.b", "a b", "a:80", "a/b", "user@a", "spiffe://a", std::string(256, 'a')});
}

TEST(TextChecks, spiffe_patterns) {
  expect_fine(check_spiffe_pattern,
              {"spiffe://cluster.local/ns/default/sa/api", "spiffe://a/x", "spiffe://a/**",
               "spiffe://a/ns/*/sa/*", "spiffe://a/ns/web-*/sa/x", "spiffe://a/ns/**",
               "spiffe://a/*", "spiffe://a/A.b_c-D", "spiffe://a/..."});
  expect_refused(check_spiffe_pattern, {"",
                                        "cluster.local/x",
                                        "http://a/x",
                                        "SPIFFE://a/x",
                                        "spiffe://",
                                        "spiffe:///x",
                                        "spiffe://a",
                                        "spiffe://a/",
                                        "spiffe://a//x",
                                        "spiffe://a/x/",
                                        "spiffe://A/x",
                                        "spiffe://*/x",
                                        "spiffe://a.*/x",
                                        "spiffe://a:80/x",
                                        "spiffe://u@a/x",
                                        "spiffe://a/./x",
                                        "spiffe://a/x/..",
                                        "spiffe://a/**/x",
                                        "spiffe://a/*x",
                                        "spiffe://a/a*b",
                                        "spiffe://a/x**",
                                        "spiffe://a/***",
                                        "spiffe://a/x?y",
                                        "spiffe://a/x#y",
                                        "spiffe://a/%41",
                                        "spiffe://a/x y",
                                        "spiffe://a/\xc3\xa9",
                                        "spiffe://a/" + std::string(2048, 'x')});
}

TEST(TextChecks, the_trust_domain_of_a_pattern) {
  EXPECT_EQ(trust_domain_of("spiffe://cluster.local/ns/x"), "cluster.local");
  EXPECT_EQ(trust_domain_of("spiffe://a/**"), "a");
  EXPECT_EQ(trust_domain_of(""), "");
}

}  // namespace
}  // namespace epaulet::config
