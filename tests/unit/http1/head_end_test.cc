#include "http/http1/head_end.h"

#include <string>

#include "tests/unit/http1/heads.h"

namespace epaulet::http::http1 {
namespace {

using End = std::optional<std::size_t>;

Result<End> find(std::string_view bytes, HeadLimits limits = {},
                 MessageKind kind = MessageKind::request) {
  std::size_t scanned = 0;
  return find_head_end(as_bytes(bytes), limits, scanned, kind);
}

Fault fault_in(std::string_view bytes, HeadLimits limits = {},
               MessageKind kind = MessageKind::request) {
  const auto end = find(bytes, limits, kind);
  return end ? Fault::none : fault_of(end.error());
}

TEST(HeadEnd, needs_more_until_the_empty_line_is_whole) {
  constexpr std::string_view kHead = "GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n";
  for (std::size_t length = 0; length < kHead.size(); ++length) {
    EXPECT_EQ(*find(kHead.substr(0, length)), std::nullopt) << length;
  }
  EXPECT_EQ(*find(kHead), kHead.size());
}

TEST(HeadEnd, leaves_what_follows_the_head) {
  EXPECT_EQ(*find("GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"), End(18));
  EXPECT_EQ(*find("POST / HTTP/1.1\r\n\r\n\0\n\r binary"sv), End(19));
}

TEST(HeadEnd, says_the_same_however_the_bytes_are_cut) {
  constexpr std::string_view kInputs[] = {
      "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nX-Long: 0123456789012345678901234567890\r\n\r\nbody",
      "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\0X: b\r\n\r\n"sv,
      "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
  };
  for (const auto input : kInputs) {
    const auto whole = find(input);
    for (std::size_t step = 1; step <= input.size(); ++step) {
      std::size_t scanned = 0;
      Result<End> in_steps = End();
      for (std::size_t length = 0; in_steps && !*in_steps && length < input.size();) {
        length = std::min(length + step, input.size());
        in_steps = find_head_end(as_bytes(input.substr(0, length)), {}, scanned);
        EXPECT_LE(scanned, length);
      }
      ASSERT_EQ(in_steps.has_value(), whole.has_value()) << step;
      if (whole) {
        EXPECT_EQ(*in_steps, *whole) << step;
      } else {
        EXPECT_EQ(in_steps.error(), whole.error()) << step;
      }
    }
  }
}

TEST(HeadEnd, looks_at_each_byte_of_a_slow_sender_once) {
  const std::string head = "GET / HTTP/1.1\r\nX: " + std::string(1000, 'a');
  std::size_t scanned = 0;
  ASSERT_TRUE(find_head_end(as_bytes(head), {}, scanned));
  EXPECT_EQ(scanned, head.size());
  // What was scanned is not judged again: the NUL put into it goes unseen here (the parser sees
  // it).
  std::string damaged = head + "bcd";
  damaged[20] = '\0';
  EXPECT_TRUE(find_head_end(as_bytes(damaged), {}, scanned));
}

TEST(HeadEnd, refuses_line_ends_with_two_readings_at_once) {
  EXPECT_EQ(fault_in("GET / HTTP/1.1\n"), Fault::bare_lf);
  EXPECT_EQ(fault_in("\n"), Fault::bare_lf);
  EXPECT_EQ(fault_in("GET / HTTP/1.1\r\nHost: a\n"), Fault::bare_lf);
  EXPECT_EQ(fault_in("GET / HTTP/1.1\r\r"), Fault::bare_cr);
  EXPECT_EQ(fault_in("GET / HTTP/1.1\rH"), Fault::bare_cr);
  EXPECT_EQ(fault_in("GET /\0"sv), Fault::nul);
  // A CR at the very end may still be followed by LF.
  EXPECT_EQ(fault_in("GET / HTTP/1.1\r"), Fault::none);
  EXPECT_EQ(fault_in("\r\n\r\n\r"), Fault::none);
}

TEST(HeadEnd, takes_a_few_empty_lines_before_a_request_and_none_before_a_response) {
  const std::string line = "\r\n";
  std::string before;
  for (std::size_t i = 0; i < limits::kEmptyLinesBeforeRequestMax; ++i) {
    before += line;
    EXPECT_EQ(*find(before), std::nullopt);
    EXPECT_EQ(*find(before + "GET / HTTP/1.1\r\n\r\n"), End(before.size() + 18));
  }
  EXPECT_EQ(fault_in(before + line), Fault::empty_lines);
  EXPECT_EQ(fault_in(line + "HTTP/1.1 200 OK\r\n\r\n", {}, MessageKind::response),
            Fault::empty_lines);
}

TEST(HeadEnd, admits_exactly_the_limit) {
  const std::string head = "GET / HTTP/1.1\r\nX: abcdefgh\r\n\r\n";
  HeadLimits limits;
  limits.bytes = head.size();
  EXPECT_EQ(*find(head, limits), End(head.size()));
  EXPECT_EQ(*find(head + "body", limits), End(head.size()));
  EXPECT_EQ(*find(head.substr(0, head.size() - 1), limits), std::nullopt);
  limits.bytes = head.size() - 1;
  const auto refused = find(head, limits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::head_too_large);
  EXPECT_EQ(fault_of(refused.error()), Fault::too_many_bytes);
  // Too large is known as soon as the limit is full without an end.
  EXPECT_EQ(fault_in(head.substr(0, head.size() - 1), limits), Fault::too_many_bytes);
  EXPECT_EQ(fault_in(head.substr(0, head.size() - 2), limits), Fault::none);
}

TEST(HeadEnd, errors_name_the_side_that_sent_the_head) {
  const auto request = find("GET\n");
  EXPECT_EQ(request.error(), (Error{ErrorCode::head_malformed, Side::downstream, Stage::parse,
                                    Retry::never, static_cast<int>(Fault::bare_lf)}));
  const auto response = find("HTTP/1.1 200\n", {}, MessageKind::response);
  EXPECT_EQ(response.error(), (Error{ErrorCode::response_malformed, Side::upstream, Stage::parse,
                                     Retry::never, static_cast<int>(Fault::bare_lf)}));
  HeadLimits limits;
  limits.bytes = 4;
  EXPECT_EQ(find("HTTP/1.1 200", limits, MessageKind::response).error().code,
            ErrorCode::response_head_too_large);
}

}  // namespace
}  // namespace epaulet::http::http1
