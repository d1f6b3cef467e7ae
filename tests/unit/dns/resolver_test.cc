#include "dns/resolver.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/sim_loop.h"
#include "tests/unit/dns/fake_upstream.h"

namespace epaulet::test {
namespace {

using namespace std::chrono_literals;

class ResolverTest : public testing::Test {
 protected:
  void resolve(std::string name) { loop.spawn(run(*resolver, std::move(name), scope, found)); }
  static Task<void> run(Resolver& resolver, std::string name, Scope& scope,
                        std::optional<Result<Addresses>>& out) {
    auto task = resolver.resolve(std::move(name), scope);
    out = co_await task;
  }
  void answer_with(std::string_view v4, std::string_view v6) {
    auto a = response_message("x.example", RecordType::a, Rcode::noerror);
    a.answers = {address_record("x.example", v4, 30)};
    auto aaaa = response_message("x.example", RecordType::aaaa, Rcode::noerror);
    aaaa.answers = {address_record("x.example", v6, 20)};
    upstream.answer("x.example", RecordType::a, a);
    upstream.answer("x.example", RecordType::aaaa, aaaa);
  }

  SimLoop loop;
  FakeUpstream upstream{loop};
  bool v6_is_routed = true;
  std::unique_ptr<UpstreamResolver> resolver = std::make_unique<UpstreamResolver>(
      upstream, [this](const IpAddress& ip) { return ip.is_v4() || v6_is_routed; });
  Scope scope{loop};
  std::optional<Result<Addresses>> found;
};

TEST_F(ResolverTest, asks_for_both_families_at_once) {
  resolve("x.example");
  EXPECT_EQ(upstream.waiting(), 2u);
}

TEST_F(ResolverTest, gives_the_addresses_of_both) {
  answer_with("10.0.0.1", "fd00::1");
  resolve("x.example");
  loop.run_until_quiet();
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->addresses.size(), 2u);
  EXPECT_EQ((*found)->ttl, 20s);
}

TEST_F(ResolverTest, leaves_out_addresses_without_a_route) {
  v6_is_routed = false;
  answer_with("10.0.0.1", "fd00::1");
  resolve("x.example");
  loop.run_until_quiet();
  ASSERT_TRUE(found && *found);
  ASSERT_EQ((*found)->addresses.size(), 1u);
  EXPECT_TRUE((*found)->addresses[0].is_v4());
}

TEST_F(ResolverTest, keeps_addresses_without_a_route_if_there_are_no_others) {
  v6_is_routed = false;
  answer_with("10.0.0.1", "fd00::1");
  upstream.answer("x.example", RecordType::a, Rcode::noerror);
  resolve("x.example");
  loop.run_until_quiet();
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->addresses.size(), 1u);
}

TEST_F(ResolverTest, follows_an_alias_out_of_the_answer_for_each_family) {
  auto alias = response_message("x.example", RecordType::a, Rcode::noerror);
  alias.answers = {alias_record("x.example", "y.other", 7)};
  upstream.answer("x.example", RecordType::a, alias);
  upstream.answer("x.example", RecordType::aaaa, Rcode::noerror);
  auto address = response_message("y.other", RecordType::a, Rcode::noerror);
  address.answers = {address_record("y.other", "10.0.0.1", 30)};
  upstream.answer("y.other", RecordType::a, address);
  resolve("x.example");
  loop.run_until_quiet();
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->addresses.at(0).to_string(), "10.0.0.1");
  EXPECT_EQ((*found)->ttl, 7s);
  EXPECT_EQ(upstream.asked, 3u);
}

TEST_F(ResolverTest, asks_nobody_once_it_has_gone) {
  auto alias = response_message("x.example", RecordType::a, Rcode::noerror);
  alias.answers = {alias_record("x.example", "y.other", 7)};
  upstream.answer("x.example", RecordType::a, alias);
  upstream.answer("x.example", RecordType::aaaa, Rcode::noerror);
  resolve("x.example");
  resolver.reset();
  loop.run_until_quiet();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error().code, ErrorCode::cancelled);
  EXPECT_EQ(upstream.asked, 2u);
}

TEST_F(ResolverTest, says_no_when_both_families_say_no) {
  upstream.answer("x.example", RecordType::a, Rcode::nxdomain);
  upstream.answer("x.example", RecordType::aaaa, Rcode::nxdomain);
  resolve("x.example");
  loop.run_until_quiet();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error().code, ErrorCode::dns_name_unknown);
}

TEST_F(ResolverTest, fails_when_nobody_answers) {
  resolve("x.example");
  upstream.fail_all(Error(ErrorCode::dns_failed, Side::upstream, Stage::resolve));
  loop.run_until_quiet();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error().code, ErrorCode::dns_failed);
}

TEST_F(ResolverTest, asks_without_edns_whoever_was_silent_about_it_and_keeps_to_what_works) {
  const Error silence(ErrorCode::dns_failed, Side::upstream, Stage::resolve);
  const auto asks_with_edns = [this] {
    return read_dns_message(upstream.last_query)->edns.has_value();
  };
  resolve("x.example");
  EXPECT_TRUE(asks_with_edns());
  upstream.fail_all(silence);
  loop.run_until_quiet();
  answer_with("10.0.0.1", "fd00::1");
  for (int i = 0; i < 2; ++i) {
    resolve("x.example");
    loop.run_until_quiet();
    EXPECT_TRUE(*found);
    EXPECT_FALSE(asks_with_edns());
  }
  resolve("silent.example");
  upstream.fail_all(silence);
  loop.run_until_quiet();
  resolve("x.example");
  EXPECT_TRUE(asks_with_edns());
}

TEST_F(ResolverTest, one_family_that_is_silent_says_nothing_about_edns) {
  upstream.answer("x.example", RecordType::a, Rcode::noerror);
  for (int i = 0; i < 2; ++i) {
    resolve("x.example");
    EXPECT_TRUE(read_dns_message(upstream.last_query)->edns);
    upstream.fail_all(Error(ErrorCode::dns_failed, Side::upstream, Stage::resolve));
    loop.run_until_quiet();
  }
}

TEST_F(ResolverTest, a_name_that_cannot_be_one_is_unknown) {
  resolve("a..b");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error().code, ErrorCode::dns_name_unknown);
  EXPECT_EQ(upstream.asked, 0u);
}

TEST_F(ResolverTest, ends_with_its_scope_when_one_family_does_not_answer) {
  upstream.answer("x.example", RecordType::a, Rcode::noerror);
  scope.set_deadline(loop.now() + 1s, Error(ErrorCode::dns_failed, Side::upstream, Stage::dns));
  resolve("x.example");
  loop.advance(999ms);
  EXPECT_FALSE(found);
  loop.advance(2ms);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error().code, ErrorCode::dns_failed);
  EXPECT_EQ(upstream.waiting(), 0u);
}

TEST_F(ResolverTest, an_answer_that_comes_after_its_scope_has_ended_changes_nothing) {
  resolve("x.example");
  scope.cancel(Error(ErrorCode::draining, Side::self, Stage::shutdown));
  upstream.fail_all(Error(ErrorCode::dns_failed, Side::upstream, Stage::resolve));
  loop.run_until_quiet();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error().code, ErrorCode::draining);
}

TEST_F(ResolverTest, may_go_while_somebody_waits) {
  resolve("x.example");
  resolver.reset();
  upstream.fail_all(Error(ErrorCode::cancelled, Side::self, Stage::resolve));
  loop.run_until_quiet();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error().code, ErrorCode::cancelled);
}

TEST_F(ResolverTest, the_loop_may_go_while_somebody_waits) {
  {
    SimLoop other;
    Scope its_scope(other);
    other.spawn(run(*resolver, "x.example", its_scope, found));
    EXPECT_EQ(upstream.waiting(), 2u);
    resolver.reset();
    // `other` destroys the suspended task after its scope has gone.
  }
  EXPECT_EQ(upstream.waiting(), 0u);
}

// SRV.

class ServiceResolverTest : public ResolverTest {
 protected:
  static constexpr const char* kService = "_http._tcp.x.example";

  /// What the resolver makes of these records, those beside them, and of what else upstream knows.
  Result<ServiceEndpoints> resolve_service(std::vector<DnsRecord> records,
                                           std::vector<DnsRecord> beside = {}) {
    auto response = response_message(kService, RecordType::srv, Rcode::noerror);
    response.answers = std::move(records);
    response.additionals = std::move(beside);
    upstream.answer(kService, RecordType::srv, response);
    std::optional<Result<ServiceEndpoints>> out;
    loop.spawn(run_service(*resolver, scope, out));
    loop.run_until_quiet();
    upstream.fail_all(Error(ErrorCode::dns_failed, Side::upstream, Stage::resolve));
    loop.run_until_quiet();
    EXPECT_TRUE(out);
    return out.value();
  }
  static Task<void> run_service(Resolver& resolver, Scope& scope,
                                std::optional<Result<ServiceEndpoints>>& out) {
    auto task = resolver.resolve_service(kService, scope);
    out = co_await task;
  }
  static DnsRecord target(std::uint16_t priority, std::uint16_t weight, std::uint16_t port,
                          std::string_view name) {
    return service_record(kService, {priority, weight, port, name_of(name)}, 50);
  }
  static std::string text_of(const Result<ServiceEndpoints>& found) {
    std::string text;
    for (const auto& endpoint : found->endpoints)
      text += endpoint.address.to_string() + "*" + std::to_string(endpoint.weight) + " ";
    return text;
  }
  void answer_a(const std::string& name, std::string_view ip, std::uint32_t ttl = 60) {
    auto response = response_message(name, RecordType::a, Rcode::noerror);
    response.answers = {address_record(name, ip, ttl)};
    upstream.answer(name, RecordType::a, response);
    upstream.answer(name, RecordType::aaaa, Rcode::noerror);
  }
};

TEST_F(ServiceResolverTest, takes_ports_and_weights_and_asks_nothing_that_was_said) {
  const auto service = resolve_service(
      {target(0, 10, 8081, "a.example"), target(0, 0, 8082, "b.example")},
      {address_record("a.example", "10.0.0.1"), address_record("b.example", "10.0.0.2", 5)});
  ASSERT_TRUE(service);
  EXPECT_EQ(text_of(service), "10.0.0.1:8081*10 10.0.0.2:8082*1 ");
  EXPECT_EQ(service->ttl, 5s);
  EXPECT_FALSE(service->is_partial);
  EXPECT_EQ(upstream.asked, 1u);
}

TEST_F(ServiceResolverTest, asks_for_targets_without_addresses) {
  answer_a("a.example", "10.0.0.1", 4);
  const auto service = resolve_service({target(0, 1, 8081, "a.example")});
  ASSERT_TRUE(service);
  EXPECT_EQ(text_of(service), "10.0.0.1:8081*1 ");
  EXPECT_EQ(service->ttl, 4s);
  EXPECT_EQ(upstream.asked, 3u);
}

TEST_F(ServiceResolverTest, the_next_priority_counts_only_where_the_one_before_has_nothing) {
  const std::vector<DnsRecord> beside{address_record("b.example", "10.0.0.2"),
                                      address_record("c.example", "10.0.0.3")};
  upstream.answer("a.example", RecordType::a, Rcode::nxdomain);
  upstream.answer("a.example", RecordType::aaaa, Rcode::nxdomain);
  const auto service =
      resolve_service({target(10, 1, 80, "a.example"), target(20, 1, 80, "b.example"),
                       target(30, 1, 80, "c.example")},
                      beside);
  ASSERT_TRUE(service);
  EXPECT_EQ(text_of(service), "10.0.0.2:80*1 ");
  EXPECT_FALSE(service->is_partial);
}

TEST_F(ServiceResolverTest, the_next_priority_does_not_stand_in_for_one_that_was_not_answered) {
  const auto service =
      resolve_service({target(10, 1, 80, "silent.example"), target(20, 1, 80, "b.example")},
                      {address_record("b.example", "10.0.0.2")});
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code, ErrorCode::dns_failed);
}

TEST_F(ServiceResolverTest, a_part_that_was_not_answered_makes_it_partial_and_ends_the_asking) {
  const auto service =
      resolve_service({target(0, 1, 80, "silent.example"), target(0, 1, 80, "also.example"),
                       target(0, 1, 80, "b.example")},
                      {address_record("b.example", "10.0.0.2")});
  ASSERT_TRUE(service);
  EXPECT_EQ(text_of(service), "10.0.0.2:80*1 ");
  EXPECT_TRUE(service->is_partial);
  EXPECT_EQ(upstream.asked, 3u);
}

TEST_F(ServiceResolverTest, no_targets_and_targets_without_addresses_are_an_authoritative_no) {
  EXPECT_EQ(resolve_service({}).error().code, ErrorCode::dns_name_unknown);
  upstream.answer("a.example", RecordType::a, Rcode::noerror);
  upstream.answer("a.example", RecordType::aaaa, Rcode::noerror);
  EXPECT_EQ(resolve_service({target(0, 1, 80, "a.example")}).error().code,
            ErrorCode::dns_name_unknown);
}

TEST_F(ServiceResolverTest, leaves_out_addresses_without_a_route) {
  v6_is_routed = false;
  const auto service = resolve_service(
      {target(0, 1, 80, "a.example")},
      {address_record("a.example", "fd00::1"), address_record("a.example", "10.0.0.1")});
  ASSERT_TRUE(service);
  EXPECT_EQ(text_of(service), "10.0.0.1:80*1 ");
}

TEST_F(ServiceResolverTest, ends_with_its_scope_while_it_asks_for_a_target) {
  auto response = response_message(kService, RecordType::srv, Rcode::noerror);
  response.answers = {target(0, 1, 80, "silent.example")};
  upstream.answer(kService, RecordType::srv, response);
  std::optional<Result<ServiceEndpoints>> out;
  loop.spawn(run_service(*resolver, scope, out));
  loop.run_until_quiet();
  EXPECT_EQ(upstream.waiting(), 2u);
  resolver.reset();
  scope.cancel(Error(ErrorCode::draining, Side::self, Stage::shutdown));
  loop.run_until_quiet();
  ASSERT_TRUE(out);
  EXPECT_EQ(out->error().code, ErrorCode::draining);
  EXPECT_EQ(upstream.waiting(), 0u);
}

TEST(HasRoute, knows_the_way_to_ourselves) {
  EXPECT_TRUE(has_route(*IpAddress::parse("127.0.0.1")));
}

}  // namespace
}  // namespace epaulet::test
