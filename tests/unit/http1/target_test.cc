#include "http/http1/target.h"

#include <gtest/gtest.h>

namespace epaulet::http::http1 {
namespace {

TEST(ParseAuthority, splits_host_and_port) {
  const auto name = parse_authority("api2.default:8080");
  EXPECT_EQ(name.fault, Fault::none);
  EXPECT_EQ(name.authority.host, "api2.default");
  EXPECT_EQ(name.authority.port, 8080);
  const auto bare = parse_authority("api2");
  EXPECT_EQ(bare.authority.host, "api2");
  EXPECT_EQ(bare.authority.port, std::nullopt);
  const auto v6 = parse_authority("[fd00::1]:65535");
  EXPECT_EQ(v6.fault, Fault::none);
  EXPECT_EQ(v6.authority.host, "[fd00::1]");
  EXPECT_EQ(v6.authority.port, 65535);
  EXPECT_EQ(parse_authority("[::ffff:10.0.0.1]").fault, Fault::none);
  EXPECT_EQ(parse_authority("[::]").fault, Fault::none);
  EXPECT_EQ(parse_authority("a:0").authority.port, 0);
}

TEST(ParseAuthority, refuses_what_has_two_readings) {
  for (const std::string_view text :
       {"",     ":",      ":80",     "a:",  "a:x",   "a:99999", "a:-1", "a:1:2", "[]",  "[::1",
        "::1]", "[::1]:", "[::1]80", "[1]", "[g::]", "a]:80",   "a b",  "a/b",   "a,b", "a%20b"}) {
    EXPECT_EQ(parse_authority(text).fault, Fault::authority) << text;
  }
  for (const std::string_view text : {"@", "a@b", "a@b:80", "a:b@c", "[::1]@b"}) {
    EXPECT_EQ(parse_authority(text).fault, Fault::userinfo) << text;
  }
}

TEST(SameAuthority, compares_hosts_without_case_and_ports_with_the_default) {
  const auto same = [](std::string_view a, std::string_view b) {
    return same_authority(parse_authority(a).authority, parse_authority(b).authority, 80);
  };
  EXPECT_TRUE(same("A.b", "a.B"));
  EXPECT_TRUE(same("a:80", "a"));
  EXPECT_TRUE(same("a:080", "a:80"));
  EXPECT_FALSE(same("a:81", "a"));
  EXPECT_FALSE(same("a", "a."));
  EXPECT_FALSE(same("a", "aa"));
}

}  // namespace
}  // namespace epaulet::http::http1
