#include "crypto/path_secret.h"

#include <gtest/gtest.h>

namespace epaulet {
namespace {

TEST(PathSecret, is_drawn_and_has_its_form) {
  const auto one = draw_path_secret();
  EXPECT_TRUE(is_path_secret(one)) << one;
  EXPECT_NE(one, draw_path_secret());
  for (const auto* other :
       {"", "0", "0123456789abcdef0123456789abcdeF", "0123456789abcdef0123456789abcde/",
        "0123456789abcdef0123456789abcdef0"})
    EXPECT_FALSE(is_path_secret(other)) << other;
}

TEST(PathSecret, is_the_same_or_another) {
  EXPECT_TRUE(is_same_secret("ab", "ab"));
  EXPECT_FALSE(is_same_secret("ab", "ac"));
  EXPECT_FALSE(is_same_secret("ab", "abc"));
  EXPECT_FALSE(is_same_secret("", "a"));
}

}  // namespace
}  // namespace epaulet
