#include "k8s/injector/review.h"

#include <gtest/gtest.h>

#include "fixture.h"

namespace epaulet::injector {
namespace {

constexpr const char* kReview =
    R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u-1",
    "kind":{"group":"","version":"v1","kind":"Pod"},"namespace":"shop","operation":"CREATE",
    "object":{"metadata":{"generateName":"orders-"},"spec":{"containers":[]}}}})";

std::string changed(std::string_view from, std::string_view to) {
  std::string text = kReview;
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(Review, of_a_pod_is_read) {
  const auto review = read_review(kReview);
  ASSERT_TRUE(review);
  EXPECT_EQ(review->uid, "u-1");
  EXPECT_EQ(review->name_space, "shop");
  EXPECT_EQ(review->pod_name, "orders-*");
}

TEST(Review, of_anything_else_is_refused) {
  const auto why = [](const std::string& text) {
    const auto review = read_review(text);
    return review ? "read" : review.error().what;
  };
  EXPECT_TRUE(why("{").starts_with("the review is no JSON"));
  EXPECT_TRUE(why(std::string(5000, '[')).starts_with("the review is no JSON")) << "too deep";
  EXPECT_EQ(why(std::string(kReviewBytesMax + 1, ' ')), "the review is too large");
  EXPECT_EQ(why("[]"), "this is no AdmissionReview");
  EXPECT_EQ(why(changed("\"admission.k8s.io/v1\"", "\"admission.k8s.io/v1beta1\"")),
            "the AdmissionReview is not of admission.k8s.io/v1");
  EXPECT_EQ(why(changed("\"u-1\"", "\"\"")), "the request has no usable uid");
  EXPECT_EQ(why(changed("\"Pod\"", "\"Service\"")),
            "the request is not about the creation of a pod");
  EXPECT_EQ(why(changed("\"CREATE\"", "\"UPDATE\"")),
            "the request is not about the creation of a pod");
  EXPECT_EQ(why(changed("\"spec\":{\"containers\":[]}", "\"spec\":[]")),
            "the request has no pod with a spec");
  EXPECT_EQ(why(changed("\"shop\"", "null")), "the request has no usable namespace");
  EXPECT_EQ(why(changed("\"shop\"", "\"s/op\"")), "the request has no usable namespace");
}

TEST(Review, answer_carries_the_uid_and_the_patch) {
  Verdict verdict;
  verdict.patch = json::parse(R"([{"op":"add","path":"/a","value":1}])").as_array();
  verdict.warnings = {"careful", std::string(300, 'x')};
  const auto answer = json::parse(answer_text("u-1", verdict));
  const auto& response = answer.at("response").as_object();
  EXPECT_EQ(response.at("uid"), "u-1");
  EXPECT_EQ(response.at("allowed"), true);
  EXPECT_EQ(response.at("patchType"), "JSONPatch");
  EXPECT_EQ(response.at("patch"), "W3sib3AiOiJhZGQiLCJwYXRoIjoiL2EiLCJ2YWx1ZSI6MX1d");
  EXPECT_EQ(response.at("warnings").at(1).as_string().size(), 250u);
}

TEST(Review, answer_of_a_refusal_has_the_message_and_no_patch) {
  Verdict verdict;
  verdict.allowed = false;
  verdict.refusal = "no";
  const auto answer = json::parse(answer_text("u", verdict));
  const auto& response = answer.at("response").as_object();
  EXPECT_EQ(response.at("status").at("message"), "no");
  EXPECT_FALSE(response.contains("patch"));
}

TEST(Review, base64_is_right_for_every_remainder) {
  for (const auto& [value, text] :
       {std::pair{"1", "W3sidiI6MX1d"}, {"11", "W3sidiI6MTF9XQ=="}, {"111", "W3sidiI6MTExfV0="}}) {
    Verdict verdict;
    verdict.patch = json::parse(std::string("[{\"v\":") + value + "}]").as_array();
    EXPECT_EQ(json::parse(answer_text("u", verdict)).at("response").at("patch"), text);
  }
}

}  // namespace
}  // namespace epaulet::injector
