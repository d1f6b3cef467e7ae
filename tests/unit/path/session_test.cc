#include "path/session.h"

#include <gtest/gtest.h>

#include <regex>

#include "path/worker.h"
#include "tests/support/test_request.h"

namespace epaulet::path {
namespace {

class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    balance_.policy = BalancePolicy::sticky;
    balance_.by.emplace();
  }

  Session session(const TestRequest::Fields& fields) {
    const TestRequest request("/", "GET", "api.default", fields);
    return session_of(shared_, balance_, request.head, random_);
  }
  std::string cookie_lines(const Session& session) {
    set_cookie(response_, session, *balance_.by);
    return std::string(response_.added.lines());
  }

  Shared shared_;
  Random random_{1};
  BalanceSettings balance_;
  http::ResponseHead response_;
};

TEST_F(SessionTest, round_robin_knows_no_sessions) {
  balance_ = {};
  EXPECT_FALSE(session({{"Cookie", "at=1"}}).key);
  EXPECT_FALSE(session_of(shared_, balance_).key);
}

TEST_F(SessionTest, a_cookie_makes_the_session_wherever_it_stands) {
  balance_.by->cookie = "at";
  const auto key = balance::session_hash("x=1");
  for (const TestRequest::Fields& fields : std::initializer_list<TestRequest::Fields>{
           {{"Cookie", "at=x=1"}},
           {{"cookie", "a=b; at=x=1; c=d"}},
           {{"Cookie", "cat=2;at=x=1"}},
           {{"Cookie", "At=2; at=; at=x=1; at=3"}},
           {{"Cookie", "a=b"}, {"Cookie", "at=x=1"}},
       }) {
    const auto found = session(fields);
    EXPECT_EQ(found.key, key) << fields[0].second;
    EXPECT_EQ(found.new_cookie(), "");
    EXPECT_EQ(cookie_lines(found), "");
  }
}

TEST_F(SessionTest, without_the_cookie_one_begins_with_a_key_of_its_own) {
  balance_.by->cookie = "at";
  for (const TestRequest::Fields& fields : std::initializer_list<TestRequest::Fields>{
           {},
           {{"Cookie", ""}},
           {{"Cookie", ";;at; =;at=;bat=1"}},
           {{"X-At", "at=1"}},
       }) {
    const auto first = session(fields);
    const auto other = session(fields);
    EXPECT_EQ(first.key, balance::session_hash(first.new_cookie()));
    EXPECT_EQ(first.new_cookie().size(), 32U);
    EXPECT_NE(first.key, other.key);
  }
}

TEST_F(SessionTest, the_caller_that_brings_the_new_cookie_is_in_the_same_session) {
  balance_.by->cookie = "at";
  const auto first = session({});
  const auto again = session({{"Cookie", "at=" + std::string(first.new_cookie())}});
  EXPECT_EQ(first.key, again.key);
  EXPECT_FALSE(again.begins);
}

TEST_F(SessionTest, the_cookie_is_kept_from_scripts_and_from_other_sites) {
  balance_.by->cookie = "at";
  const std::regex wanted("Set-Cookie: at=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax\r\n");
  EXPECT_TRUE(std::regex_match(cookie_lines(session({})), wanted));
}

TEST_F(SessionTest, the_cookie_lives_as_long_as_it_is_told) {
  balance_.by->cookie = "at";
  balance_.by->ttl = std::chrono::minutes(90);
  const auto lines = cookie_lines(session({}));
  EXPECT_TRUE(lines.ends_with("; SameSite=Lax; Max-Age=5400\r\n")) << lines;
}

TEST_F(SessionTest, what_the_app_sets_itself_is_not_set_again) {
  balance_.by->cookie = "at";
  const TestRequest app("/", "GET", "h", {{"set-cookie", "bat=1"}, {"Set-Cookie", "at=2; Path=/"}});
  response_.fields = app.head.fields;
  EXPECT_EQ(cookie_lines(session({})), "");
  response_.fields.pop_back();
  EXPECT_NE(cookie_lines(session({})), "");
}

TEST_F(SessionTest, a_header_makes_the_session_and_requests_without_it_go_anywhere) {
  balance_.by->header = "x-session";
  EXPECT_EQ(session({{"X-Session", "7"}}).key, balance::session_hash("7"));
  EXPECT_FALSE(session({{"X-Session", ""}}).key);
  EXPECT_FALSE(session({}).key);
  EXPECT_FALSE(session({}).begins);
  EXPECT_FALSE(session_of(shared_, balance_).key);
}

TEST_F(SessionTest, the_pod_is_the_source_of_requests_and_of_what_nobody_understands) {
  balance_.by->source = true;
  shared_.pod_key = 7;
  EXPECT_EQ(session({}).key, 7U);
  EXPECT_EQ(session_of(shared_, balance_).key, 7U);
}

}  // namespace
}  // namespace epaulet::path
