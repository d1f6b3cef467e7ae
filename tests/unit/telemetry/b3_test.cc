#include "telemetry/b3.h"

#include <gtest/gtest.h>

#include <string>

namespace epaulet::telemetry {
namespace {

// The examples of the specification.
constexpr std::string_view kTrace = "80f198ee56343ba864fe8b2a57d3eff7";
constexpr std::string_view kSpan = "e457b5a2e4d86bd1";
const std::string kIds = std::string(kTrace) + "-" + std::string(kSpan);

template <std::size_t N>
std::string text(const std::array<char, N>& from) {
  return {from.data(), N};
}

std::string written(const TraceContext& context, bool debug = false) {
  B3Lines lines;
  lines.add(context, debug);
  return std::string(lines.view());
}

TEST(B3, reads_ids_decision_and_the_spans_parent) {
  const auto b3 = parse_b3(kIds + "-1-05e3ac9a4f6e3b90");
  ASSERT_TRUE(b3 && b3->context);
  EXPECT_EQ(text(b3->context->trace_id), kTrace);
  EXPECT_EQ(text(b3->context->parent_id), kSpan);
  EXPECT_TRUE(b3->context->sampled);
  EXPECT_EQ(b3->decision, true);
  EXPECT_FALSE(b3->debug);
}

TEST(B3, leaves_a_decision_that_is_not_there_to_its_reader) {
  const auto b3 = parse_b3(kIds);
  ASSERT_TRUE(b3 && b3->context);
  EXPECT_FALSE(b3->decision);
  EXPECT_FALSE(b3->context->sampled);
}

TEST(B3, reads_decisions_alone) {
  EXPECT_EQ(parse_b3("0")->decision, false);
  EXPECT_EQ(parse_b3("1")->decision, true);
  EXPECT_EQ(parse_b3("d")->decision, true);
  EXPECT_TRUE(parse_b3("d")->debug);
  EXPECT_FALSE(parse_b3("0")->context);
}

TEST(B3, pads_ids_of_64_bits_and_calls_them_as_they_were) {
  const auto b3 = parse_b3("a3ce929d0e0e4736-00f067aa0ba902b7-0");
  ASSERT_TRUE(b3 && b3->context);
  EXPECT_EQ(text(b3->context->trace_id), "0000000000000000a3ce929d0e0e4736");
  EXPECT_EQ(written(*b3->context), "b3: a3ce929d0e0e4736-00f067aa0ba902b7-0\r\n");
}

TEST(B3, takes_upper_case_for_what_it_means) {
  const auto b3 = parse_b3("A3CE929D0E0E4736-00F067AA0BA902B7-1");
  ASSERT_TRUE(b3 && b3->context);
  EXPECT_EQ(text(b3->context->trace_id), "0000000000000000a3ce929d0e0e4736");
}

TEST(B3, refuses_what_is_malformed) {
  const std::string span(kSpan);
  const std::string bad[] = {
      "",
      "2",
      "dd",
      std::string(kTrace),
      std::string(kTrace) + "-",
      std::string(kTrace) + "-" + span.substr(1),
      std::string(kTrace).substr(1) + "-" + span,
      kIds + "-",
      kIds + "-2",
      kIds + "1",
      kIds + "-1-",
      kIds + "-1-05e3ac9a4f6e3b9",
      kIds + "-1-05e3ac9a4f6e3b90-",
      kIds + "-1-x5e3ac9a4f6e3b90",
      "00000000000000000000000000000000-" + span + "-1",
      std::string(kTrace) + "-0000000000000000-1",
      "g0f198ee56343ba864fe8b2a57d3eff7-" + span + "-1",
  };
  for (const auto& each : bad) EXPECT_FALSE(parse_b3(each)) << each;
}

TEST(B3, reads_several_fields) {
  const auto b3 = parse_b3(B3Fields{kTrace, kSpan, "1", ""});
  ASSERT_TRUE(b3 && b3->context);
  EXPECT_TRUE(b3->context->sampled);
  EXPECT_EQ(parse_b3(B3Fields{kTrace, kSpan, "false", ""})->decision, false);
  EXPECT_FALSE(parse_b3(B3Fields{kTrace, kSpan, "", ""})->decision);
  const auto debug = parse_b3(B3Fields{kTrace, kSpan, "", "1"});
  EXPECT_TRUE(debug->debug && debug->context->sampled);
  EXPECT_EQ(parse_b3(B3Fields{"", "", "0", ""})->decision, false);
}

TEST(B3, refuses_several_fields_that_do_not_fit) {
  EXPECT_FALSE(parse_b3(B3Fields{kTrace, "", "1", ""}));
  EXPECT_FALSE(parse_b3(B3Fields{"", kSpan, "1", ""}));
  EXPECT_FALSE(parse_b3(B3Fields{kTrace, kSpan, "yes", ""}));
  EXPECT_FALSE(parse_b3(B3Fields{"", "", "", "0"}));
}

TEST(B3, is_written_in_either_way) {
  auto context = *parse_b3(kIds + "-1")->context;
  EXPECT_EQ(written(context), "b3: " + kIds + "-1\r\n");
  EXPECT_EQ(written(context, true), "b3: " + kIds + "-d\r\n");
  std::string lines;
  const auto add = [&](bool debug) {
    B3Lines more;
    more.add_multi(context, debug);
    lines += more.view();
  };
  add(false);
  context.sampled = false;
  add(false);
  add(true);
  const std::string ids =
      "x-b3-traceid: " + std::string(kTrace) + "\r\nx-b3-spanid: " + std::string(kSpan) + "\r\n";
  EXPECT_EQ(lines,
            ids + "x-b3-sampled: 1\r\n" + ids + "x-b3-sampled: 0\r\n" + ids + "x-b3-flags: 1\r\n");
}

}  // namespace
}  // namespace epaulet::telemetry
