#include "dns/srv_answer.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "dns/codec.h"
#include "tests/unit/dns/bytes.h"

namespace epaulet::test {
namespace {

using std::chrono::seconds;

constexpr const char* kName = "_http._tcp.x.example";

DnsMessage answer(Rcode rcode = Rcode::noerror) {
  return response_message(kName, RecordType::srv, rcode);
}
Result<SrvAnswer> read(const DnsMessage& message) {
  return read_srv_answer(write_dns_message(message, 65535), name_of(kName));
}

TEST(SrvAnswer, takes_targets_in_order_of_priority_with_the_addresses_beside_them) {
  auto message = answer();
  message.answers = {service_record(kName, {20, 1, 8080, name_of("c.example")}, 50),
                     service_record(kName, {10, 5, 8081, name_of("a.example")}, 40),
                     service_record(kName, {10, 6, 8082, name_of("b.example")}, 45)};
  message.additionals = {
      address_record("A.example", "10.0.0.1", 9), address_record("a.example", "fd00::1", 30),
      address_record("a.example", "0.0.0.0", 30), address_record("stray.example", "10.6.6.6", 1)};
  const auto found = read(message);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->targets.size(), 3u);
  EXPECT_EQ(found->targets[0].srv, (SrvData{10, 5, 8081, name_of("a.example")}));
  EXPECT_EQ(found->targets[0].addresses.size(), 2u);
  EXPECT_EQ(found->targets[1].srv.port, 8082);
  EXPECT_TRUE(found->targets[1].addresses.empty());
  EXPECT_EQ(found->targets[2].srv.priority, 20);
  EXPECT_EQ(found->ttl, seconds(9));
}

TEST(SrvAnswer, follows_aliases_and_not_in_circles) {
  auto message = answer();
  message.answers = {alias_record(kName, "_web._tcp.y.example", 3),
                     service_record("_web._tcp.y.example", {0, 0, 80, name_of("a.example")})};
  ASSERT_TRUE(read(message));
  EXPECT_EQ(read(message)->targets.size(), 1u);
  EXPECT_EQ(read(message)->ttl, seconds(3));
  message.answers = {alias_record(kName, "b.example"), alias_record("b.example", kName)};
  EXPECT_EQ(read(message).error().code, ErrorCode::dns_failed);
}

TEST(SrvAnswer, none_is_an_authoritative_no) {
  EXPECT_TRUE(read(answer())->targets.empty());
  EXPECT_TRUE(read(answer(Rcode::nxdomain))->targets.empty());
  auto decidedly = answer();
  decidedly.answers = {service_record(kName, {0, 0, 0, DomainName()})};
  EXPECT_TRUE(read(decidedly)->targets.empty());
}

TEST(SrvAnswer, other_rcodes_and_nonsense_say_nothing) {
  EXPECT_EQ(read(answer(Rcode::servfail)).error().detail, 2);
  EXPECT_FALSE(read(query_message(kName, RecordType::srv)));
  EXPECT_FALSE(read_srv_answer(bytes_of("12"), name_of(kName)));
}

TEST(SrvAnswer, bounds_its_targets) {
  auto message = answer();
  for (std::size_t i = 0; i <= limits::kEndpointsPerBackendMax; ++i) {
    message.answers.push_back(
        service_record(kName, {0, 0, 80, name_of("n" + std::to_string(i) + ".e")}));
  }
  EXPECT_EQ(read(message)->targets.size(), limits::kEndpointsPerBackendMax);
}

}  // namespace
}  // namespace epaulet::test
