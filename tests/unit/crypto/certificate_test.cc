#include "crypto/certificate.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "tests/unit/crypto/pki_fixture.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

class CertificateTest : public testing::Test {
 protected:
  CertificateAuthority ca_ = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  PrivateKey key_ = PrivateKey::generate(KeyType::p256);

  [[nodiscard]] Certificate leaf(const LeafRecipe& recipe = {}) const {
    return make_leaf(ca_, key_, recipe);
  }
  [[nodiscard]] std::string refusal(const LeafRecipe& recipe) const {
    const auto id = leaf(recipe).identity();
    return id ? "accepted " + id->text() : id.error().what;
  }
};

TEST_F(CertificateTest, tells_what_it_says) {
  const auto certificate = leaf();
  EXPECT_EQ(certificate.subject(), "CN=test leaf");
  EXPECT_EQ(certificate.issuer(), ca_.certificate().subject());
  EXPECT_EQ(certificate.not_before(), kNow - 5min);
  EXPECT_EQ(certificate.not_after(), kNow + 24h);
  EXPECT_FALSE(certificate.is_ca());
  EXPECT_FALSE(certificate.is_self_issued());
  EXPECT_EQ(certificate.uri_sans()->size(), 1u);
  EXPECT_EQ(certificate.identity()->text(), "spiffe://cluster.local/ns/default/sa/api");
  EXPECT_TRUE(certificate.public_key()->matches(key_.get()));
}

TEST_F(CertificateTest, is_valid_from_its_first_to_before_its_last_moment) {
  const auto certificate = leaf();
  EXPECT_FALSE(certificate.is_valid_at(kNow - 5min - 1ns));
  EXPECT_TRUE(certificate.is_valid_at(kNow - 5min));
  EXPECT_TRUE(certificate.is_valid_at(kNow + 24h - 1ns));
  EXPECT_FALSE(certificate.is_valid_at(kNow + 24h));
  EXPECT_NE(validity_text(certificate, kNow + 25h).find("1 h too late"), std::string::npos);
  EXPECT_NE(validity_text(certificate, kNow - 10min).find("5 min too early"), std::string::npos);
}

TEST_F(CertificateTest, exactly_one_uri_san_makes_an_identity) {
  EXPECT_NE(refusal({.sans = ""}).find("no SPIFFE identity"), std::string::npos);
  EXPECT_NE(refusal({.sans = "DNS:api.default"}).find("no SPIFFE identity"), std::string::npos);
  EXPECT_NE(
      refusal({.sans = "URI:spiffe://cluster.local/ns/a/sa/b,URI:spiffe://cluster.local/ns/a/sa/c"})
          .find("2 URI SANs"),
      std::string::npos);
  EXPECT_NE(refusal({.sans = "URI:spiffe://cluster.local/ns/a/sa/b,URI:https://example.com/"})
                .find("2 URI SANs"),
            std::string::npos);
  EXPECT_NE(refusal({.sans = "URI:https://example.com/"}).find("is no SPIFFE ID"),
            std::string::npos);
  EXPECT_NE(refusal({.sans = "URI:spiffe://cluster.local"}).find("not a workload"),
            std::string::npos);
  // A DNS name beside the one URI is nobody's identity and does no harm.
  EXPECT_EQ(refusal({.sans = "DNS:api.default,URI:spiffe://cluster.local/ns/a/sa/b"}),
            "accepted spiffe://cluster.local/ns/a/sa/b");
}

TEST_F(CertificateTest, a_certificate_that_may_sign_others_is_no_workload) {
  EXPECT_NE(refusal({.basic_constraints = "critical,CA:TRUE"}).find("is a CA"), std::string::npos);
  EXPECT_NE(
      refusal({.key_usage = "critical,digitalSignature,keyCertSign"}).find("may sign certificates"),
      std::string::npos);
  EXPECT_NE(refusal({.key_usage = "critical,keyEncipherment"}).find("does not allow signatures"),
            std::string::npos);
}

TEST_F(CertificateTest, a_chain_is_read_in_its_order) {
  const auto certificate = leaf();
  const auto text = "a comment\n" + certificate.to_pem() + "another\n" + ca_.certificate().to_pem();
  const auto chain = Certificate::parse_pem(text, "cert.pem", 10);
  ASSERT_TRUE(chain.has_value()) << chain.error().what;
  ASSERT_EQ(chain->size(), 2u);
  EXPECT_EQ((*chain)[0].fingerprint(), certificate.fingerprint());
  EXPECT_EQ((*chain)[1].fingerprint(), ca_.certificate().fingerprint());
}

TEST_F(CertificateTest, a_broken_or_missing_block_refuses_the_whole_text) {
  EXPECT_EQ(Certificate::parse_pem("", "cert.pem", 10).error().what,
            "cert.pem holds no certificate");
  EXPECT_FALSE(Certificate::parse_pem(key_.to_pem(), "cert.pem", 10).has_value());
  const auto pem = leaf().to_pem();
  // Cut anywhere: never a shorter chain, never a crash.
  for (std::size_t cut = 0; cut + 2 < pem.size(); cut += 7) {
    const auto chain = Certificate::parse_pem(pem + pem.substr(0, cut), "cert.pem", 10);
    if (chain) {
      EXPECT_LT(cut, std::string_view("-----BEGIN CERTIFICATE-----\n").size());
      continue;
    }
    EXPECT_NE(chain.error().what.find("certificate 2 of cert.pem is broken"), std::string::npos)
        << cut;
  }
}

TEST_F(CertificateTest, a_chain_is_bounded) {
  const auto pem = leaf().to_pem();
  std::string text;
  for (std::size_t i = 0; i < limits::kChainCertificatesMax; ++i) text += pem;
  EXPECT_TRUE(Certificate::parse_pem(text, "cert.pem", limits::kChainCertificatesMax).has_value());
  EXPECT_FALSE(
      Certificate::parse_pem(text + pem, "cert.pem", limits::kChainCertificatesMax).has_value());
}

TEST_F(CertificateTest, the_digest_of_a_bundle_knows_no_order_and_no_repetition) {
  const auto a = ca_.certificate();
  const auto b = CertificateAuthority::create(kDomain, KeyType::ed25519, kNow).certificate();
  EXPECT_EQ(digest_of_set({a, b}), digest_of_set({b, a}));
  EXPECT_EQ(digest_of_set({a, a}), digest_of_set({a}));
  EXPECT_NE(digest_of_set({a, b}), digest_of_set({a}));
}

}  // namespace
}  // namespace epaulet
