#include "http/http1/chunked.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "tests/fuzz/support/naive_chunked.h"
#include "tests/unit/http1/heads.h"

namespace epaulet::http::http1 {
namespace {

using Kind = ChunkDecoder::Step::Kind;

struct Decoded {
  std::string data;
  std::string trailers;
  std::size_t consumed = 0;
  bool complete = false;
  Fault fault = Fault::none;
};

/// Feeds `input` in pieces of at most `piece` bytes.
Decoded decode(std::string_view input, std::size_t piece = static_cast<std::size_t>(-1)) {
  ChunkDecoder decoder;
  Decoded out;
  while (out.consumed < input.size()) {
    const auto given = input.substr(out.consumed, piece);
    const auto step = decoder.next(as_bytes(given));
    if (!step) {
      out.fault = fault_of(step.error());
      return out;
    }
    EXPECT_LE(step->consumed, given.size());
    out.consumed += step->consumed;
    out.data += as_text(step->data);
    switch (step->kind) {
      case Kind::need_more:
        EXPECT_EQ(step->consumed, given.size());
        break;
      case Kind::data:
        EXPECT_FALSE(step->data.empty());
        EXPECT_GE(step->data.data(), as_bytes(given).data()) << "a view, no copy";
        EXPECT_LE(step->data.data() + step->data.size(), as_bytes(given).data() + given.size());
        break;
      case Kind::end:
        out.complete = true;
        out.trailers = decoder.trailers();
        return out;
    }
  }
  return out;
}

TEST(ChunkDecoder, yields_data_and_leaves_the_next_message) {
  const auto decoded = decode("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /");
  EXPECT_TRUE(decoded.complete);
  EXPECT_EQ(decoded.data, "hello world");
  EXPECT_EQ(decoded.trailers, "");
  EXPECT_EQ(decoded.consumed, 26U);
}

TEST(ChunkDecoder, says_the_same_for_every_size_of_pieces) {
  constexpr std::string_view kBody =
      "5;a=b\r\nhello\r\n00a ; \"q\"\r\n0123456789\r\nA\r\n\r\n\r\n\r\n\r\n\r\n\r\n0;x\r\nX-Sum: "
      "1\r\nHost: "
      "a\r\nY:2\r\n\r\nnext";
  const auto whole = decode(kBody);
  ASSERT_TRUE(whole.complete);
  EXPECT_EQ(whole.data, "hello0123456789\r\n\r\n\r\n\r\n\r\n");
  EXPECT_EQ(whole.trailers, "X-Sum: 1\r\nY:2\r\n");
  EXPECT_EQ(kBody.substr(whole.consumed), "next");
  for (std::size_t piece = 1; piece < kBody.size(); ++piece) {
    const auto decoded = decode(kBody, piece);
    EXPECT_EQ(decoded.data, whole.data) << piece;
    EXPECT_EQ(decoded.trailers, whole.trailers) << piece;
    EXPECT_EQ(decoded.consumed, whole.consumed) << piece;
  }
}

TEST(ChunkDecoder, an_empty_body_and_an_empty_input) {
  EXPECT_TRUE(decode("0\r\n\r\n").complete);
  EXPECT_TRUE(decode("0000000000000000\r\n\r\n").complete);
  ChunkDecoder decoder;
  const auto step = decoder.next({});
  ASSERT_TRUE(step);
  EXPECT_EQ(step->kind, Kind::need_more);
  EXPECT_EQ(step->consumed, 0U);
}

TEST(ChunkDecoder, once_ended_it_takes_nothing) {
  ChunkDecoder decoder;
  ASSERT_EQ(decoder.next(as_bytes("0\r\n\r\n"))->kind, Kind::end);
  const auto again = decoder.next(as_bytes("5\r\nhello\r\n"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->kind, Kind::end);
  EXPECT_EQ(again->consumed, 0U);
}

TEST(ChunkDecoder, once_failed_it_stays_failed) {
  ChunkDecoder decoder(MessageKind::response);
  const auto first = decoder.next(as_bytes("x"));
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error(), (Error{ErrorCode::response_malformed, Side::upstream, Stage::parse,
                                  Retry::never, static_cast<int>(Fault::chunk_size)}));
  const auto second = decoder.next(as_bytes("0\r\n\r\n"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), first.error());
  EXPECT_EQ(ChunkDecoder().next(as_bytes("x")).error().code, ErrorCode::chunk_malformed);
}

TEST(ChunkDecoder, knows_what_remains_of_a_chunk) {
  ChunkDecoder decoder;
  EXPECT_EQ(decoder.remaining_in_chunk(), 0U);
  ASSERT_TRUE(decoder.next(as_bytes("ffffffff\r\n")));
  EXPECT_EQ(decoder.remaining_in_chunk(), 0xffffffffU);
  ASSERT_TRUE(decoder.next(as_bytes("abc")));
  EXPECT_EQ(decoder.remaining_in_chunk(), 0xffffffffU - 3);
}

struct Row {
  std::string_view why;
  std::string_view section;
  std::string_view body;
  Fault fault;
};

constexpr Row kRefused[] = {
    {"no size", "RFC 9112 7.1", "\r\n", Fault::chunk_size},
    {"an extension without a size", "RFC 9112 7.1", ";a\r\n", Fault::chunk_size},
    {"a space before the size", "RFC 9112 7.1", " 5\r\nhello\r\n", Fault::chunk_size},
    {"a prefix", "RFC 9112 7.1", "0x5\r\nhello\r\n", Fault::chunk_size},
    {"a minus", "RFC 9112 7.1", "-5\r\nhello\r\n", Fault::chunk_size},
    {"a plus", "RFC 9112 7.1", "+5\r\nhello\r\n", Fault::chunk_size},
    {"a letter that is no digit", "RFC 9112 7.1", "5g\r\nhello\r\n", Fault::chunk_size},
    {"an underscore", "RFC 9112 7.1", "1_0\r\n", Fault::chunk_size},
    {"a comma", "RFC 9112 7.1", "5,\r\nhello\r\n", Fault::chunk_size},
    {"a NUL", "RFC 9112 7.1", "5\0\r\nhello\r\n"sv, Fault::chunk_size},
    {"a vertical tab", "RFC 9112 7.1", "5\v\r\nhello\r\n", Fault::chunk_size},
    {"a digit outside ASCII", "RFC 9112 7.1", "\xb2\r\n", Fault::chunk_size},
    {"seventeen digits", "RFC 9112 7.1", "00000000000000005\r\nhello\r\n",
     Fault::chunk_size_overflow},
    {"2^64 + 5", "RFC 9112 7.1", "10000000000000005\r\nhello\r\n", Fault::chunk_size_overflow},
    {"2^64 - 1", "RFC 9112 7.1", "ffffffffffffffff\r\nhello\r\n", Fault::chunk_size_overflow},
    {"2^63", "RFC 9112 7.1", "8000000000000000\r\nhello\r\n", Fault::chunk_size_overflow},
    {"2^63 before an extension", "RFC 9112 7.1", "8000000000000000;a\r\nhello\r\n",
     Fault::chunk_size_overflow},
    {"white space behind the size", "RFC 9112 7.1", "5 \r\nhello\r\n", Fault::chunk_extension},
    {"two sizes", "RFC 9112 7.1", "5 5\r\nhello\r\n", Fault::chunk_extension},
    {"bare LF behind the size", "RFC 9112 2.2", "5\nhello\r\n", Fault::chunk_line_end},
    {"bare CR behind the size", "RFC 9112 2.2", "5\rhello\r\n", Fault::chunk_line_end},
    {"CR CR LF behind the size", "RFC 9112 2.2", "5\r\r\nhello\r\n", Fault::chunk_line_end},
    {"bare LF in an extension", "RFC 9112 7.1.1", "5;a\nhello\r\n", Fault::chunk_line_end},
    {"bare LF behind white space", "RFC 9112 7.1.1", "5 \nhello\r\n", Fault::chunk_line_end},
    {"bare CR in an extension", "RFC 9112 7.1.1", "5;a\rb\r\nhello\r\n", Fault::chunk_line_end},
    {"bare LF in a quoted extension", "RFC 9112 7.1.1", "5;a=\"\n\"\r\nhello\r\n",
     Fault::chunk_line_end},
    {"a NUL in an extension", "RFC 9112 7.1.1", "5;a\0\r\nhello\r\n"sv, Fault::chunk_extension},
    {"a control character in an extension", "RFC 9112 7.1.1", "5;\x01\r\nhello\r\n",
     Fault::chunk_extension},
    {"DEL in an extension", "RFC 9112 7.1.1", "5;\x7f\r\nhello\r\n", Fault::chunk_extension},
    {"data longer than the size", "RFC 9112 7.1", "4\r\nhello\r\n", Fault::chunk_data_end},
    {"data shorter than the size", "RFC 9112 7.1", "6\r\nhello\r\n0\r\n\r\n",
     Fault::chunk_data_end},
    {"data without CRLF behind", "RFC 9112 7.1", "5\r\nhello0\r\n\r\n", Fault::chunk_data_end},
    {"bare LF behind data", "RFC 9112 7.1", "5\r\nhello\n0\r\n\r\n", Fault::chunk_data_end},
    {"bare CR behind data", "RFC 9112 7.1", "5\r\nhello\r0\r\n\r\n", Fault::chunk_data_end},
    {"an empty line too many", "RFC 9112 7.1", "5\r\nhello\r\n\r\n0\r\n\r\n", Fault::chunk_size},
    {"bare LF as the end", "RFC 9112 7.1", "0\r\n\n", Fault::bare_lf},
    {"bare CR as the end", "RFC 9112 7.1", "0\r\n\rx", Fault::bare_cr},
    {"the next request as trailer", "RFC 9112 7.1.2", "0\r\nGET / HTTP/1.1\r\n\r\n",
     Fault::space_before_colon},
    {"a trailer with bare LF", "RFC 9112 2.2", "0\r\nX: y\n\r\n", Fault::bare_lf},
    {"a trailer with bare CR", "RFC 9112 2.2", "0\r\nX: y\rZ: 1\r\n\r\n", Fault::bare_cr},
    {"a folded trailer", "RFC 9112 5.2", "0\r\nX: y\r\n z\r\n\r\n", Fault::folded_line},
    {"a trailer without a name", "RFC 9112 5", "0\r\n: y\r\n\r\n", Fault::field_name},
    {"a trailer without a colon", "RFC 9112 5", "0\r\nX\r\n\r\n", Fault::field_name},
    {"a trailer with a space before the colon", "RFC 9112 5.1", "0\r\nX : y\r\n\r\n",
     Fault::space_before_colon},
    {"a NUL in a trailer", "RFC 9110 5.5", "0\r\nX: \0\r\n\r\n"sv, Fault::nul},
};

TEST(ChunkDecoder, refuses_every_body_with_two_readings) {
  for (const Row& row : kRefused) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, row.body.size()}) {
      const auto decoded = decode(row.body, piece);
      EXPECT_EQ(decoded.fault, row.fault) << row.why << ": " << describe_fault(decoded.fault).text;
      EXPECT_FALSE(decoded.complete) << row.why;
    }
    EXPECT_EQ(naive::dechunk(row.body).end, naive::Dechunked::End::refused) << row.why;
  }
}

TEST(ChunkDecoder, takes_what_is_odd_but_clear) {
  for (const std::string_view body :
       {"5;a\r\nhello\r\n0\r\n\r\n", "5;\r\nhello\r\n0\r\n\r\n",
        "5 \t;a = \"b;\\\" c\"\r\nhello\r\n0\r\n\r\n", "05;a=b;c\r\nhello\r\n000;last\r\n\r\n",
        "5;\xff\r\nhello\r\n0\r\n\r\n"}) {
    EXPECT_EQ(decode(body).data, "hello") << body;
    EXPECT_TRUE(decode(body).complete) << body;
  }
  EXPECT_EQ(decode("aAfF\r\n").fault, Fault::none);
  EXPECT_EQ(decode("7fffffffffffffff\r\nx").data, "x");
}

TEST(ChunkDecoder, bounds_the_extensions_of_one_chunk) {
  // The semicolon counts.
  const std::string most(limits::kChunkExtensionBytesMax - 1, 'a');
  EXPECT_EQ(decode("5;" + most + "\r\nhello\r\n").fault, Fault::none);
  EXPECT_EQ(decode("5;" + most + "a\r\nhello\r\n").fault, Fault::chunk_extension_too_long);
  EXPECT_EQ(decode("5" + std::string(limits::kChunkExtensionBytesMax + 1, ' ')).fault,
            Fault::chunk_extension_too_long);
}

TEST(ChunkDecoder, bounds_the_extensions_of_a_flood_of_tiny_chunks) {
  const std::string extension(200, 'a');
  std::string flood;
  std::string honest;
  for (int i = 0; i < 200; ++i) {
    flood += "1;" + extension + "\r\nx\r\n";
    honest += "c9;" + extension + "\r\n" + std::string(201, 'x') + "\r\n";
  }
  EXPECT_EQ(decode(flood).fault, Fault::chunk_extension_too_long);
  EXPECT_EQ(decode(honest).fault, Fault::none);
  EXPECT_LE(decode(flood).data.size(), limits::kChunkOverheadBytesMax / 200 + 1);
  // To the octet: each chunk's one octet of data pays for one of extension.
  const auto chunk = [](std::size_t octets) {
    return "1;" + std::string(octets - 1, 'a') + "\r\nx\r\n";
  };
  const auto full = limits::kChunkOverheadBytesMax / limits::kChunkExtensionBytesMax;
  std::string spent;
  for (std::size_t i = 0; i < full; ++i) spent += chunk(limits::kChunkExtensionBytesMax);
  EXPECT_EQ(decode(spent + chunk(full)).fault, Fault::none);
  EXPECT_EQ(decode(spent + chunk(full + 1)).fault, Fault::chunk_extension_too_long);
}

TEST(ChunkDecoder, bounds_the_trailer_section) {
  // All of it counts, the empty line at its end included.
  const std::string most = "X: " + std::string(limits::kTrailerBytesMax - 7, 'y') + "\r\n\r\n";
  ASSERT_EQ(most.size(), limits::kTrailerBytesMax);
  EXPECT_TRUE(decode("0\r\n" + most).complete);
  EXPECT_EQ(decode("0\r\nX" + most).fault, Fault::trailer_too_large);
  // Dropped fields count as well, and so do fields of no size.
  std::string dropped;
  while (dropped.size() <= limits::kTrailerBytesMax)
    dropped += "Host: " + std::string(1000, 'y') + "\r\n";
  EXPECT_EQ(decode("0\r\n" + dropped + "\r\n").fault, Fault::trailer_too_large);
  std::string many;
  for (std::size_t i = 0; i < limits::kHeaderFieldsMax; ++i) many += "X:\r\n";
  EXPECT_TRUE(decode("0\r\n" + many + "\r\n").complete);
  EXPECT_EQ(decode("0\r\n" + many + "X:\r\n\r\n").fault, Fault::trailer_too_large);
}

TEST(ChunkDecoder, passes_trailers_on_byte_for_byte) {
  EXPECT_EQ(decode("0\r\nx-ODD:   a\t\xe9 \r\nGrpc-Status: 0\r\nx-odd:\r\n\r\n").trailers,
            "x-ODD:   a\t\xe9 \r\nGrpc-Status: 0\r\nx-odd:\r\n");
}

TEST(ChunkDecoder, drops_trailers_that_belong_into_a_head) {
  // RFC 9110 section 6.5.1.
  for (const std::string_view name : {"Content-Length",
                                      "Transfer-Encoding",
                                      "Host",
                                      "Authorization",
                                      "AUTHORIZATION",
                                      "Connection",
                                      "Cookie",
                                      "Set-Cookie",
                                      "TE",
                                      "Trailer",
                                      "Upgrade",
                                      "Expect",
                                      "Content-Type",
                                      "Content-Encoding",
                                      "Content-Range",
                                      "Cache-Control",
                                      "Max-Forwards",
                                      "If-Match",
                                      "if-none-match",
                                      "Range",
                                      "X-Forwarded-For",
                                      "Forwarded",
                                      "X-Epaulet-Principal",
                                      "x_epaulet_role",
                                      "Proxy-Status",
                                      "Proxy-Authorization",
                                      "Keep-Alive",
                                      "X-Request-Id",
                                      "WWW-Authenticate",
                                      "Retry-After",
                                      "Vary",
                                      "Age",
                                      "Date",
                                      "Location"}) {
    const std::string line = std::string(name) + ": 1\r\n";
    EXPECT_EQ(decode("0\r\nA: 1\r\n" + line + "B: 2\r\n\r\n").trailers, "A: 1\r\nB: 2\r\n") << name;
  }
}

TEST(ChunkDecoder, agrees_with_the_oracle_on_random_bodies) {
  constexpr std::string_view kPieces[] = {"5\r\nhello\r\n",
                                          "1\r\nx\r\n",
                                          "a\r\n0123456789\r\n",
                                          "5;a=b\r\nhello\r\n",
                                          "3 ;x\r\n\r\n\r\r\n",
                                          "0\r\n\r\n",
                                          "0\r\nX: y\r\n\r\n",
                                          "0\r\nHost: y\r\nZ:1\r\n\r\n",
                                          "00F\r\n0123456789abcde\r\n",
                                          "2\r\n0\r\n",
                                          "5\r\nhel",
                                          "\r\n",
                                          "7fffffffffffffff\r\n"};
  using End = naive::Dechunked::End;
  std::size_t ends[3] = {};
  for (std::uint32_t seed = 0; seed < 20000; ++seed) {
    PieceWriter pieces(seed);
    std::string body;
    for (std::size_t count = 1 + pieces.below(5); count > 0; --count)
      body += pieces.one_of(kPieces);
    if (pieces.below(2) == 0) body = pieces.damage(body, 25);
    const auto naive = naive::dechunk(body);
    ++ends[static_cast<int>(naive.end)];
    for (const std::size_t piece : {std::size_t{1}, std::size_t{4}, body.size() + 1}) {
      const auto decoded = decode(body, piece);
      ASSERT_EQ(decoded.complete, naive.end == End::complete) << "seed " << seed << "\n" << body;
      ASSERT_EQ(decoded.fault != Fault::none, naive.end == End::refused) << "seed " << seed << "\n"
                                                                         << body;
      EXPECT_EQ(decoded.data, naive.data) << "seed " << seed << "\n" << body;
      if (!decoded.complete) continue;
      EXPECT_EQ(decoded.consumed, naive.consumed) << "seed " << seed;
      EXPECT_EQ(decoded.trailers, naive.trailers) << "seed " << seed;
    }
  }
  for (const std::size_t count : ends) EXPECT_GT(count, 1000U);
}

TEST(ChunkHeader, is_the_size_in_hexadecimal) {
  const auto header = [](std::size_t size) {
    std::array<char, 20> out{};
    const auto length = write_chunk_header(out, size);
    return std::string(out.data(), length);
  };
  EXPECT_EQ(header(0), "0\r\n");
  EXPECT_EQ(header(9), "9\r\n");
  EXPECT_EQ(header(255), "ff\r\n");
  EXPECT_EQ(header(16384), "4000\r\n");
  EXPECT_EQ(header(static_cast<std::size_t>(-1)), "ffffffffffffffff\r\n");
}

TEST(ChunkHeader, is_read_back_as_written) {
  for (std::size_t size = 1; size < 5000; size += 7) {
    std::array<char, 20> out{};
    const auto length = write_chunk_header(out, size);
    const std::string data(size, 'x');
    const auto decoded = decode(std::string(out.data(), length) + data + "\r\n0\r\n\r\n");
    ASSERT_TRUE(decoded.complete) << size;
    EXPECT_EQ(decoded.data, data);
  }
}

}  // namespace
}  // namespace epaulet::http::http1
