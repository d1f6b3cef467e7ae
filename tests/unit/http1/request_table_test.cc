#include "tests/unit/http1/request_rows.h"

#include "tests/fuzz/support/naive_http1.h"

namespace epaulet::http::http1 {
namespace {

using namespace request_rows;

TEST(RequestTable, refuses_every_message_with_two_readings) {
  for (const Refused& row : kRefused) {
    SCOPED_TRACE(row.why);
    RequestHead head;
    const auto received = receive_request(row.head, head);
    ASSERT_FALSE(received);
    EXPECT_EQ(received.error().code, row.code) << describe_fault(fault_of(received.error())).text;
    EXPECT_EQ(fault_of(received.error()), row.fault)
        << describe_fault(fault_of(received.error())).text;
    EXPECT_EQ(received.error().side, Side::downstream);
    EXPECT_EQ(received.error().stage, Stage::parse);
    EXPECT_EQ(received.error().retry, Retry::never);
    EXPECT_FALSE(naive::read_request(row.head, 200).ok) << "the oracle takes it";
  }
  EXPECT_GE(std::size(kRefused), 150U);
}

TEST(RequestTable, refuses_them_also_without_the_early_look_for_the_end) {
  for (const Refused& row : kRefused) {
    RequestHead head;
    EXPECT_FALSE(parse_request_head(as_bytes(row.head), {}, head)) << row.why;
  }
}

TEST(RequestTable, refuses_the_framing_rows_wherever_the_field_stands) {
  // The same field as last, not behind Host: a parser that stops early would pass it.
  for (const Refused& row : kRefused) {
    if (row.code != kAmbiguous) continue;
    std::string moved(row.head.substr(0, row.head.size() - 2));
    moved += "X-1: a\r\nX-2: b\r\nX-3:\r\n\r\n";
    RequestHead head;
    const auto received = receive_request(moved, head);
    ASSERT_FALSE(received) << row.why;
    EXPECT_EQ(fault_of(received.error()), row.fault) << row.why;
  }
}

TEST(RequestTable, accepts_what_is_odd_but_clear) {
  for (const Accepted& row : kAccepted) {
    SCOPED_TRACE(row.why);
    RequestHead head;
    const auto received = receive_request(row.head, head);
    ASSERT_TRUE(received) << describe_fault(fault_of(received.error())).text;
    EXPECT_EQ(head.framing.kind, row.kind);
    EXPECT_EQ(head.framing.length, row.length);
    EXPECT_EQ(head.keep_alive, row.keep_alive);
    EXPECT_EQ(head.path, row.path);
    EXPECT_EQ(head.query, row.query);
    EXPECT_EQ(head.authority, row.authority);
    EXPECT_TRUE(naive::read_request(row.head, 200).ok) << "the oracle refuses it";
  }
}

}  // namespace
}  // namespace epaulet::http::http1
