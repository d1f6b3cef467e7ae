#include "http/http1/framing.h"

#include <gtest/gtest.h>

namespace epaulet::http::http1 {
namespace {

using Length = FramingFacts::Length;
using Coding = FramingFacts::Coding;
using Kind = Framing::Kind;

FramingFacts facts(Length length_state, Coding coding, std::uint64_t length = 0,
                   Version version = Version::http11) {
  FramingFacts out;
  out.version = version;
  out.content_length = length_state;
  out.transfer_encoding = coding;
  out.length = length;
  return out;
}

/// Every combination of what the two fields can be, and what it means in a request and in a 200
/// (RFC 9112 6.3).
struct Row {
  Length length;
  Coding coding;
  Fault fault;
  Kind request;
  Kind response;
};

constexpr auto kBoth = Fault::content_length_and_transfer_encoding;
constexpr Row kRows[] = {
    {Length::absent, Coding::absent, Fault::none, Kind::none, Kind::until_close},
    {Length::absent, Coding::chunked, Fault::none, Kind::chunked, Kind::chunked},
    {Length::absent, Coding::unknown, Fault::transfer_encoding_unknown, {}, {}},
    {Length::absent, Coding::duplicate, Fault::transfer_encoding_duplicate, {}, {}},
    {Length::valid, Coding::absent, Fault::none, Kind::length, Kind::length},
    {Length::valid, Coding::chunked, kBoth, {}, {}},
    {Length::valid, Coding::unknown, kBoth, {}, {}},
    {Length::valid, Coding::duplicate, kBoth, {}, {}},
    {Length::malformed, Coding::absent, Fault::content_length_syntax, {}, {}},
    {Length::malformed, Coding::chunked, kBoth, {}, {}},
    {Length::malformed, Coding::unknown, kBoth, {}, {}},
    {Length::malformed, Coding::duplicate, kBoth, {}, {}},
    {Length::duplicate, Coding::absent, Fault::content_length_duplicate, {}, {}},
    {Length::duplicate, Coding::chunked, kBoth, {}, {}},
    {Length::duplicate, Coding::unknown, kBoth, {}, {}},
    {Length::duplicate, Coding::duplicate, kBoth, {}, {}},
};

TEST(Framing, decides_every_combination) {
  for (const Row& row : kRows) {
    const auto seen = facts(row.length, row.coding, row.length == Length::valid ? 7 : 0);
    const auto request = frame_request(seen, Method::post);
    const auto response = frame_response(seen, 200, Method::get);
    EXPECT_EQ(request.fault, row.fault);
    EXPECT_EQ(response.fault, row.fault);
    if (row.fault != Fault::none) continue;
    EXPECT_EQ(request.framing.kind, row.request);
    EXPECT_EQ(response.framing.kind, row.response);
    EXPECT_EQ(request.framing.length, row.request == Kind::length ? 7U : 0U);
    EXPECT_FALSE(request.fields_are_void);
    EXPECT_FALSE(response.fields_are_void);
    EXPECT_FALSE(request.close_after);
  }
}

TEST(Framing, refuses_any_coding_in_http10) {
  for (const Row& row : kRows) {
    const auto seen = facts(row.length, row.coding, 0, Version::http10);
    const bool has_coding = row.coding != Coding::absent;
    EXPECT_EQ(frame_request(seen, Method::post).fault == Fault::transfer_encoding_in_http10,
              has_coding);
    EXPECT_EQ(frame_response(seen, 200, Method::get).fault == Fault::transfer_encoding_in_http10,
              has_coding);
  }
}

TEST(Framing, a_length_of_zero_is_no_body) {
  const auto zero = facts(Length::valid, Coding::absent, 0);
  EXPECT_EQ(frame_request(zero, Method::post).framing.kind, Kind::none);
  EXPECT_EQ(frame_response(zero, 200, Method::get).framing.kind, Kind::none);
  EXPECT_EQ(frame_request(zero, Method::connect).fault, Fault::none);
}

TEST(Framing, connect_announces_no_body) {
  EXPECT_EQ(frame_request(facts(Length::valid, Coding::absent, 1), Method::connect).fault,
            Fault::body_of_connect);
  EXPECT_EQ(frame_request(facts(Length::absent, Coding::chunked), Method::connect).fault,
            Fault::body_of_connect);
  EXPECT_EQ(frame_request(facts(Length::absent, Coding::absent), Method::connect).fault,
            Fault::none);
}

TEST(Framing, responses_that_never_have_a_body) {
  const auto silent = facts(Length::absent, Coding::absent);
  const auto length = facts(Length::valid, Coding::absent, 7);
  const auto chunked = facts(Length::absent, Coding::chunked);
  for (const auto& seen : {silent, length, chunked}) {
    const bool announced = seen.length > 0 || seen.transfer_encoding != Coding::absent;
    for (const unsigned status : {204, 304}) {
      const auto verdict = frame_response(seen, static_cast<std::uint16_t>(status), Method::get);
      EXPECT_EQ(verdict.fault, Fault::none);
      EXPECT_EQ(verdict.framing.kind, Kind::none);
      // 304 may describe the body of a 200; 204 may not.
      EXPECT_EQ(verdict.fields_are_void, status == 204);
      EXPECT_EQ(verdict.close_after, status == 204 && announced);
    }
    const auto head = frame_response(seen, 200, Method::head);
    EXPECT_EQ(head.framing.kind, Kind::none);
    EXPECT_FALSE(head.fields_are_void);
    EXPECT_FALSE(head.close_after);
    const auto tunnel = frame_response(seen, 299, Method::connect);
    EXPECT_EQ(tunnel.framing.kind, Kind::none);
    EXPECT_TRUE(tunnel.fields_are_void);
    for (const unsigned status : {100, 101, 103, 199}) {
      EXPECT_EQ(frame_response(seen, static_cast<std::uint16_t>(status), Method::get).fault,
                announced ? Fault::body_of_informational : Fault::none);
    }
  }
}

TEST(Framing, neighbours_of_the_bodiless_statuses_have_bodies) {
  const auto length = facts(Length::valid, Coding::absent, 7);
  for (const unsigned status : {200, 203, 205, 303, 305, 999}) {
    EXPECT_EQ(frame_response(length, static_cast<std::uint16_t>(status), Method::get).framing.kind,
              Kind::length)
        << status;
  }
  EXPECT_EQ(frame_response(length, 300, Method::connect).framing.kind, Kind::length);
}

TEST(Framing, faulty_fields_are_refused_where_they_would_mean_nothing) {
  const auto faulty = facts(Length::duplicate, Coding::absent);
  EXPECT_NE(frame_response(faulty, 204, Method::get).fault, Fault::none);
  EXPECT_NE(frame_response(faulty, 304, Method::get).fault, Fault::none);
  EXPECT_NE(frame_response(faulty, 200, Method::head).fault, Fault::none);
  EXPECT_NE(frame_response(faulty, 200, Method::connect).fault, Fault::none);
}

}  // namespace
}  // namespace epaulet::http::http1
