#include "crypto/spiffe_id.h"

#include <gtest/gtest.h>

namespace epaulet {
namespace {

TEST(SpiffeIdTest, a_workload_of_the_mesh_is_taken_apart) {
  const auto id = SpiffeId::parse("spiffe://cluster.local/ns/default/sa/api");
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->trust_domain(), "cluster.local");
  EXPECT_EQ(id->path(), "/ns/default/sa/api");
  EXPECT_TRUE(id->is_workload());
  ASSERT_TRUE(id->service_account().has_value());
  EXPECT_EQ(id->service_account()->name_space, "default");
  EXPECT_EQ(id->service_account()->name, "api");
}

TEST(SpiffeIdTest, a_trust_domain_alone_is_no_workload) {
  const auto id = SpiffeId::parse("spiffe://cluster.local");
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->trust_domain(), "cluster.local");
  EXPECT_FALSE(id->is_workload());
}

TEST(SpiffeIdTest, other_paths_are_valid_but_no_service_account) {
  for (const char* text :
       {"spiffe://td/payments/web", "spiffe://td/ns/a/sa", "spiffe://td/ns/a/sa/b/c",
        "spiffe://td/ns/a/b/c", "spiffe://td/xns/a/sa/b", "spiffe://td/ns"}) {
    const auto id = SpiffeId::parse(text);
    ASSERT_TRUE(id.has_value()) << text;
    EXPECT_FALSE(id->service_account().has_value()) << text;
  }
}

TEST(SpiffeIdTest, everything_else_is_refused_and_named) {
  const std::string nul("spiffe://td/a\0b", 15);
  for (const std::string& text : std::vector<std::string>{"",
                                                          "spiffe:",
                                                          "spiffe:/td/a",
                                                          "http://td/a",
                                                          "SPIFFE://td/a",
                                                          "spiffe://",
                                                          "spiffe:///a",
                                                          "spiffe://TD/a",
                                                          "spiffe://td:80/a",
                                                          "spiffe://user@td/a",
                                                          "spiffe://td/",
                                                          "spiffe://td/a/",
                                                          "spiffe://td//a",
                                                          "spiffe://td/./a",
                                                          "spiffe://td/../a",
                                                          "spiffe://td/a?q",
                                                          "spiffe://td/a#f",
                                                          "spiffe://td/%61",
                                                          "spiffe://td/\xc3\xa4",
                                                          "spiffe://t\xc3\xa4/a",
                                                          " spiffe://td/a",
                                                          "spiffe://td/a ",
                                                          "spiffe://td?x",
                                                          nul}) {
    const auto id = SpiffeId::parse(text);
    ASSERT_FALSE(id.has_value()) << text;
    EXPECT_NE(id.error().what.find("is no SPIFFE ID"), std::string::npos) << text;
    EXPECT_FALSE(id.error().remedy.empty());
  }
}

TEST(SpiffeIdTest, lengths_are_bounded_at_the_limits_of_the_standard) {
  const std::string domain(255, 'd');
  EXPECT_TRUE(SpiffeId::parse("spiffe://" + domain + "/a").has_value());
  EXPECT_FALSE(SpiffeId::parse("spiffe://d" + domain + "/a").has_value());
  const std::string longest = "spiffe://td/" + std::string(2048 - 12, 'a');
  EXPECT_TRUE(SpiffeId::parse(longest).has_value());
  EXPECT_FALSE(SpiffeId::parse(longest + "a").has_value());
}

TEST(SpiffeIdTest, a_foreign_text_cannot_write_control_characters_into_a_log) {
  const auto id = SpiffeId::parse("spiffe://td/\x1b[31m\n");
  ASSERT_FALSE(id.has_value());
  for (const char c : id.error().what) EXPECT_GE(c, ' ');
}

}  // namespace
}  // namespace epaulet
