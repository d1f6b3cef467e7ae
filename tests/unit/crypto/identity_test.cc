#include "crypto/identity.h"

#include <gtest/gtest.h>

#include "tests/unit/crypto/pki_fixture.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

class IdentityTest : public testing::Test {
 protected:
  CertificateAuthority ca_ = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  PrivateKey key_ = PrivateKey::generate(KeyType::p256);
  IdentityText good_ = issue_text(ca_, "spiffe://cluster.local/ns/default/sa/api");

  static std::string refusal(const IdentityText& text, WallTime now = kNow,
                             std::string_view domain = kDomain) {
    const auto loaded = Identity::from(text, domain, now);
    return loaded ? "loaded " + (*loaded)->id().text() : all_of(loaded.error());
  }
  [[nodiscard]] std::string refusal(const LeafRecipe& recipe) const {
    return refusal(identity_text({make_leaf(ca_, key_, recipe)}, key_, {ca_.certificate()}));
  }
};

TEST_F(IdentityTest, a_consistent_set_is_taken) {
  const auto identity = Identity::from(good_, kDomain, kNow);
  ASSERT_TRUE(identity.has_value()) << all_of(identity.error());
  EXPECT_EQ((*identity)->id().text(), "spiffe://cluster.local/ns/default/sa/api");
  EXPECT_EQ((*identity)->not_after(), kNow + 24h);
  EXPECT_EQ((*identity)->bundle_digest(), digest_of_set({ca_.certificate()}));
  EXPECT_EQ((*identity)->chain().size(), 1u);
}

TEST_F(IdentityTest, an_intermediate_may_stand_between) {
  const auto middle_key = PrivateKey::generate(KeyType::p256);
  const auto middle = make_leaf(ca_, middle_key,
                                {.sans = "URI:spiffe://cluster.local",
                                 .not_after = kNow + 1h,
                                 .basic_constraints = "critical,CA:TRUE,pathlen:0",
                                 .key_usage = "critical,keyCertSign,cRLSign",
                                 .ext_key_usage = ""});
  const auto issuer =
      CertificateAuthority::load(middle.to_pem(), "m.pem", middle_key.to_pem(), "m.key", kNow);
  ASSERT_TRUE(issuer.has_value()) << issuer.error().what;
  const auto leaf = make_leaf(*issuer, key_, {});
  const auto whole =
      Identity::from(identity_text({leaf, middle}, key_, {ca_.certificate()}), kDomain, kNow);
  ASSERT_TRUE(whole.has_value()) << all_of(whole.error());
  EXPECT_EQ((*whole)->not_after(), kNow + 1h) << "the intermediate ends first";
  EXPECT_NE(refusal(identity_text({leaf}, key_, {ca_.certificate()})).find("does not chain"),
            std::string::npos);
}

TEST_F(IdentityTest, a_key_of_another_set_is_refused) {
  auto mixed = good_;
  mixed.key = key_.to_pem();
  const auto text = refusal(mixed);
  EXPECT_NE(text.find("key.pem is not the key of cert.pem"), std::string::npos) << text;
  EXPECT_NE(text.find("half written or mixed up"), std::string::npos) << text;
}

TEST_F(IdentityTest, another_root_is_refused_and_both_are_named) {
  const auto stranger = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  auto mixed = good_;
  mixed.bundle = stranger.certificate().to_pem();
  const auto text = refusal(mixed);
  EXPECT_NE(text.find("does not chain to ca.pem"), std::string::npos) << text;
  EXPECT_NE(text.find(ca_.certificate().subject()), std::string::npos) << text;
  EXPECT_NE(text.find(stranger.certificate().subject()), std::string::npos) << text;
}

TEST_F(IdentityTest, a_leaf_outside_its_validity_is_refused_with_both_clocks) {
  EXPECT_NE(refusal(good_, kNow + 25h).find("1 h too late"), std::string::npos);
  const auto early = refusal(good_, kNow - 1h);
  EXPECT_NE(early.find("55 min too early"), std::string::npos) << early;
  EXPECT_NE(early.find("our clock says 2025-12-31T23:00:00Z"), std::string::npos) << early;
  EXPECT_NE(early.find("compare the clocks"), std::string::npos) << early;
}

TEST_F(IdentityTest, exactly_one_identity_of_the_trust_domain_is_demanded) {
  EXPECT_NE(refusal({.sans = ""}).find("cert.pem: the certificate carries no SPIFFE identity"),
            std::string::npos);
  EXPECT_NE(
      refusal({.sans = "URI:spiffe://cluster.local/ns/a/sa/b,URI:spiffe://cluster.local/ns/a/sa/c"})
          .find("2 URI SANs"),
      std::string::npos);
  EXPECT_NE(
      refusal(good_, kNow, "other.example").find("lies outside the trust domain other.example"),
      std::string::npos);
}

TEST_F(IdentityTest, a_workload_certificate_is_no_root) {
  auto mixed = good_;
  mixed.bundle += mixed.certificates;
  EXPECT_NE(refusal(mixed).find("is no CA certificate"), std::string::npos);
}

TEST_F(IdentityTest, a_weak_root_vouches_for_nobody) {
  // Our own tools refuse to make one, so it is put together by hand.
  const Owned<evp_pkey_st> weak(EVP_RSA_gen(1024));
  auto root = ca_.certificate();
  X509_set_pubkey(root.get(), weak.get());
  X509_sign(root.get(), weak.get(), EVP_sha256());
  const auto leaf = make_leaf(ca_, key_, {});
  X509_sign(leaf.get(), weak.get(), EVP_sha256());
  const auto text = refusal(identity_text({leaf}, key_, {root}));
  EXPECT_NE(text.find("CA certificate key too weak"), std::string::npos) << text;
}

TEST_F(IdentityTest, all_faults_are_told_at_once) {
  const auto text = refusal(IdentityText{"", "a/cert.pem", "", "a/key.pem", "", "a/ca.pem"});
  EXPECT_NE(text.find("a/cert.pem holds no certificate"), std::string::npos) << text;
  EXPECT_NE(text.find("a/key.pem holds no usable private key"), std::string::npos) << text;
  EXPECT_NE(text.find("a/ca.pem holds no certificate"), std::string::npos) << text;
}

TEST_F(IdentityTest, a_half_written_file_is_never_taken_wherever_it_was_cut) {
  for (const auto member :
       {&IdentityText::certificates, &IdentityText::key, &IdentityText::bundle}) {
    const auto& whole = good_.*member;
    for (std::size_t cut = 0; cut + 2 < whole.size(); cut += 11) {
      auto half = good_;
      half.*member = whole.substr(0, cut);
      EXPECT_EQ(refusal(half).find("loaded"), std::string::npos) << cut;
    }
  }
}

}  // namespace
}  // namespace epaulet
