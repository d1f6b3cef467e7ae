#include "dns/edns.h"

#include <gtest/gtest.h>

#include "tests/unit/dns/bytes.h"

namespace epaulet::test {
namespace {

DnsMessage edns_query(std::string options = "") {
  auto query = query_message("example.com");
  query.edns = Edns{1232, 0, true, std::move(options)};
  return query;
}
DnsBytes written(const DnsMessage& message) {
  return write_dns_message(message, 4096);
}

TEST(EdnsBytes, a_bare_opt_is_one_without_options_and_without_company) {
  EXPECT_TRUE(ends_with_bare_opt(written(edns_query())));
  EXPECT_FALSE(ends_with_bare_opt(query_bytes("example.com")));
  EXPECT_FALSE(ends_with_bare_opt(written(edns_query(std::string("\x00\x03\x00\x00", 4)))));
  auto accompanied = edns_query();
  accompanied.additionals = {address_record("x", "10.0.0.1")};
  EXPECT_FALSE(ends_with_bare_opt(written(accompanied)));
  EXPECT_FALSE(ends_with_bare_opt(bytes_of("1234 0100 0001 0000 0000 0001")));
}

TEST(EdnsBytes, without_it_a_query_is_as_if_edns_did_not_exist) {
  EXPECT_EQ(without_bare_opt(written(edns_query())), query_bytes("example.com"));
}

TEST(EdnsBytes, a_server_that_rejects_edns_answers_without_it) {
  auto answer = response_message("example.com", RecordType::a, Rcode::formerr);
  EXPECT_TRUE(lacks_edns(written(answer)));
  answer.header.rcode = Rcode::notimp;
  EXPECT_TRUE(lacks_edns(written(answer)));
  answer.edns = Edns{1232, 0, false, ""};
  EXPECT_FALSE(lacks_edns(written(answer)));
  for (const auto rcode : {Rcode::noerror, Rcode::nxdomain, Rcode::refused, Rcode::servfail}) {
    EXPECT_FALSE(lacks_edns(written(response_message("example.com", RecordType::a, rcode))));
  }
}

TEST(EdnsBytes, a_server_may_reject_edns_with_a_header_alone) {
  EXPECT_TRUE(lacks_edns(bytes_of("1234 8181 0000 0000 0000 0000")));
}

TEST(EdnsBytes, an_opt_can_be_added_at_the_end) {
  auto message = response_message("example.com", RecordType::a, Rcode::noerror);
  message.answers = {address_record("example.com", "192.0.2.1")};
  message.additionals = {address_record("ns.example.com", "192.0.2.2")};
  auto bytes = written(message);
  message.edns = Edns{1232, 0, true, ""};
  append_opt(bytes, *message.edns);
  EXPECT_EQ(bytes, written(message));
}

}  // namespace
}  // namespace epaulet::test
