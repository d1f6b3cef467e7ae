#include "dns/domain_name.h"

#include <gtest/gtest.h>

namespace epaulet {
namespace {

DomainName name(std::string_view text) {
  return *DomainName::from_text(text);
}

TEST(DomainName, is_labels_with_lengths_on_the_wire) {
  EXPECT_EQ(name("api2.default").wire(), std::string("\4api2\7default\0", 14));
  EXPECT_EQ(name("").wire(), std::string("\0", 1));
}

TEST(DomainName, a_final_dot_changes_nothing) {
  EXPECT_EQ(name("api2.default."), name("api2.default"));
  EXPECT_EQ(name("."), DomainName());
}

TEST(DomainName, compares_without_case_and_keeps_its_spelling) {
  EXPECT_EQ(name("API2.Default"), name("api2.dEFAULT"));
  EXPECT_EQ(name("API2.Default").to_text(), "API2.Default");
  EXPECT_EQ(name("API2.Default").key(), "api2.default");
  EXPECT_FALSE(name("api2.default") == name("api3.default"));
}

TEST(DomainName, refuses_empty_and_overlong_labels) {
  EXPECT_FALSE(DomainName::from_text("a..b"));
  EXPECT_FALSE(DomainName::from_text(".a"));
  EXPECT_FALSE(DomainName::from_text("a.."));
  EXPECT_TRUE(DomainName::from_text(std::string(63, 'a')));
  EXPECT_FALSE(DomainName::from_text(std::string(64, 'a')));
}

TEST(DomainName, has_at_most_255_octets) {
  const std::string label(61, 'a');  // 62 with its length octet
  const std::string four = label + "." + label + "." + label + "." + label;
  EXPECT_TRUE(DomainName::from_text(four + ".abcde"));    // 248 + 6 + 1 = 255
  EXPECT_FALSE(DomainName::from_text(four + ".abcdef"));  // 256
}

TEST(DomainName, escapes_what_would_make_two_names_look_alike) {
  DomainName dotted;
  ASSERT_TRUE(dotted.append_label("api2.default"));
  EXPECT_EQ(dotted.to_text(), "api2\\.default");
  EXPECT_FALSE(dotted == name("api2.default"));
  DomainName odd;
  ASSERT_TRUE(odd.append_label(std::string("a\0 \\\xff", 5)));
  EXPECT_EQ(odd.to_text(), "a\\000\\032\\\\\\255");
}

TEST(DomainName, knows_its_zones) {
  EXPECT_TRUE(name("a.b.c").is_within(name("B.c")));
  EXPECT_TRUE(name("b.c").is_within(name("b.c")));
  EXPECT_TRUE(name("b.c").is_within(DomainName()));
  EXPECT_FALSE(name("b.c").is_within(name("a.b.c")));
  EXPECT_FALSE(name("ab.c").is_within(name("b.c")));
  EXPECT_EQ(name("a.b.c").parent(), name("b.c"));
  EXPECT_EQ(name("c").parent(), DomainName());
  EXPECT_EQ(DomainName().parent(), DomainName());
}

}  // namespace
}  // namespace epaulet
