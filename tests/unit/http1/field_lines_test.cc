#include "http/http1/field_lines.h"

#include <gtest/gtest.h>

namespace epaulet::http::http1 {
namespace {

using namespace std::string_view_literals;

TEST(ParseFieldLine, splits_name_and_value) {
  Field field;
  ASSERT_EQ(parse_field_line("cOnTeNt-Length:\t 5 \t", field), Fault::none);
  EXPECT_EQ(field.name, "cOnTeNt-Length");
  EXPECT_EQ(field.value, "5");
  EXPECT_EQ(field.id, FieldId::content_length);
  ASSERT_EQ(parse_field_line("X:", field), Fault::none);
  EXPECT_EQ(field.value, "");
  ASSERT_EQ(parse_field_line("X: \t ", field), Fault::none);
  EXPECT_EQ(field.value, "");
  ASSERT_EQ(parse_field_line("X:: a : b", field), Fault::none);
  EXPECT_EQ(field.value, ": a : b");
}

TEST(ParseFieldLine, names_the_fault) {
  Field field;
  EXPECT_EQ(parse_field_line("", field), Fault::field_name);
  EXPECT_EQ(parse_field_line("X", field), Fault::field_name);
  EXPECT_EQ(parse_field_line(":", field), Fault::field_name);
  EXPECT_EQ(parse_field_line(" X: y", field), Fault::folded_line);
  EXPECT_EQ(parse_field_line("X : y", field), Fault::space_before_colon);
  EXPECT_EQ(parse_field_line("X: a\rb", field), Fault::bare_cr);
  EXPECT_EQ(parse_field_line("X: a\nb", field), Fault::bare_lf);
  EXPECT_EQ(parse_field_line("X: a\0b"sv, field), Fault::nul);
  EXPECT_EQ(parse_field_line("X: a\x1f", field), Fault::field_value);
}

TEST(ParseFieldLine, sees_every_forbidden_octet_at_every_place_of_a_value) {
  // The value is looked at in words of eight octets: each place in a word counts.
  for (int octet = 0; octet < 256; ++octet) {
    const bool allowed = octet == '\t' || (octet >= ' ' && octet != 0x7f);
    for (std::size_t at = 0; at < 20; ++at) {
      std::string line = "X: 01234567890123456789";
      line[3 + at] = static_cast<char>(octet);
      Field field;
      EXPECT_EQ(parse_field_line(line, field) == Fault::none, allowed) << octet << " at " << at;
    }
  }
}

TEST(ParseFieldLine, knows_the_octets_of_a_name) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";  // RFC 9110 section 5.6.2.
  for (int octet = 0; octet < 256; ++octet) {
    if (octet == ':') continue;
    const char c = static_cast<char>(octet);
    const bool allowed = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                         (c >= 'A' && c <= 'Z') ||
                         (octet < 128 && kOthers.find(c) != std::string_view::npos);
    Field field;
    EXPECT_EQ(parse_field_line(std::string("A") + c + "B: x", field) == Fault::none, allowed)
        << octet;
  }
}

TEST(Nominations, what_frames_routes_or_proves_may_not_be_nominated) {
  for (const std::string_view name :
       {"Host", "content-length", "Transfer-Encoding", "Content_Length", "transfer_encoding",
        "Expect", "AUTHORIZATION", "Cookie", "X-Request-Id", "x-epaulet-roles",
        "X_EPAULET_ROLES"}) {
    EXPECT_FALSE(may_be_nominated(name)) << name;
  }
  for (const std::string_view name :
       {"", "close", "keep-alive", "Upgrade", "TE", "HTTP2-Settings", "Foo", "Cookies",
        "X-Forwarded-For", "Content-Type", "Proxy-Authorization"}) {
    EXPECT_TRUE(may_be_nominated(name)) << name;
  }
}

TEST(FieldLines, collects_the_facts_of_all_fields) {
  Fields fields;
  FieldFacts facts;
  ASSERT_TRUE(parse_field_lines(
      "Host: a\r\nConnection: keep-alive\r\nHost: b\r\nConnection: close,upgrade\r\n"
      "Upgrade: x\r\nExpect: 100-Continue\r\nContent-Length: 7\r\n\r\n",
      HeadLimits(), MessageKind::request, fields, facts));
  EXPECT_EQ(fields.size(), 7U);
  EXPECT_EQ(facts.hosts, 2U);
  EXPECT_EQ(facts.host, "b");
  EXPECT_TRUE(facts.connection_close && facts.connection_keep_alive && facts.connection_upgrade);
  EXPECT_EQ(facts.upgrades, 1U);
  EXPECT_EQ(facts.upgrade, "x");
  EXPECT_TRUE(facts.expects_continue);
  EXPECT_FALSE(facts.expects_other);
  EXPECT_EQ(facts.framing.content_length, FramingFacts::Length::valid);
  EXPECT_EQ(facts.framing.length, 7U);
  EXPECT_EQ(facts.framing.transfer_encoding, FramingFacts::Coding::absent);
}

}  // namespace
}  // namespace epaulet::http::http1
