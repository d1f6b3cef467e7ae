#include "certs-tool/rotate.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/limits.h"
#include "certs-tool/ca_folder.h"
#include "certs-tool/ledger.h"
#include "tests/unit/certs/command_fixture.h"

namespace epaulet::certs {
namespace {

class RotateTest : public CommandTest {
 protected:
  Outcome rotate_root(const char* step, WallTime now, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"rotate", "root", "--ca", path("ca")};
    if (*step != '\0') arguments.emplace_back(step);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return call(arguments, now);
  }
  [[nodiscard]] std::vector<Certificate> certificates(const std::string& name) const {
    auto parsed = Certificate::parse_pem(read(name), name, limits::kBundleCertificatesMax);
    return parsed ? *parsed : std::vector<Certificate>();
  }
  /// The chain of `leaf` is good for whoever trusts `bundle`.
  [[nodiscard]] bool is_taken(const std::vector<Certificate>& leaf,
                              const std::vector<Certificate>& bundle, WallTime now) const {
    return !leaf.empty() && !bundle.empty() && !fault_of_chain(leaf, bundle, now);
  }
  struct Issued {
    std::vector<Certificate> chain;
    std::vector<Certificate> bundle;
  };
  Issued issue_at(WallTime now) {
    const auto outcome = issue({"--force"}, now);
    EXPECT_EQ(outcome.status, kDone) << outcome.errors;
    return {certificates("api/cert.pem"), certificates("api/ca.pem")};
  }
};

TEST_F(RotateTest, an_issuer_signs_and_the_root_s_key_may_be_elsewhere) {
  ASSERT_EQ(init({"--issuer"}).status, kDone);
  EXPECT_EQ(mode_of("ca/issuer.key"), 0600u);
  fs::remove(path("ca/ca.key"));
  const auto leaf = issue_at(kNow);
  ASSERT_EQ(leaf.chain.size(), 2u);
  EXPECT_EQ(leaf.bundle.size(), 1u);
  EXPECT_TRUE(load().has_value());
  EXPECT_EQ(call({"inspect", path("ca")}).status, kDone);
}

TEST_F(RotateTest, a_new_issuer_leaves_everybody_trusted) {
  ASSERT_EQ(init({"--issuer"}).status, kDone);
  const auto before = issue_at(kNow);
  ASSERT_EQ(call({"rotate", "issuer", "--ca", path("ca"), "--key", "ed25519"}).status, kDone);
  const auto after = issue_at(kNow);
  EXPECT_NE(before.chain[1].fingerprint(), after.chain[1].fingerprint());
  EXPECT_TRUE(is_taken(before.chain, after.bundle, kNow));
  EXPECT_TRUE(is_taken(after.chain, before.bundle, kNow));
}

TEST_F(RotateTest, a_root_that_signed_by_itself_gets_an_issuer) {
  ASSERT_EQ(init().status, kDone);
  ASSERT_EQ(issue_at(kNow).chain.size(), 1u);
  const auto made = call({"rotate", "issuer", "--ca", path("ca")});
  ASSERT_EQ(made.status, kDone) << made.errors;
  EXPECT_NE(made.out.find("keep it elsewhere"), std::string::npos) << made.out;
  EXPECT_EQ(issue_at(kNow).chain.size(), 2u);
}

TEST_F(RotateTest, an_issuer_below_another_root_is_refused) {
  ASSERT_EQ(init({"--issuer"}).status, kDone);
  const auto other = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  std::ofstream(path("ca/ca.pem")) << other.certificate().to_pem();
  const auto refused = issue();
  EXPECT_EQ(refused.status, kRefused);
  EXPECT_NE(refused.errors.find("is not below a root of"), std::string::npos) << refused.errors;
}

// The heart of it: whoever has a leaf that is alive trusts, and is trusted by, everybody else who
// has one, at every moment of the rotation, if they got their roots with their leaf.
TEST_F(RotateTest, in_a_root_s_rotation_nobody_is_untrusted_at_any_moment) {
  for (const bool with_issuer : {false, true}) {
    ASSERT_EQ(init(with_issuer ? std::vector<std::string>{"--issuer", "--force"}
                               : std::vector<std::string>{"--force"})
                  .status,
              kDone);
    std::vector<std::pair<WallTime, Issued>> alive;
    const char* const steps[] = {"--begin", "--switch", "--finish"};
    std::size_t done = 0;
    for (auto now = kNow; now < kNow + 24h * 5; now += 4h) {
      alive.emplace_back(now, issue_at(now));
      std::erase_if(alive, [&](const auto& each) { return each.first + 24h <= now; });
      for (const auto& [a, one] : alive) {
        for (const auto& [b, other] : alive) {
          ASSERT_TRUE(is_taken(one.chain, other.bundle, now))
              << with_issuer << " step " << done << " issued " << (a - kNow) / 1h
              << " h, judged by " << (b - kNow) / 1h << " h";
        }
      }
      // As early as it may.
      if (now >= kNow + 8h && done < 3 && rotate_root(steps[done], now).status == kDone) ++done;
    }
    EXPECT_EQ(done, 3u);
    EXPECT_EQ(certificates("ca/ca.pem").size(), 1u);
    EXPECT_FALSE(fs::exists(path("ca/next.key")));
  }
}

TEST_F(RotateTest, each_step_waits_and_says_for_what) {
  ASSERT_EQ(init({"--issuer"}).status, kDone);
  ASSERT_EQ(issue_at(kNow).chain.size(), 2u);
  ASSERT_EQ(rotate_root("--begin", kNow + 1h).status, kDone);
  EXPECT_EQ(mode_of("ca/next.key"), 0600u);
  EXPECT_EQ(certificates("ca/ca.pem").size(), 2u);
  const auto early = rotate_root("--switch", kNow + 24h - 1s);
  EXPECT_EQ(early.status, kRefused);
  EXPECT_NE(early.errors.find("do not know the new root"), std::string::npos) << early.errors;
  EXPECT_NE(early.errors.find("another 1 s"), std::string::npos) << early.errors;
  ASSERT_EQ(rotate_root("--switch", kNow + 24h).status, kDone);
  const auto again = rotate_root("--begin", kNow + 24h);
  EXPECT_EQ(again.status, kRefused);
  EXPECT_NE(again.errors.find("--finish"), std::string::npos) << again.errors;
  // No leaf of the old root was made since: it may go at once.
  ASSERT_EQ(rotate_root("--finish", kNow + 24h).status, kDone);
  EXPECT_EQ(rotate_root("--finish", kNow + 24h).status, kRefused);
}

TEST_F(RotateTest, force_does_not_wait_and_status_says_what_is_next) {
  ASSERT_EQ(init().status, kDone);
  EXPECT_NE(rotate_root("", kNow).out.find("--begin"), std::string::npos);
  ASSERT_EQ(issue().status, kDone);
  ASSERT_EQ(rotate_root("--begin", kNow).status, kDone);
  EXPECT_NE(rotate_root("", kNow).out.find("--switch"), std::string::npos);
  ASSERT_EQ(rotate_root("--switch", kNow, {"--force"}).status, kDone);
  EXPECT_EQ(rotate_root("--finish", kNow).status, kRefused);
  ASSERT_EQ(rotate_root("--finish", kNow, {"--force"}).status, kDone);
  EXPECT_EQ(certificates("ca/ca.pem").size(), 1u);
}

TEST_F(RotateTest, no_step_prints_a_key) {
  ASSERT_EQ(init({"--issuer"}).status, kDone);
  std::string all = call({"rotate", "issuer", "--ca", path("ca"), "--json"}).out;
  for (const char* step : {"--begin", "--switch", "--finish"})
    all += rotate_root(step, kNow, {"--force"}).out;
  EXPECT_EQ(all.find("PRIVATE"), std::string::npos);
  EXPECT_EQ(mode_of("ca/ca.key"), 0600u);
  EXPECT_EQ(mode_of("ca/issuer.key"), 0600u);
}

TEST(LedgerTest, says_again_what_it_was_told) {
  Ledger ledger;
  EXPECT_TRUE(ledger.note_leaf("aa", kNow));
  EXPECT_FALSE(ledger.note_leaf("aa", kNow - 1s));
  ledger.rotation = Ledger::Rotation{Ledger::Rotation::Step::switched, "aa", "bb", kNow + 1h};
  const auto read = Ledger::parse(ledger.to_json(), "ledger.json");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->to_json(), ledger.to_json());
  EXPECT_EQ(read->until("aa"), kNow);
  EXPECT_EQ(read->until("bb"), WallTime::min());
}

TEST(LedgerTest, a_broken_one_is_refused_not_forgotten) {
  for (const char* text : {"", "{", "[]", R"({"leaves_until":{"a":"b"}})",
                           R"({"leaves_until":{},"rotation":{"step":"other"}})"}) {
    EXPECT_FALSE(Ledger::parse(text, "ledger.json").has_value()) << text;
  }
}

}  // namespace
}  // namespace epaulet::certs
