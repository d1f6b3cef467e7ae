#include "detect/detector.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "base/limits.h"

namespace epaulet::detect {
namespace {

using namespace std::string_view_literals;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

Verdict classify_text(std::string_view text) {
  return classify(bytes_of(text));
}

/// `first`: with how many bytes the verdict falls; with fewer, more are needed.
struct Row {
  std::string_view what;
  std::string_view bytes;
  Verdict verdict;
  std::size_t first;
};

constexpr Row kRows[] = {
    // HTTP/1.
    {"GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", Verdict::http1, 5},
    {"a long known method", "UPDATEREDIRECTREF /x HTTP/1.1\r\n", Verdict::http1, 19},
    {"an unknown method", "FROB /x HTTP/1.1\r\n", Verdict::http1, 6},
    {"a method in small letters", "get / HTTP/1.1\r\n", Verdict::http1, 5},
    {"the longest method", "ABCDEFGHIJKLMNOPQRSTUVWX /", Verdict::http1, 26},
    {"one method longer", "ABCDEFGHIJKLMNOPQRSTUVWXY /", Verdict::opaque, 25},
    {"absolute form", "GET http://a/ HTTP/1.1\r\n", Verdict::http1, 11},
    {"absolute form in capitals", "GET HTTPS://a/ HTTP/1.1\r\n", Verdict::http1, 12},
    {"CONNECT", "CONNECT a.b:443 HTTP/1.1\r\n", Verdict::http1, 13},
    {"CONNECT to IPv6", "CONNECT [::1]:443 HTTP/1.1\r\n", Verdict::http1, 15},
    {"CONNECT to a long name", "CONNECT averyveryveryverylongname.example:443 HTTP/1.1",
     Verdict::http1, 32},
    {"OPTIONS of the server", "OPTIONS * HTTP/1.1\r\n", Verdict::http1, 15},
    {"an empty line before", "\r\nGET / HTTP/1.1\r\n", Verdict::http1, 7},
    {"four empty lines before", "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n", Verdict::http1, 13},
    {"five empty lines before", "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n", Verdict::opaque, 9},
    {"HTTP/0.9", "GET /\r\n", Verdict::http1, 5},
    // HTTP/2.
    {"the preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Verdict::http2_preface, 24},
    {"the preface with frames", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12"sv,
     Verdict::http2_preface, 24},
    {"not quite the preface", "PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", Verdict::opaque, 20},
    {"PRI with a path", "PRI / HTTP/1.1\r\n", Verdict::http1, 5},
    // TLS.
    {"a ClientHello of TLS 1.3", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv,
     Verdict::tls_client_hello, 6},
    {"a ClientHello of TLS 1.2", "\x16\x03\x03\x40\x00\x01\x00\x01\xfc"sv,
     Verdict::tls_client_hello, 6},
    {"a ServerHello", "\x16\x03\x03\x00\x40\x02"sv, Verdict::opaque, 6},
    {"an alert", "\x15\x03\x03\x00\x02\x02\x28"sv, Verdict::opaque, 1},
    {"application data", "\x17\x03\x03\x00\x10"sv, Verdict::opaque, 1},
    {"a record of another major version", "\x16\x02\x00\x00\x10\x01"sv, Verdict::opaque, 2},
    {"a record of a later version", "\x16\x03\x05\x00\x10\x01"sv, Verdict::opaque, 3},
    {"a record too long", "\x16\x03\x01\x40\x01\x01"sv, Verdict::opaque, 5},
    {"a record much too long", "\x16\x03\x01\xff\xff\x01"sv, Verdict::opaque, 4},
    {"an empty record", "\x16\x03\x01\x00\x00\x01"sv, Verdict::opaque, 5},
    {"SSLv2", "\x80\x2e\x01\x03\x01\x00\x15"sv, Verdict::opaque, 1},
    // Protocols whose client speaks first, and some that only look like HTTP.
    {"PostgreSQL", "\0\0\0\x08\x04\xd2\x16\x2f"sv, Verdict::opaque, 1},
    {"Redis", "*1\r\n$4\r\nPING\r\n", Verdict::opaque, 3},
    {"Redis inline", "GET key\r\n", Verdict::opaque, 5},
    {"Redis inline, a URL's first letter", "GET hkey\r\n", Verdict::opaque, 6},
    {"Redis ping", "PING\r\n", Verdict::opaque, 5},
    {"memcached", "get some_key\r\n", Verdict::opaque, 5},
    {"memcached set", "set k 0 60 5\r\nhello\r\n", Verdict::opaque, 5},
    {"SMTP", "EHLO client.example\r\n", Verdict::opaque, 6},
    {"IMAP", "a001 LOGIN u p\r\n", Verdict::opaque, 6},
    {"SSH", "SSH-2.0-OpenSSH_9.2p1\r\n", Verdict::opaque, 22},
    {"SSH with a comment", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", Verdict::opaque, 23},
    {"MQTT", "\x10\x0c\0\x04MQTT\x04"sv, Verdict::opaque, 1},
    {"AMQP", "AMQP\0\0\x09\x01"sv, Verdict::opaque, 5},
    {"Kafka", "\0\0\0\x14\0\x12"sv, Verdict::opaque, 1},
    {"MongoDB", "\x3a\0\0\0"sv, Verdict::opaque, 1},
    {"NATS", "CONNECT {\"verbose\":false}\r\n", Verdict::opaque, 9},
    {"STOMP", "CONNECT\naccept-version:1.2\n\n\0"sv, Verdict::opaque, 8},
    {"SIP", "INVITE sip:a@b SIP/2.0\r\n", Verdict::opaque, 8},
    {"RTSP", "OPTIONS rtsp://a RTSP/1.0\r\n", Verdict::opaque, 9},
    {"PROXY protocol", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", Verdict::opaque, 7},
    {"PROXY protocol, version 2", "\r\n\r\n\0\r\nQUIT\n"sv, Verdict::opaque, 5},
    {"a token that goes on", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Verdict::opaque, 25},
    {"an asterisk for GET", "GET * HTTP/1.1\r\n", Verdict::opaque, 5},
    {"OPTIONS of something else", "OPTIONS *a", Verdict::opaque, 10},
    {"two spaces", "GET  / HTTP/1.1\r\n", Verdict::opaque, 5},
    {"a space first", " GET / HTTP/1.1\r\n", Verdict::opaque, 1},
    {"a bare LF first", "\nGET / HTTP/1.1\r\n", Verdict::opaque, 1},
    {"a bare CR", "\rGET / HTTP/1.1\r\n", Verdict::opaque, 2},
    {"CONNECT to nobody", "CONNECT :443 HTTP/1.1\r\n", Verdict::opaque, 9},
    {"CONNECT without a port", "CONNECT a HTTP/1.1\r\n", Verdict::opaque, 10},
    {"CONNECT to a named port", "CONNECT a:http HTTP/1.1\r\n", Verdict::opaque, 11},
    {"CONNECT to odd brackets", "CONNECT [x]:1 HTTP/1.1\r\n", Verdict::opaque, 10},
    {"CONNECT to bytes behind brackets", "CONNECT [::1]x HTTP/1.1\r\n", Verdict::opaque, 14},
};

TEST(Detector, decides_at_the_byte_that_decides) {
  for (const Row& row : kRows) {
    for (std::size_t length = 0; length <= row.bytes.size(); ++length) {
      EXPECT_EQ(classify_text(row.bytes.substr(0, length)),
                length < row.first ? Verdict::need_more : row.verdict)
          << row.what << " with " << length << " bytes";
    }
  }
}

TEST(Detector, says_nothing_of_nothing) {
  EXPECT_EQ(classify_text(""), Verdict::need_more);
}

TEST(Detector, a_verdict_never_changes_and_always_comes) {
  constexpr std::string_view kStarts[] = {"",         "GET ",         "OPTIONS *",
                                          "CONNECT ", "CONNECT [",    "PRI * HTTP/2.0",
                                          "\r\n",     "\x16\x03\x01", "GET http:/"};
  constexpr std::string_view kOctets = "GET /*:[]ahp.1\r\n\x16\x03\x01";
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string text(kStarts[random() % std::size(kStarts)]);
    while (text.size() < 40) {
      text.push_back(random() % 8 == 0 ? static_cast<char>(random())
                                       : kOctets[random() % kOctets.size()]);
    }
    Verdict last = Verdict::need_more;
    for (std::size_t length = 0; length <= text.size(); ++length) {
      const Verdict verdict = classify_text(std::string_view(text).substr(0, length));
      if (last != Verdict::need_more) {
        ASSERT_EQ(verdict, last) << text << " at " << length;
      }
      last = verdict;
    }
    ASSERT_NE(classify_text(std::string_view(text).substr(0, limits::kDetectBytesMax)),
              Verdict::need_more)
        << text;
  }
}

TEST(DetectTls, is_ruled_out_by_the_first_strange_byte) {
  for (const auto text : {""sv, "\x16"sv, "\x16\x03\x01"sv, "\x16\x03\x01\x02\0\x01"sv}) {
    EXPECT_TRUE(may_be_tls(bytes_of(text))) << text.size();
  }
  for (const auto text : {"h"sv, "hello"sv, "\x16h"sv, "\x16\x03\x01\x02\0\x02"sv}) {
    EXPECT_FALSE(may_be_tls(bytes_of(text))) << text;
  }
}

TEST(DetectAnswer, http_is_never_opaque) {
  constexpr std::string_view kAnswer = "HTTP/1.1 408 Request Timeout\r\n";
  for (std::size_t length = 0; length <= kAnswer.size(); ++length) {
    EXPECT_EQ(classify_answer(bytes_of(kAnswer.substr(0, length))),
              length < 5 ? Verdict::need_more : Verdict::http1)
        << length;
  }
}

TEST(DetectAnswer, settings_of_http2_are_no_greeting_of_an_opaque_protocol) {
  const std::string_view frames[] = {"\0\0\0\x04\0\0\0\0\0"sv,
                                     "\0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04"sv};
  for (const auto frame : frames) {
    for (std::size_t length = 0; length <= frame.size(); ++length) {
      EXPECT_EQ(classify_answer(bytes_of(frame.substr(0, length))),
                length < 9 ? Verdict::need_more : Verdict::http2_preface)
          << length;
    }
  }
  EXPECT_EQ(classify_answer(bytes_of("\0\0\x0d"sv)), Verdict::opaque);  // Half a setting.
  EXPECT_EQ(classify_answer(bytes_of("\0\x40"sv)), Verdict::opaque);
  EXPECT_EQ(classify_answer(bytes_of("\0\0\0\0"sv)), Verdict::opaque);
  EXPECT_EQ(classify_answer(bytes_of("\0\0\0\x04\x01"sv)), Verdict::opaque);  // An acknowledgement.
  EXPECT_EQ(classify_answer(bytes_of("\0\0\0\x04\0\0\0\0\x01"sv)), Verdict::opaque);
}

TEST(DetectAnswer, server_first_protocols_are_opaque_at_their_first_strange_byte) {
  EXPECT_EQ(classify_answer(bytes_of("2")), Verdict::opaque);                 // SMTP, FTP
  EXPECT_EQ(classify_answer(bytes_of("\x4a\0\0\0\x0a"sv)), Verdict::opaque);  // MySQL
  EXPECT_EQ(classify_answer(bytes_of("HT")), Verdict::need_more);
  EXPECT_EQ(classify_answer(bytes_of("HTTX")), Verdict::opaque);
  EXPECT_EQ(classify_answer(bytes_of("http/")), Verdict::opaque);
}

}  // namespace
}  // namespace epaulet::detect
