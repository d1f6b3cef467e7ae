#include "dns/codec.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "runtime/random.h"
#include "tests/unit/dns/bytes.h"

namespace epaulet::test {
namespace {

constexpr std::string_view kQuery = "1234 0100 0001 0000 0000 0000 04'api2'07'default'00 0001 0001";

TEST(DnsCodec, reads_a_query_as_resolvers_send_it) {
  const auto message = read_dns_message(bytes_of(kQuery));
  ASSERT_TRUE(message);
  EXPECT_EQ(*message, query_message("api2.default"));
}

TEST(DnsCodec, reads_every_flag_of_the_header) {
  const auto header = read_dns_header(bytes_of("abcd b7b3 0000 0000 0000 0000"));
  ASSERT_TRUE(header);
  DnsHeader expected;
  expected.id = 0xabcd;
  expected.is_response = true;
  expected.opcode = 6;
  expected.authoritative = expected.truncated = expected.recursion_desired = true;
  expected.recursion_available = expected.authentic_data = expected.checking_disabled = true;
  expected.rcode = Rcode::nxdomain;
  EXPECT_EQ(*header, expected);
}

TEST(DnsCodec, reads_a_compressed_answer) {
  const auto message = read_dns_message(
      bytes_of("1234 8180 0001 0002 0000 0000 03'www'07'example'00 0001 0001"
               "c00c 0005 0001 0000003c 0006 03'cdn'c010"  // www.example CNAME cdn.example
               "c029 0001 0001 0000001e 0004 0a000001"));  // cdn.example A 10.0.0.1
  ASSERT_TRUE(message);
  EXPECT_EQ(message->answers[0], alias_record("www.example", "cdn.example", 60));
  EXPECT_EQ(message->answers[1], address_record("cdn.example", "10.0.0.1", 30));
}

TEST(DnsCodec, reads_soa_and_ipv6_and_keeps_what_it_does_not_know) {
  const auto message = read_dns_message(
      bytes_of("1234 8183 0001 0001 0001 0001 01'x'00 001c 0001"
               "c00c 001c 0001 00000001 0010 fd000000000000000000000000000001"
               "00 0006 0001 00000005 0016 00 00 00000001 00000002 00000003 00000004 00000005"
               "c00c 0063 0001 00000001 0003 aabbcc"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->header.rcode, Rcode::nxdomain);
  EXPECT_EQ(message->answers[0], address_record("x", "fd00::1", 1));
  EXPECT_EQ(std::get<SoaData>(message->authorities[0].data).minimum, 5u);
  EXPECT_EQ(std::get<std::string>(message->additionals[0].data), "\xaa\xbb\xcc");
}

TEST(DnsCodec, reads_edns_with_the_upper_bits_of_the_rcode) {
  const auto message = read_dns_message(
      bytes_of("1234 8180 0000 0000 0000 0001 00 0029 04d0 01 00 8000 0004 000a0000"));
  ASSERT_TRUE(message);
  ASSERT_TRUE(message->edns);
  EXPECT_EQ(message->edns->udp_payload_bytes, 1232);
  EXPECT_TRUE(message->edns->dnssec_ok);
  EXPECT_EQ(message->edns->options, std::string("\0\x0a\0\0", 4));
  EXPECT_EQ(message->header.rcode, Rcode::badvers);
  EXPECT_TRUE(message->additionals.empty());
}

TEST(DnsCodec, a_ttl_with_the_top_bit_set_is_none) {
  const auto message = read_dns_message(
      bytes_of("1234 8180 0000 0001 0000 0000 01'x'00 0001 0001 80000001 0004 0a000001"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->answers[0].ttl, 0u);
}

TEST(DnsCodec, does_not_read_addresses_of_other_classes) {
  const auto message = read_dns_message(
      bytes_of("1234 8180 0000 0001 0000 0000 01'x'00 0001 0003 00000001 0002 abcd"));
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<std::string>(message->answers[0].data), "\xab\xcd");
}

TEST(DnsCodec, refuses_every_prefix_of_a_message) {
  const auto whole = bytes_of(
      "1234 8180 0001 0002 0000 0001 03'www'07'example'00 0001 0001"
      "c00c 0005 0001 0000003c 0006 03'cdn'c010 c029 0001 0001 0000001e 0004 0a000001"
      "00 0029 04d0 00 00 0000 0000");
  ASSERT_TRUE(read_dns_message(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A copy of exactly that size, so that a sanitizer sees every octet read behind it.
    const DnsBytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(read_dns_message(prefix)) << size;
  }
}

TEST(DnsCodec, refuses_octets_left_over) {
  auto bytes = bytes_of(kQuery);
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(read_dns_message(bytes));
}

TEST(DnsCodec, refuses_pointers_that_do_not_point_backwards) {
  constexpr std::string_view kHead = "1234 0100 0001 0000 0000 0000";
  EXPECT_FALSE(read_dns_message(bytes_of(std::string(kHead) + "c00c 0001 0001")));  // to itself
  EXPECT_FALSE(read_dns_message(
      bytes_of(std::string(kHead) + "01'a'c00c 0001 0001")));  // into its own labels
  EXPECT_FALSE(read_dns_message(bytes_of(std::string(kHead) + "c00e 00 0001 0001")));  // forwards
  EXPECT_FALSE(
      read_dns_message(bytes_of(std::string(kHead) + "c000 0001 0001")));  // into the header
  EXPECT_FALSE(
      read_dns_message(bytes_of(std::string(kHead) + "ffff 0001 0001")));  // out of the message
  EXPECT_FALSE(
      read_dns_message(bytes_of(std::string(kHead) + "41'a'00 0001 0001")));  // reserved label type
  EXPECT_FALSE(read_dns_message(bytes_of(std::string(kHead) + "81'a'00 0001 0001")));
}

TEST(DnsCodec, refuses_two_pointers_that_point_at_each_other) {
  // The second question's name points into the first one's, which points at the second.
  EXPECT_FALSE(read_dns_message(
      bytes_of("1234 0100 0002 0000 0000 0000 01'a'c013 0001 0001 01'b'c00c 0001 0001")));
}

TEST(DnsCodec, refuses_long_chains_of_pointers) {
  // Each question's name is a pointer to the one before: the n-th takes n jumps.
  const auto chain = [](unsigned questions) {
    DnsBytes bytes = bytes_of("1234 0100 0000 0000 0000 0000 00 0001 0001");
    bytes[4] = static_cast<std::byte>((questions + 1) >> 8);
    bytes[5] = static_cast<std::byte>((questions + 1) & 0xff);
    std::size_t target = 12;
    for (unsigned i = 0; i < questions; ++i) {
      const std::size_t here = bytes.size();
      const auto pointer = static_cast<unsigned>(0xc000 | target);
      for (const unsigned octet : {pointer >> 8, pointer & 0xff, 0u, 1u, 0u, 1u}) {
        bytes.push_back(static_cast<std::byte>(octet));
      }
      target = here;
    }
    return bytes;
  };
  EXPECT_TRUE(read_dns_message(chain(127)));
  EXPECT_FALSE(read_dns_message(chain(128)));
}

TEST(DnsCodec, refuses_names_that_pointers_make_too_long) {
  // 3 x 64 octets, then a name of 63 + pointer to them: 256 in all.
  const std::string label = "3f'" + std::string(63, 'a') + "'";
  const std::string head =
      "1234 0100 0002 0000 0000 0000 " + label + label + label + "00 0001 0001";
  EXPECT_TRUE(read_dns_message(bytes_of(head + "3d'" + std::string(61, 'b') + "'c00c 0001 0001")));
  EXPECT_FALSE(read_dns_message(bytes_of(head + "3f'" + std::string(63, 'b') + "'c00c 0001 0001")));
}

TEST(DnsCodec, refuses_data_that_does_not_end_where_its_length_says) {
  const std::string head = "1234 8180 0000 0001 0000 0000 01'x'00 ";
  EXPECT_FALSE(read_dns_message(bytes_of(head + "0001 0001 00000001 0003 0a0000")));
  EXPECT_FALSE(read_dns_message(bytes_of(head + "0001 0001 00000001 0005 0a00000101")));
  EXPECT_FALSE(read_dns_message(bytes_of(head + "001c 0001 00000001 0004 0a000001")));
  EXPECT_FALSE(read_dns_message(bytes_of(head + "0005 0001 00000001 0004 01'y'00 00")));
  EXPECT_FALSE(read_dns_message(bytes_of(head + "0005 0001 00000001 0002 01'y'00")));
  EXPECT_FALSE(read_dns_message(bytes_of(head + "0063 0001 00000001 ffff aa")));
}

TEST(DnsCodec, refuses_a_second_opt_record_and_one_with_a_name) {
  EXPECT_FALSE(read_dns_message(bytes_of(
      "1234 0100 0000 0000 0000 0002 00 0029 04d0 00 00 0000 0000 00 0029 04d0 00 00 0000 0000")));
  EXPECT_FALSE(read_dns_message(
      bytes_of("1234 0100 0000 0000 0000 0001 01'x'00 0029 04d0 00 00 0000 0000")));
}

TEST(DnsCodec, writes_names_compressed_whatever_their_case) {
  auto response = response_message("WWW.example", RecordType::a, Rcode::noerror);
  response.answers = {alias_record("www.EXAMPLE", "cdn.example"),
                      address_record("cdn.example", "10.0.0.1", 30)};
  const auto bytes = write_dns_message(response, 512);
  EXPECT_EQ(
      bytes,
      bytes_of("1234 8180 0001 0002 0000 0000 03'WWW'07'example'00 0001 0001"
               "c00c 0005 0001 0000003c 0006 03'cdn'c010 c029 0001 0001 0000001e 0004 0a000001"));
}

TEST(DnsCodec, cuts_what_does_not_fit_to_header_question_and_opt) {
  auto response = response_message("x.example", RecordType::a, Rcode::noerror);
  response.edns = Edns{1232, 0, false, std::string("\0\x0a\0\0", 4)};
  for (int i = 0; i < 40; ++i) response.answers.push_back(address_record("x.example", "10.0.0.1"));
  const auto whole = write_dns_message(response, 4096);
  EXPECT_EQ(write_dns_message(response, whole.size()), whole);
  const auto cut = read_dns_message(write_dns_message(response, whole.size() - 1));
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->header.truncated);
  EXPECT_EQ(cut->questions, response.questions);
  EXPECT_TRUE(cut->answers.empty());
  ASSERT_TRUE(cut->edns);
  EXPECT_EQ(cut->edns->udp_payload_bytes, 1232);
}

TEST(DnsCodec, writes_an_ipv4_mapped_aaaa_with_sixteen_octets) {
  auto response = response_message("x", RecordType::aaaa, Rcode::noerror);
  response.answers.push_back(
      {name_of("x"), RecordType::aaaa, kClassIn, 1, *IpAddress::parse("::ffff:10.0.0.1")});
  const auto again = read_dns_message(write_dns_message(response, 512));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, response);
}

TEST(DnsCodec, an_extended_error_is_an_option_of_edns) {
  Edns edns;
  edns.add_extended_error(22, "why");
  EXPECT_EQ(edns.options, std::string("\0\x0f\0\x05\0\x16why", 9));
}

// Properties over random messages.

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  DomainName name() {
    DomainName made;
    for (auto labels = random_.below(5); labels > 0; --labels) {
      std::string label;
      for (auto octets = 1 + random_.below(6); octets > 0; --octets) {
        label += static_cast<char>('a' + random_.below(3));
      }
      (void)made.append_label(label);
    }
    return made;
  }
  DnsRecord record() {
    DnsRecord made{name(), RecordType::a, kClassIn, number() & 0x7fffffff, {}};
    switch (random_.below(5)) {
      case 0:
        made.data = IpAddress::v4(number());
        break;
      case 1: {
        made.type = RecordType::aaaa;
        std::array<std::uint8_t, 16> bytes;
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_.below(256));
        made.data = IpAddress::v6(bytes);
        break;
      }
      case 2:
        made.type = RecordType::cname;
        made.data = name();
        break;
      case 3:
        made.type = RecordType::soa;
        made.data = SoaData{name(), name(), number(), number(), number(), number(), number()};
        break;
      default:
        made.type = static_cast<RecordType>(1000 + random_.below(100));
        made.klass = static_cast<std::uint16_t>(number());
        made.data = std::string(random_.below(20), static_cast<char>(random_.below(256)));
    }
    return made;
  }
  DnsMessage message() {
    DnsMessage made;
    made.header = *read_dns_header(bytes_of("0000 0000 0000 0000 0000 0000"));
    made.header.id = static_cast<std::uint16_t>(number());
    made.header.is_response = random_.below(2) == 0;
    made.header.rcode = static_cast<Rcode>(random_.below(16));
    if (random_.below(4) != 0)
      made.questions.push_back({name(), static_cast<RecordType>(random_.below(300)), 1});
    for (auto* section : {&made.answers, &made.authorities, &made.additionals}) {
      for (auto records = random_.below(4); records > 0; --records) section->push_back(record());
    }
    if (random_.below(2) == 0) {
      made.edns = Edns{static_cast<std::uint16_t>(number()), 0, random_.below(2) == 0, "opt"};
      made.header.rcode = static_cast<Rcode>(random_.below(4096));
    }
    return made;
  }
  std::uint32_t number() { return static_cast<std::uint32_t>(random_.next()); }
  Random& random() { return random_; }

 private:
  Random random_;
};

TEST(DnsCodec, reads_back_whatever_it_writes) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    const auto message = Generator(seed).message();
    const auto again = read_dns_message(write_dns_message(message, 65535));
    ASSERT_TRUE(again) << "seed " << seed;
    ASSERT_EQ(*again, message) << "seed " << seed;
  }
}

TEST(DnsCodec, survives_any_octets_and_writes_what_it_could_read) {
  std::size_t readable = 0;
  for (std::uint64_t seed = 1; seed <= 5000; ++seed) {
    Generator generator(seed);
    auto bytes = write_dns_message(generator.message(), 65535);
    for (auto changes = generator.random().below(4); changes > 0; --changes) {
      bytes[generator.random().below(bytes.size())] =
          static_cast<std::byte>(generator.random().below(256));
    }
    bytes.resize(bytes.size() - generator.random().below(2));
    const auto message = read_dns_message(bytes);
    if (!message) continue;
    ++readable;
    const auto again = read_dns_message(write_dns_message(*message, 65535));
    ASSERT_TRUE(again) << "seed " << seed;
    ASSERT_EQ(*again, *message) << "seed " << seed;
  }
  EXPECT_GT(readable, 500u);
}

TEST(Codec, a_service_record_is_read_compressed_and_written_uncompressed) {
  auto message = response_message("_http._tcp.x.example", RecordType::srv, Rcode::noerror);
  message.answers = {{name_of("_http._tcp.x.example"), RecordType::srv, kClassIn, 60,
                      SrvData{1, 2, 8080, name_of("x.example")}}};
  const auto bytes = write_dns_message(message, 512);
  EXPECT_EQ(*read_dns_message(bytes), message);
  const std::string target = name_of("x.example").wire();
  EXPECT_TRUE(std::equal(target.begin(), target.end(),
                         bytes.end() - static_cast<std::ptrdiff_t>(target.size()),
                         [](char a, std::byte b) { return static_cast<std::byte>(a) == b; }));

  // The same with a pointer to the question's third label, as careless servers write it.
  auto careless = bytes;
  careless.resize(bytes.size() - target.size());
  careless.push_back(std::byte{0xc0});
  careless.push_back(std::byte{12 + 6 + 5});
  const std::size_t length_at = bytes.size() - target.size() - 6 - 2;
  careless[length_at + 1] = std::byte{8};
  const auto read = read_dns_message(careless);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, message);
  // And one that ends too early.
  careless.resize(careless.size() - 4);
  careless[length_at + 1] = std::byte{4};
  EXPECT_FALSE(read_dns_message(careless));
}

}  // namespace
}  // namespace epaulet::test
