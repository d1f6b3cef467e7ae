#include "http/body_digest.h"

#include <gtest/gtest.h>

#include <string>

#include "runtime/random.h"

namespace epaulet::http {
namespace {

BodyDigest digest_of(const std::string& text) {
  BodyDigest digest;
  digest.add(as_bytes(text));
  return digest;
}

std::string random_text(Random& random, std::size_t bytes) {
  std::string text(bytes, '\0');
  for (char& one : text) one = static_cast<char>(random.below(256));
  return text;
}

TEST(BodyDigest, is_the_same_in_whatever_pieces_it_came) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    const auto text = random_text(random, random.below(60));
    BodyDigest in_pieces;
    for (std::size_t at = 0; at < text.size();) {
      const auto piece = text.substr(at, random.below(20));
      in_pieces.add(as_bytes(piece));
      at += piece.size();
    }
    ASSERT_EQ(in_pieces, digest_of(text)) << text.size();
  }
}

TEST(BodyDigest, differs_by_any_bit_and_any_byte_more_or_less) {
  Random random(2);
  for (std::size_t bytes = 0; bytes < 40; ++bytes) {
    const auto text = random_text(random, bytes);
    const auto digest = digest_of(text);
    for (std::size_t bit = 0; bit < bytes * 8; ++bit) {
      auto other = text;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
      ASSERT_FALSE(digest_of(other) == digest) << bytes << " " << bit;
    }
    ASSERT_FALSE(digest_of(text + '\0') == digest) << bytes;
  }
}

TEST(BodyDigest, differs_by_the_order_of_words_and_by_the_number_of_zeros) {
  const std::string one = "abcdefgh";
  const std::string two = "ABCDEFGH";
  EXPECT_FALSE(digest_of(one + two) == digest_of(two + one));
  EXPECT_FALSE(digest_of(one + one) == digest_of(two + two));
  EXPECT_FALSE(digest_of(std::string(8, '\0')) == digest_of(std::string(16, '\0')));
  EXPECT_FALSE(digest_of(std::string(7, '\0')) == digest_of(std::string(6, '\0')));
}

}  // namespace
}  // namespace epaulet::http
