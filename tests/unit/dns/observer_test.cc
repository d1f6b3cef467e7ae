#include "dns/observer.h"

#include <gtest/gtest.h>

#include <set>

namespace epaulet {
namespace {

DnsRefusal refusal_of(DnsResult result, ErrorCode code) {
  DnsRefusal refusal;
  refusal.name = "api2.default.svc.cluster.local";
  refusal.type = RecordType::a;
  refusal.service = "api2.default";
  refusal.result = result;
  refusal.error = Error(code, Side::upstream, Stage::dns);
  return refusal;
}

TEST(DnsRefusal, says_what_was_never_deployed) {
  EXPECT_EQ(describe(refusal_of(DnsResult::not_deployed, ErrorCode::never_had_endpoint)),
            "service api2.default is configured but has never had an endpoint "
            "(asked for A api2.default.svc.cluster.local)");
}

TEST(DnsRefusal, says_if_the_upstream_could_not_be_asked) {
  auto refusal = refusal_of(DnsResult::not_deployed, ErrorCode::never_had_endpoint);
  refusal.cause = ErrorCode::dns_failed;
  EXPECT_NE(describe(refusal).find("and the upstream DNS server does not answer"),
            std::string::npos);
}

TEST(DnsRefusal, says_what_the_upstream_said) {
  auto refusal = refusal_of(DnsResult::forward_failed, ErrorCode::dns_failed);
  EXPECT_EQ(describe(refusal),
            "the upstream DNS server did not answer (asked for A api2.default.svc.cluster.local)");
  refusal.error.detail = 2;
  EXPECT_EQ(
      describe(refusal),
      "the upstream DNS server answered SERVFAIL (asked for A api2.default.svc.cluster.local)");
}

TEST(DnsResult, each_has_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (int i = 0; i < static_cast<int>(DnsResult::count_); ++i)
    names.insert(name_of(static_cast<DnsResult>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(DnsResult::count_));
}

TEST(DnsCounters, count_by_result) {
  DnsCounters counters;
  counters.add(DnsResult::forwarded);
  counters.add(DnsResult::forwarded);
  EXPECT_EQ(counters.of(DnsResult::forwarded), 2u);
  EXPECT_EQ(counters.of(DnsResult::dropped), 0u);
}

TEST(DnsText, types_and_rcodes_have_their_usual_names) {
  EXPECT_EQ(to_text(RecordType::aaaa), "AAAA");
  EXPECT_EQ(to_text(static_cast<RecordType>(4711)), "TYPE4711");
  EXPECT_EQ(to_text(Rcode::nxdomain), "NXDOMAIN");
  EXPECT_EQ(to_text(static_cast<Rcode>(11)), "RCODE11");
}

}  // namespace
}  // namespace epaulet
