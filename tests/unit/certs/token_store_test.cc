#include "certs-tool/token_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "crypto/identity_service.h"
#include "tests/unit/certs/command_fixture.h"

namespace epaulet::certs {
namespace {

class TokenStoreTest : public CommandTest {
 protected:
  [[nodiscard]] std::string all_files() const {
    std::string all;
    for (const auto& file : fs::directory_iterator(path("tokens"))) {
      std::ifstream in(file.path());
      all += file.path().filename().string() +
             std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return all;
  }
  [[nodiscard]] std::string create(std::chrono::seconds lifetime = 1h) const {
    const auto token = store().create(spiffe(kApi), kNow, lifetime);
    EXPECT_TRUE(token.has_value());
    return token ? *token : "";
  }
  /// As a process that has just started.
  [[nodiscard]] TokenStore store() const { return TokenStore(path("tokens")); }

  static constexpr Sha256 kKey{1};
  static constexpr Sha256 kOtherKey{2};
};

TEST_F(TokenStoreTest, a_token_proves_the_identity_it_was_made_for) {
  const auto id = store().spend(create(), kKey, kNow);
  ASSERT_TRUE(id.has_value()) << id.error().what;
  EXPECT_EQ(id->text(), kApi);
}

TEST_F(TokenStoreTest, works_once_whatever_restarts_and_again_for_the_same_key) {
  const auto token = create();
  ASSERT_TRUE(store().spend(token, kKey, kNow).has_value());
  EXPECT_TRUE(store().spend(token, kKey, kNow + 1min).has_value()) << "the answer may be lost";
  const auto stolen = store().spend(token, kOtherKey, kNow + 1min);
  ASSERT_FALSE(stolen.has_value());
  EXPECT_NE(stolen.error().what.find("used already, for another key"), std::string::npos);
}

TEST_F(TokenStoreTest, a_token_that_cannot_be_marked_as_used_is_neither_good_nor_bad) {
  const auto token = create();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);  // A full disk: every write fails.
  const rlimit nothing{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &nothing), 0);
  const auto id = store().spend(token, kKey, kNow);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(id.has_value());
  EXPECT_TRUE(id.error().is_undecided) << id.error().what;
  EXPECT_TRUE(store().spend(token, kOtherKey, kNow).has_value()) << "it was not spent";
}

TEST_F(TokenStoreTest, ends_when_it_said) {
  const auto token = create(10min);
  EXPECT_FALSE(store().spend(token, kKey, kNow + 10min).has_value());
  EXPECT_TRUE(store().spend(token, kKey, kNow + 10min - 1s).has_value());
}

TEST_F(TokenStoreTest, nothing_on_disk_gives_the_token_away) {
  const auto token = create();
  const auto files = all_files();
  const auto secret = token.substr(token.rfind('.') + 1);
  EXPECT_EQ(files.find(secret), std::string::npos);
  EXPECT_EQ(files.find(secret.substr(0, 16)), std::string::npos);
  EXPECT_EQ(mode_of("tokens"), 0700u);
}

TEST_F(TokenStoreTest, a_wrong_secret_and_nonsense_are_unknown) {
  auto token = create();
  auto& last = token.back();
  last = last == '0' ? '1' : '0';
  const std::string prefix(TokenStore::kPrefix);
  for (const std::string& wrong :
       {token, std::string(), prefix, prefix + "../../etc/passwd", std::string(4096, 'a'),
        prefix + std::string(16, '0') + "." + std::string(64, '0')}) {
    const auto id = store().spend(wrong, kKey, kNow);
    ASSERT_FALSE(id.has_value()) << wrong;
    EXPECT_NE(id.error().what.find("not one of this identity service"), std::string::npos);
  }
}

TEST_F(TokenStoreTest, what_has_expired_is_swept_and_the_rest_stays) {
  const auto token = create(10min);
  ASSERT_TRUE(store().spend(token, kKey, kNow).has_value());
  const auto other = create(2h);
  store().sweep(kNow + 1h);
  EXPECT_TRUE(store().spend(other, kKey, kNow + 1h).has_value());
  EXPECT_EQ(all_files().find(token.substr(TokenStore::kPrefix.size(), 16)), std::string::npos);
}

TEST_F(TokenStoreTest, the_command_makes_one_and_keeps_it_from_others) {
  ASSERT_EQ(init().status, kDone);
  const auto printed = call({"token", "--ca", path("ca"), "--identity", kApi});
  ASSERT_EQ(printed.status, kDone) << printed.errors;
  const TokenStore of_ca(path("ca/tokens"));
  EXPECT_TRUE(of_ca.spend(printed.out.substr(0, printed.out.size() - 1), kKey, kNow).has_value());
  const auto written =
      call({"token", "--ca", path("ca"), "--identity", kApi, "--out", path("token"), "--json"});
  ASSERT_EQ(written.status, kDone) << written.errors;
  EXPECT_EQ(mode_of("token"), 0600u);
  EXPECT_EQ(written.out.find(TokenStore::kPrefix), std::string::npos) << written.out;
}

TEST_F(TokenStoreTest, no_token_makes_anybody_the_service_or_a_foreigner) {
  ASSERT_EQ(init().status, kDone);
  for (const std::string& id :
       {identity_service::id_of(kDomain), std::string("spiffe://other/ns/a/sa/b"),
        std::string("spiffe://cluster.local/somebody")}) {
    EXPECT_EQ(call({"token", "--ca", path("ca"), "--identity", id}).status, kRefused) << id;
  }
}

}  // namespace
}  // namespace epaulet::certs
