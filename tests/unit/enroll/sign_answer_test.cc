#include "enroll/sign_answer.h"

#include <gtest/gtest.h>

namespace epaulet::enroll {
namespace {

TEST(SignAnswerTest, holds_certificates_and_roots) {
  const auto answer = parse_sign_answer(200, R"({"certificates":"A","bundle":"B","more":1})");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->certificates, "A");
  EXPECT_EQ(answer->bundle, "B");
}

TEST(SignAnswerTest, a_refusal_is_told_in_the_service_s_words_but_printable) {
  const auto refused =
      parse_sign_answer(401, "{\"error\":\"no\\u0007 token\",\"remedy\":\"make one\"}");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().what, "the identity service refused (401): no? token");
  EXPECT_EQ(refused.error().remedy, "make one");
  const auto long_one = parse_sign_answer(503, R"({"error":")" + std::string(5000, 'x') + "\"}");
  EXPECT_LT(long_one.error().what.size(), 400u);
}

TEST(SignAnswerTest, anything_else_is_no_answer) {
  const std::string deep(100, '[');
  for (const std::string& body : {std::string(), std::string("<html>"), std::string("[]"),
                                  std::string("{}"), std::string(R"({"certificates":"A"})"),
                                  std::string(R"({"certificates":1,"bundle":"B"})"), deep}) {
    EXPECT_FALSE(parse_sign_answer(200, body).has_value()) << body;
    EXPECT_FALSE(parse_sign_answer(500, body).has_value()) << body;
  }
}

}  // namespace
}  // namespace epaulet::enroll
