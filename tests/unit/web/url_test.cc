#include "web/url.h"

#include <gtest/gtest.h>

namespace epaulet::web {
namespace {

struct Row {
  std::string_view url;
  bool tls;
  std::string_view host;
  std::uint16_t port;
  std::string_view authority;
  std::string_view target;
};

TEST(Url, is_taken_apart) {
  const Row rows[] = {
      {"https://a.example/keys", true, "a.example", 443, "a.example", "/keys"},
      {"https://a.example", true, "a.example", 443, "a.example", "/"},
      {"https://a.example?x=1", true, "a.example", 443, "a.example", "/?x=1"},
      {"https://a.example:8443/k/j?x=/y", true, "a.example", 8443, "a.example:8443", "/k/j?x=/y"},
      {"http://a/keys", false, "a", 80, "a", "/keys"},
      {"https://10.0.0.1/k", true, "10.0.0.1", 443, "10.0.0.1", "/k"},
      {"https://10.0.0.1:444/k", true, "10.0.0.1", 444, "10.0.0.1:444", "/k"},
      {"https://[fd00::1]/k", true, "fd00::1", 443, "[fd00::1]", "/k"},
      {"https://[fd00::1]:444/k", true, "fd00::1", 444, "[fd00::1]:444", "/k"},
  };
  for (const Row& row : rows) {
    const auto url = parse_url(row.url);
    ASSERT_TRUE(url.has_value()) << row.url;
    EXPECT_EQ(url->tls, row.tls) << row.url;
    EXPECT_EQ(url->host, row.host) << row.url;
    EXPECT_EQ(url->port, row.port) << row.url;
    EXPECT_EQ(url->authority, row.authority) << row.url;
    EXPECT_EQ(url->target, row.target) << row.url;
    EXPECT_EQ(url->address.has_value(), IpAddress::parse(row.host).has_value()) << row.url;
  }
}

TEST(Url, what_is_none_is_refused) {
  for (const auto* url :
       {"", "https://", "https:///k", "ftp://a/k", "file:///etc/passwd", "a/k", "https://a:/k",
        "https://a:0/k", "https://a:65536/k", "https://a:x/k", "HTTPS://a/k"}) {
    EXPECT_FALSE(parse_url(url).has_value()) << url;
  }
}

}  // namespace
}  // namespace epaulet::web
