#include "detect/client_hello.h"

#include <gtest/gtest.h>

#include <random>

#include "base/limits.h"
#include "tests/unit/detect/hellos.h"

namespace epaulet::detect {
namespace {

HelloVerdict parse(const std::string& bytes, ClientHello& hello) {
  return parse_client_hello(std::as_bytes(std::span<const char>(bytes)), hello);
}
HelloVerdict parse(const std::string& bytes) {
  ClientHello hello;
  return parse(bytes, hello);
}

std::vector<std::string> protocols(const ClientHello& hello) {
  std::vector<std::string> names;
  for_each_protocol(hello.alpn, [&](std::string_view name) { names.emplace_back(name); });
  return names;
}
using Names = std::vector<std::string>;

TEST(ClientHello, reads_what_openssl_sends) {
  ClientHello hello;
  ASSERT_EQ(parse(from_hex(kMeshHello), hello), HelloVerdict::complete);
  EXPECT_EQ(hello.server_name, "api2.default") << "lower case";
  EXPECT_EQ(protocols(hello), (Names{"epaulet/1-h1", "epaulet/1-any"}));
  ASSERT_EQ(parse(from_hex(kForeignHello), hello), HelloVerdict::complete);
  EXPECT_EQ(hello.server_name, "www.example.org");
  EXPECT_EQ(protocols(hello), (Names{"h2", "http/1.1"}));
  ASSERT_EQ(parse(from_hex(kPlainHello), hello), HelloVerdict::complete);
  EXPECT_EQ(hello.server_name, "");
  EXPECT_EQ(hello.alpn, "");
}

TEST(ClientHello, needs_more_until_its_last_byte_and_no_more) {
  for (const auto hex : {kMeshHello, kForeignHello, kPlainHello}) {
    const std::string bytes = from_hex(hex);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      ClientHello hello;
      hello.server_name = "untouched";
      ASSERT_EQ(parse(bytes.substr(0, length), hello), HelloVerdict::need_more) << length;
      EXPECT_EQ(hello.server_name, "untouched");
    }
    EXPECT_EQ(parse(bytes + "\x14\x03\x03"), HelloVerdict::complete)
        << "what follows is not looked at";
  }
}

TEST(ClientHello, may_be_cut_into_records_anywhere) {
  const std::string message = from_hex(kMeshHello).substr(5);
  ClientHello whole;
  ASSERT_EQ(parse(record(message), whole), HelloVerdict::complete);
  for (std::size_t cut = 1; cut < message.size(); ++cut) {
    const std::string bytes = record(message.substr(0, cut)) + record(message.substr(cut));
    ClientHello hello;
    ASSERT_EQ(parse(bytes, hello), HelloVerdict::complete) << cut;
    EXPECT_EQ(hello.server_name, whole.server_name);
    EXPECT_EQ(hello.alpn, whole.alpn);
    EXPECT_EQ(parse(bytes.substr(0, bytes.size() - 1)), HelloVerdict::need_more) << cut;
  }
  std::string octets;
  for (const char c : message) octets += record(std::string(1, c));
  EXPECT_EQ(parse(octets), HelloVerdict::complete);
}

TEST(ClientHello, is_refused_at_the_byte_that_shows_another_protocol) {
  EXPECT_EQ(parse("G"), HelloVerdict::malformed);
  EXPECT_EQ(parse("\x15"), HelloVerdict::malformed);
  EXPECT_EQ(parse("\x16\x02"), HelloVerdict::malformed);
  EXPECT_EQ(parse(std::string("\x16\x03\x01\x00\x00", 5)), HelloVerdict::malformed)
      << "an empty record";
  EXPECT_EQ(parse("\x16\x03\x01\x40\x01"), HelloVerdict::malformed) << "a record above 2^14";
  EXPECT_EQ(parse(record("\x02")), HelloVerdict::malformed) << "a ServerHello";
  const std::string message = message_with("");
  EXPECT_EQ(parse(record(message.substr(0, 9)) + "\x15\x03\x03"), HelloVerdict::malformed)
      << "an alert between the records";
}

TEST(ClientHello, lengths_must_fit_exactly) {
  const auto body = [](const std::string& content) {
    return record(number(1, 1) + piece(content, 3));
  };
  const std::string fixed = number(0x0303, 2) + std::string(32, 'r');
  const std::string suites = piece(number(0x1301, 2), 2);
  const std::string null_compression = piece(number(0, 1), 1);
  const std::string good = fixed + piece("", 1) + suites + null_compression;
  EXPECT_EQ(parse(body(good)), HelloVerdict::complete) << "TLS 1.2 without extensions";
  EXPECT_EQ(parse(body(good + piece("", 2))), HelloVerdict::complete);
  EXPECT_EQ(parse(body("")), HelloVerdict::malformed);
  EXPECT_EQ(parse(body(fixed)), HelloVerdict::malformed);
  EXPECT_EQ(parse(body(good + "x")), HelloVerdict::malformed);
  EXPECT_EQ(parse(body(good + number(1, 2))), HelloVerdict::malformed) << "extensions cut off";
  EXPECT_EQ(parse(body(good + piece("", 2) + "x")), HelloVerdict::malformed)
      << "bytes behind the extensions";
  EXPECT_EQ(parse(body(fixed + piece(std::string(32, 's'), 1) + suites + null_compression)),
            HelloVerdict::complete);
  EXPECT_EQ(parse(body(fixed + piece(std::string(33, 's'), 1) + suites + null_compression)),
            HelloVerdict::malformed);
  EXPECT_EQ(parse(body(fixed + piece("", 1) + piece("", 2) + null_compression)),
            HelloVerdict::malformed);
  EXPECT_EQ(parse(body(fixed + piece("", 1) + piece("abc", 2) + null_compression)),
            HelloVerdict::malformed);
  EXPECT_EQ(parse(body(fixed + piece("", 1) + suites + piece("", 1))), HelloVerdict::malformed);
}

TEST(ClientHello, extensions_must_fit_exactly_and_come_once) {
  const std::string name = server_name_extension("a");
  const std::string alpn = alpn_extension({"h2"});
  const std::string unknown = number(0xfe0d, 2) + piece("whatever", 2);
  EXPECT_EQ(parse(hello_with(unknown + name + unknown + alpn)), HelloVerdict::complete);
  EXPECT_EQ(parse(hello_with(name + name)), HelloVerdict::malformed);
  EXPECT_EQ(parse(hello_with(alpn + name + alpn)), HelloVerdict::malformed);
  EXPECT_EQ(parse(hello_with(number(0, 1))), HelloVerdict::malformed);
  EXPECT_EQ(parse(hello_with(number(5, 2) + number(9, 2) + "x")), HelloVerdict::malformed);
  // Server names: RFC 6066 section 3.
  const auto names = [](const std::string& content) {
    return hello_with(number(0, 2) + piece(content, 2));
  };
  const std::string host = number(0, 1) + piece("a", 2);
  EXPECT_EQ(parse(names(piece(host, 2))), HelloVerdict::complete);
  EXPECT_EQ(parse(names(piece(number(7, 1) + piece("x", 2) + host, 2))), HelloVerdict::complete)
      << "another type";
  EXPECT_EQ(parse(names("")), HelloVerdict::malformed);
  EXPECT_EQ(parse(names(piece("", 2))), HelloVerdict::malformed);
  EXPECT_EQ(parse(names(piece(host + host, 2))), HelloVerdict::malformed) << "two names";
  EXPECT_EQ(parse(names(piece(number(0, 1) + piece("", 2), 2))), HelloVerdict::malformed)
      << "an empty name";
  EXPECT_EQ(parse(names(piece(host, 2) + "x")), HelloVerdict::malformed);
  EXPECT_EQ(parse(names(piece(number(0, 1) + number(2, 2) + "a", 2))), HelloVerdict::malformed);
  // ALPN: RFC 7301 section 3.1.
  const auto protocols_of = [](const std::string& content) {
    return hello_with(number(16, 2) + piece(content, 2));
  };
  EXPECT_EQ(parse(protocols_of("")), HelloVerdict::malformed);
  EXPECT_EQ(parse(protocols_of(piece("", 2))), HelloVerdict::malformed);
  EXPECT_EQ(parse(protocols_of(piece(piece("", 1), 2))), HelloVerdict::malformed)
      << "an empty protocol";
  EXPECT_EQ(parse(protocols_of(piece(piece("h2", 1) + "x", 2))), HelloVerdict::malformed);
  EXPECT_EQ(parse(protocols_of(piece(piece("h2", 1), 2) + "x")), HelloVerdict::malformed);
}

TEST(ClientHello, names_that_are_no_host_names_route_nowhere) {
  using std::string_literals::operator""s;
  for (const auto& name : {"a b"s, "a\0b"s, "\xc3\xa9"s, "a/b"s, "[::1]"s, "a:443"s}) {
    ClientHello hello;
    EXPECT_EQ(parse(hello_with(server_name_extension(name)), hello), HelloVerdict::complete)
        << name;
    EXPECT_EQ(hello.server_name, "") << name;
  }
  ClientHello hello;
  ASSERT_EQ(parse(hello_with(server_name_extension("P8080.My_App.Default")), hello),
            HelloVerdict::complete);
  EXPECT_EQ(hello.server_name, "p8080.my_app.default");
}

TEST(ClientHello, admits_the_largest_and_not_one_byte_more) {
  const std::size_t overhead = 5 + message_with("").size();
  const auto padded = [&](std::size_t total) {
    return hello_with(number(21, 2) + piece(std::string(total - overhead - 4, '\0'), 2));
  };
  ASSERT_EQ(padded(limits::kClientHelloBytesMax).size(), limits::kClientHelloBytesMax);
  EXPECT_EQ(parse(padded(limits::kClientHelloBytesMax)), HelloVerdict::complete);
  // Known from its header: nobody waits for the rest.
  EXPECT_EQ(parse(padded(limits::kClientHelloBytesMax + 1).substr(0, 8)), HelloVerdict::need_more);
  EXPECT_EQ(parse(padded(limits::kClientHelloBytesMax + 1).substr(0, 9)), HelloVerdict::malformed);
}

TEST(ClientHello, a_full_buffer_always_decides) {
  const std::string message = message_with(number(21, 2) + piece(std::string(8000, '\0'), 2));
  std::string octets;
  for (const char c : message) octets += record(std::string(1, c));
  ASSERT_GT(octets.size(), limits::kClientHelloBytesMax);
  EXPECT_EQ(parse(octets.substr(0, limits::kClientHelloBytesMax - 1)), HelloVerdict::need_more);
  EXPECT_EQ(parse(octets.substr(0, limits::kClientHelloBytesMax)), HelloVerdict::malformed);
}

TEST(ClientHello, survives_any_damage) {
  const std::string good = from_hex(kMeshHello);
  std::mt19937 random(11);
  std::size_t verdicts[3] = {};
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    for (auto count = 1 + random() % 3; count > 0; --count) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    ClientHello hello;
    const auto verdict = parse(bytes, hello);
    ++verdicts[static_cast<int>(verdict)];
    std::size_t alpn = 0;
    for_each_protocol(hello.alpn, [&](std::string_view name) { alpn += 1 + name.size(); });
    ASSERT_EQ(alpn, hello.alpn.size());
  }
  for (const auto count : verdicts) EXPECT_GT(count, 0U);
}

}  // namespace
}  // namespace epaulet::detect
