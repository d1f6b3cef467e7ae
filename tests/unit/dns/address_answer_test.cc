#include "dns/address_answer.h"

#include <gtest/gtest.h>

#include "tests/unit/dns/bytes.h"

namespace epaulet::test {
namespace {

using std::chrono::seconds;

Result<FamilyAnswer> read(const DnsMessage& message, RecordType type = RecordType::a) {
  return read_address_answer(write_dns_message(message, 65535), name_of("www.example"), type);
}
DnsMessage answer(Rcode rcode = Rcode::noerror) {
  return response_message("www.example", RecordType::a, rcode);
}

TEST(AddressAnswer, asks_one_question_with_recursion_and_room_for_many_addresses) {
  auto expected = query_message("www.example", RecordType::aaaa);
  expected.header.id = 0;
  expected.edns = Edns{1232, 0, false, ""};
  const auto name = name_of("www.example");
  EXPECT_EQ(*read_dns_message(address_query(name, RecordType::aaaa, true)), expected);
  expected.edns.reset();
  EXPECT_EQ(*read_dns_message(address_query(name, RecordType::aaaa, false)), expected);
}

TEST(AddressAnswer, takes_all_addresses_and_the_smallest_ttl) {
  auto message = answer();
  message.answers = {address_record("www.example", "10.0.0.1", 30),
                     address_record("WWW.example", "10.0.0.2", 20)};
  const auto found = read(message);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->addresses.size(), 2u);
  EXPECT_EQ(found->ttl, seconds(20));
}

TEST(AddressAnswer, follows_aliases_in_any_order_and_counts_their_ttl) {
  auto message = answer();
  message.answers = {
      address_record("c.example", "10.0.0.3", 60), alias_record("b.example", "c.example", 5),
      alias_record("www.example", "b.example", 40), address_record("stray.example", "10.6.6.6", 1)};
  const auto found = read(message);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->addresses.size(), 1u);
  EXPECT_EQ(found->addresses[0].to_string(), "10.0.0.3");
  EXPECT_EQ(found->ttl, seconds(5));
}

TEST(AddressAnswer, aliases_that_go_round_are_nonsense) {
  auto message = answer();
  message.answers = {alias_record("www.example", "b.example"),
                     alias_record("b.example", "www.example")};
  EXPECT_EQ(read(message).error().code, ErrorCode::dns_failed);
}

TEST(AddressAnswer, aliases_may_be_sixteen_long) {
  const auto chain = [](int length) {
    auto message = answer();
    std::string owner = "www.example";
    for (int i = 0; i < length; ++i) {
      const std::string target = "n" + std::to_string(i) + ".example";
      message.answers.push_back(alias_record(owner, target));
      owner = target;
    }
    message.answers.push_back(address_record(owner, "10.0.0.1"));
    return read(message);
  };
  EXPECT_TRUE(chain(16));
  EXPECT_FALSE(chain(17));
}

TEST(AddressAnswer, nxdomain_and_no_data_and_an_alias_into_nothing_are_an_authoritative_no) {
  EXPECT_TRUE(read(answer(Rcode::nxdomain))->addresses.empty());
  EXPECT_TRUE(read(answer())->addresses.empty());
  auto message = answer();
  message.answers = {alias_record("www.example", "gone.example")};
  message.authorities = {soa_record("example")};
  EXPECT_TRUE(read(message)->addresses.empty());
  EXPECT_FALSE(read(message)->leads_to);
  message.authorities.clear();
  message.header.rcode = Rcode::nxdomain;
  EXPECT_FALSE(read(message)->leads_to);
  message.header.rcode = Rcode::noerror;
  message.answers = {address_record("www.example", "fd00::1")};
  EXPECT_TRUE(read(message)->addresses.empty());
}

TEST(AddressAnswer, an_alias_that_leads_out_of_the_answer_says_where) {
  auto message = answer();
  message.answers = {alias_record("www.example", "b.example", 9),
                     alias_record("b.example", "c.other", 8)};
  const auto found = read(message);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->leads_to, name_of("c.other"));
  EXPECT_EQ(found->aliases, 2u);
  EXPECT_EQ(found->ttl, seconds(8));
}

TEST(AddressChase, asks_on_where_aliases_lead_and_keeps_the_smallest_ttl) {
  AddressChase chase(name_of("www.example"), RecordType::a);
  auto first = answer();
  first.answers = {alias_record("www.example", "b.other", 5)};
  chase.take(write_dns_message(first, 512));
  ASSERT_FALSE(chase.has_ended());
  EXPECT_EQ(read_dns_message(chase.query(true))->questions.at(0).name, name_of("b.other"));
  auto second = response_message("b.other", RecordType::a, Rcode::noerror);
  second.answers = {address_record("b.other", "10.0.0.1", 60)};
  chase.take(write_dns_message(second, 512));
  ASSERT_TRUE(chase.has_ended());
  ASSERT_TRUE(chase.found());
  EXPECT_EQ(chase.found()->addresses.at(0).to_string(), "10.0.0.1");
  EXPECT_EQ(chase.found()->ttl, seconds(5));
}

TEST(AddressChase, gives_up_after_sixteen_aliases) {
  AddressChase chase(name_of("ping.example"), RecordType::a);
  std::size_t asked = 0;
  while (!chase.has_ended()) {
    ++asked;
    const auto name = read_dns_message(chase.query(true))->questions.at(0).name;
    auto message = response_message(name.to_text(), RecordType::a, Rcode::noerror);
    message.answers = {alias_record(
        name.to_text(), name == name_of("ping.example") ? "pong.example" : "ping.example")};
    chase.take(write_dns_message(message, 512));
    ASSERT_LT(asked, 100u);
  }
  EXPECT_EQ(asked, 16u);
  EXPECT_EQ(chase.found().error().code, ErrorCode::dns_failed);
}

TEST(AddressChase, ends_with_the_error_of_whoever_was_asked) {
  AddressChase chase(name_of("www.example"), RecordType::a);
  const Result<DnsBytes> silence = Error(ErrorCode::dns_failed, Side::upstream, Stage::resolve);
  chase.take(silence);
  ASSERT_TRUE(chase.has_ended());
  EXPECT_EQ(chase.found().error().code, ErrorCode::dns_failed);
}

TEST(AddressAnswer, addresses_that_are_nobody_elses_are_no_endpoints) {
  for (const auto* address :
       {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.2.3", "255.255.255.255", "::", "ff02::1"}) {
    EXPECT_FALSE(may_be_endpoint(*IpAddress::parse(address))) << address;
  }
  for (const auto* address : {"10.0.0.1", "127.0.0.1", "223.255.255.255", "240.0.0.1", "1.0.0.0",
                              "::1", "fe80::1", "fd00::1"}) {
    EXPECT_TRUE(may_be_endpoint(*IpAddress::parse(address))) << address;
  }
  auto message = answer();
  message.answers = {address_record("www.example", "0.0.0.0")};
  ASSERT_TRUE(read(message));
  EXPECT_TRUE(read(message)->addresses.empty());
  message.answers.push_back(address_record("www.example", "10.0.0.1"));
  EXPECT_EQ(read(message)->addresses.size(), 1u);
}

TEST(AddressAnswer, other_rcodes_say_nothing_about_the_name) {
  for (const auto rcode : {Rcode::servfail, Rcode::refused, Rcode::notimp, Rcode::formerr}) {
    const auto found = read(answer(rcode));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::dns_failed);
    EXPECT_EQ(found.error().detail, static_cast<std::int32_t>(rcode));
  }
}

TEST(AddressAnswer, what_is_not_an_answer_is_a_failure) {
  EXPECT_FALSE(read_address_answer(bytes_of("1234"), name_of("www.example"), RecordType::a));
  EXPECT_FALSE(read(query_message("www.example")));
}

TEST(AddressAnswer, both_families_make_one_answer) {
  const FamilyAnswer v4{{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.1")},
                        seconds(30)};
  const FamilyAnswer v6{{*IpAddress::parse("fd00::1")}, seconds(20)};
  const auto both = combine(v4, v6);
  ASSERT_TRUE(both);
  EXPECT_EQ(both->addresses.size(), 2u);
  EXPECT_EQ(both->ttl, seconds(20));
  EXPECT_FALSE(both->v4_failed || both->v6_failed);
}

TEST(AddressAnswer, a_family_without_addresses_does_not_shorten_the_ttl) {
  const auto both =
      combine(FamilyAnswer{{*IpAddress::parse("10.0.0.1")}, seconds(30)}, FamilyAnswer{});
  ASSERT_TRUE(both);
  EXPECT_EQ(both->ttl, seconds(30));
}

TEST(AddressAnswer, one_family_that_failed_is_named) {
  const Error failed(ErrorCode::dns_failed, Side::upstream, Stage::resolve);
  const auto both = combine(FamilyAnswer{{*IpAddress::parse("10.0.0.1")}, seconds(30)}, failed);
  ASSERT_TRUE(both);
  EXPECT_TRUE(both->v6_failed);
  EXPECT_FALSE(both->v4_failed);
}

TEST(AddressAnswer, no_address_and_one_failure_is_not_an_authoritative_no) {
  const Error failed(ErrorCode::dns_failed, Side::upstream, Stage::resolve);
  EXPECT_EQ(combine(failed, FamilyAnswer{}).error().code, ErrorCode::dns_failed);
  EXPECT_EQ(combine(FamilyAnswer{}, failed).error().code, ErrorCode::dns_failed);
  EXPECT_EQ(combine(FamilyAnswer{}, FamilyAnswer{}).error().code, ErrorCode::dns_name_unknown);
}

}  // namespace
}  // namespace epaulet::test
