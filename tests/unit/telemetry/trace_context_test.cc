#include "telemetry/trace_context.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace epaulet::telemetry {
namespace {

// The example of W3C Trace Context section 3.2.3.
constexpr std::string_view kExample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

template <std::size_t N>
std::string text(const std::array<char, N>& from) {
  return {from.data(), N};
}

TEST(TraceContext, reads_the_example_of_the_specification) {
  const auto context = TraceContext::parse(kExample);
  ASSERT_TRUE(context);
  EXPECT_EQ(text(context->trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(text(context->parent_id), "00f067aa0ba902b7");
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(text(context->to_text()), kExample);
}

TEST(TraceContext, takes_unknown_flags_and_higher_versions) {
  std::string flags(kExample);
  flags.replace(53, 2, "fe");
  ASSERT_TRUE(TraceContext::parse(flags));
  EXPECT_FALSE(TraceContext::parse(flags)->sampled);
  EXPECT_TRUE(TraceContext::parse("cc" + std::string(kExample.substr(2))));
  EXPECT_TRUE(TraceContext::parse("cc" + std::string(kExample.substr(2)) + "-what-comes"));
}

TEST(TraceContext, refuses_what_the_specification_refuses) {
  const std::string good(kExample);
  const auto with = [&good](std::size_t at, std::string_view part) {
    std::string bad = good;
    return bad.replace(at, part.size(), part);
  };
  const std::string bad[] = {
      "",
      good.substr(0, 54),
      good + "0",                                   // version 00 has one length
      good + "-00",                                 //
      "cc" + good.substr(2) + "x",                  // more only after a dash
      with(0, "ff"),                                // forbidden version
      with(0, "0x"),                                //
      with(2, "_"),                                 //
      with(35, "0"),                                //
      with(52, "0"),                                //
      with(3, "00000000000000000000000000000000"),  // no trace
      with(36, "0000000000000000"),                 // no parent
      with(3, "4BF92F3577B34DA6A3CE929D0E0E4736"),  // upper case
      with(53, "0g"),                               //
  };
  for (const auto& each : bad) EXPECT_FALSE(TraceContext::parse(each)) << each;
}

TEST(TraceContext, begins_valid_traces_that_differ) {
  Random random(7);
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto context = TraceContext::begin(random, i % 2 == 0);
    const auto parsed = TraceContext::parse(text(context.to_text()));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->sampled, i % 2 == 0);
    seen.insert(text(context.trace_id));
  }
  EXPECT_EQ(seen.size(), 100u);
}

TEST(TraceContext, hands_on_the_trace_with_a_parent_of_its_own) {
  Random random(7);
  const auto context = TraceContext::parse(kExample);
  const auto child = context->child(random);
  EXPECT_EQ(child.trace_id, context->trace_id);
  EXPECT_NE(child.parent_id, context->parent_id);
  EXPECT_TRUE(child.sampled);
}

TEST(RequestId, is_32_hexadecimal_digits) {
  Random random(7);
  std::array<char, 32> first;
  std::array<char, 32> second;
  write_request_id(random, first);
  write_request_id(random, second);
  EXPECT_EQ(text(first).find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace epaulet::telemetry
