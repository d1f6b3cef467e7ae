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

TEST(HasRoute, knows_the_way_to_ourselves) {
  EXPECT_TRUE(has_route(*IpAddress::parse("127.0.0.1")));
}

}  // namespace
}  // namespace epaulet::test
