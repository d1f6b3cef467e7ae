#include "crypto/api_key.h"

#include <gtest/gtest.h>

#include <set>

#include "base/limits.h"
#include "crypto/jose_hash.h"

namespace epaulet {
namespace {

const std::string kKey = "epk_0123456789abcdef";

TEST(ApiKeyTest, drawn_keys_differ_and_can_be_sent) {
  std::set<std::string> drawn;
  for (int i = 0; i < 100; ++i) drawn.insert(draw_api_key());
  EXPECT_EQ(drawn.size(), 100u);
  for (const auto& key : drawn) {
    EXPECT_EQ(key.size(), 47u);
    EXPECT_TRUE(key.starts_with("epk_"));
    EXPECT_EQ(flaw_of_api_key(key), "");
  }
}

TEST(ApiKeyTest, a_hash_is_what_the_key_itself_gives) {
  // printf epk_0123456789abcdef | sha256sum
  const auto line = write_api_key_hash(hash_token(kKey));
  EXPECT_EQ(line.size(), 7u + 64u);
  const auto hashed = read_api_keys(line, "f");
  const auto plain = read_api_keys(kKey, "f");
  ASSERT_TRUE(hashed.has_value() && plain.has_value());
  EXPECT_EQ(*hashed, *plain);
  EXPECT_EQ(*read_api_keys("sha256:" + std::string(64, 'A'), "f"),
            *read_api_keys("sha256:" + std::string(64, 'a'), "f"));
}

TEST(ApiKeyTest, a_file_has_one_a_line_with_comments) {
  const auto keys = read_api_keys("# old\n  " + kKey + "  \r\n\n#" + kKey + "\n" + kKey + "2", "f");
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(*keys, (std::vector<Sha256>{hash_token(kKey), hash_token(kKey + "2")}));
}

TEST(ApiKeyTest, comments_alone_are_no_keys_and_nothing_is_an_error) {
  ASSERT_TRUE(read_api_keys("# all were taken back\n", "f").has_value());
  EXPECT_TRUE(read_api_keys("# all were taken back\n", "f")->empty());
  EXPECT_FALSE(read_api_keys("", "f").has_value());
  EXPECT_FALSE(read_api_keys("\n \n", "f").has_value());
}

TEST(ApiKeyTest, a_reason_names_the_line_and_never_the_key) {
  const std::pair<std::string, std::string> rows[] = {
      {"short-secret", "shorter than 16"},
      {std::string(limits::kApiKeyBytesMax + 1, 's'), "longer than 512"},
      {"a secret with blanks", "blanks"},
      {"secret-with-\x01-control", "blanks"},
      {"secret-mit-uml\xc3\xa4ut", "blanks"},
      {"sha256:" + std::string(63, 'a'), "64 hexadecimal"},
      {"sha256:" + std::string(63, 'a') + "g", "64 hexadecimal"},
  };
  for (const auto& [line, reason] : rows) {
    const auto keys = read_api_keys(kKey + "\n" + line + "\n", "user.keys");
    ASSERT_FALSE(keys.has_value()) << line;
    const auto text = keys.error().to_string();
    EXPECT_NE(text.find("line 2 of user.keys"), std::string::npos) << text;
    EXPECT_NE(text.find(reason), std::string::npos) << text;
    EXPECT_EQ(text.find(line.substr(0, 20)), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace epaulet
