#include "crypto/ca.h"

#include <gtest/gtest.h>
#include <openssl/asn1.h>

#include <set>

#include "tests/unit/crypto/pki_fixture.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

class CaTest : public testing::TestWithParam<KeyType> {
 protected:
  CertificateAuthority ca_ = CertificateAuthority::create(kDomain, GetParam(), kNow);
  PrivateKey key_ = PrivateKey::generate(KeyType::p256);
  SpiffeId api_ = spiffe("spiffe://cluster.local/ns/default/sa/api");
};
INSTANTIATE_TEST_SUITE_P(Kinds, CaTest, testing::Values(KeyType::p256, KeyType::ed25519));

TEST_P(CaTest, a_root_is_a_ca_constrained_to_its_trust_domain) {
  const auto& root = ca_.certificate();
  EXPECT_TRUE(root.is_ca());
  EXPECT_TRUE(root.is_self_issued());
  EXPECT_EQ(X509_get_pathlen(root.get()), 1);
  EXPECT_EQ(X509_get_key_usage(root.get()),
            static_cast<std::uint32_t>(KU_KEY_CERT_SIGN | KU_CRL_SIGN));
  EXPECT_EQ(root.uri_sans().value(), std::vector<std::string>{"spiffe://cluster.local"});
  EXPECT_FALSE(root.identity().has_value());
  EXPECT_EQ(root.not_before(), kNow - 5min);
  const int at = X509_get_ext_by_NID(root.get(), NID_name_constraints, -1);
  ASSERT_GE(at, 0);
  EXPECT_EQ(X509_EXTENSION_get_critical(X509_get_ext(root.get(), at)), 1);
}

TEST_P(CaTest, an_issued_leaf_chains_for_both_roles_and_only_within_its_validity) {
  const auto chain = ca_.issue(key_.public_key(), api_, kNow);
  ASSERT_TRUE(chain.has_value()) << chain.error().what;
  ASSERT_EQ(chain->size(), 1u);
  const auto& leaf = chain->front();
  EXPECT_EQ(leaf.identity()->text(), api_.text());
  EXPECT_EQ(leaf.subject(), "CN=api.default");
  EXPECT_EQ(leaf.not_before(), kNow - 5min);
  EXPECT_EQ(leaf.not_after(), kNow + 24h);
  EXPECT_EQ(X509_get_key_usage(leaf.get()), static_cast<std::uint32_t>(KU_DIGITAL_SIGNATURE));
  EXPECT_EQ(X509_get_extended_key_usage(leaf.get()),
            static_cast<std::uint32_t>(XKU_SSL_SERVER | XKU_SSL_CLIENT));
  const std::vector<Certificate> bundle{ca_.certificate()};
  EXPECT_EQ(fault_of_chain(*chain, bundle, kNow), std::nullopt);
  EXPECT_EQ(fault_of_chain(*chain, bundle, kNow + 24h - 1s), std::nullopt);
  EXPECT_NE(fault_of_chain(*chain, bundle, kNow + 24h + 1s), std::nullopt);
  EXPECT_NE(fault_of_chain(*chain, bundle, kNow - 6min), std::nullopt);
}

TEST_P(CaTest, the_root_itself_forbids_what_its_key_would_sign_elsewhere) {
  // Whoever stole the key still cannot speak for another domain: the constraint is in the root.
  const auto outside =
      make_leaf(ca_, key_, {.sans = "URI:spiffe://other.example/ns/default/sa/api"});
  const auto fault = fault_of_chain({outside}, {ca_.certificate()}, kNow);
  ASSERT_TRUE(fault.has_value());
  EXPECT_NE(fault->find("permitted subtree violation"), std::string::npos) << *fault;
  const auto below =
      make_leaf(ca_, key_, {.sans = "URI:spiffe://sub.cluster.local/ns/default/sa/api"});
  EXPECT_NE(fault_of_chain({below}, {ca_.certificate()}, kNow), std::nullopt);
}

TEST_P(CaTest, a_stranger_with_the_same_name_is_not_trusted) {
  const auto stranger = CertificateAuthority::create(kDomain, GetParam(), kNow);
  const auto chain = stranger.issue(key_.public_key(), api_, kNow);
  EXPECT_NE(fault_of_chain(*chain, {ca_.certificate()}, kNow), std::nullopt);
  EXPECT_EQ(fault_of_chain(*chain, {ca_.certificate(), stranger.certificate()}, kNow),
            std::nullopt);
}

TEST_P(CaTest, a_leaf_for_one_role_only_is_a_fault) {
  EXPECT_NE(fault_of_chain({make_leaf(ca_, key_, {.ext_key_usage = "serverAuth"})},
                           {ca_.certificate()}, kNow),
            std::nullopt);
  EXPECT_NE(fault_of_chain({make_leaf(ca_, key_, {.ext_key_usage = "clientAuth"})},
                           {ca_.certificate()}, kNow),
            std::nullopt);
}

TEST_P(CaTest, refuses_what_it_must_not_sign) {
  const auto refusal = [&](std::string_view id, std::chrono::seconds lifetime = kLeafLifetime) {
    const auto chain = ca_.issue(key_.public_key(), spiffe(id), kNow, lifetime);
    return chain ? std::string("signed") : chain.error().to_string();
  };
  EXPECT_NE(refusal("spiffe://other.example/ns/default/sa/api").find("outside the trust domain"),
            std::string::npos);
  EXPECT_NE(refusal("spiffe://cluster.local/web").find("not of the form"), std::string::npos);
  EXPECT_NE(refusal("spiffe://cluster.local").find("not of the form"), std::string::npos);
  EXPECT_NE(refusal(api_.text(), 0s).find("not positive"), std::string::npos);
  EXPECT_NE(refusal(api_.text(), kRootLifetime + 1s).find("outlive its CA"), std::string::npos);
  EXPECT_EQ(refusal(api_.text(), kRootLifetime), "signed");
  EXPECT_FALSE(ca_.issue(ca_.key().public_key(), api_, kNow).has_value());
}

TEST_P(CaTest, serials_are_random_and_positive) {
  std::set<std::string> serials;
  for (int i = 0; i < 32; ++i) {
    const auto chain = ca_.issue(key_.public_key(), api_, kNow);
    serials.insert(chain->front().serial());
    EXPECT_EQ(X509_get0_serialNumber(chain->front().get())->type, V_ASN1_INTEGER);
    EXPECT_GE(chain->front().serial().size(), 16u);
  }
  EXPECT_EQ(serials.size(), 32u);
}

TEST_P(CaTest, a_name_too_long_for_a_common_name_is_left_out) {
  const auto id = spiffe("spiffe://cluster.local/ns/default/sa/" + std::string(63, 'x'));
  const auto chain = ca_.issue(key_.public_key(), id, kNow);
  ASSERT_TRUE(chain.has_value());
  EXPECT_EQ(chain->front().subject(), "(no name)");
  EXPECT_EQ(fault_of_chain(*chain, {ca_.certificate()}, kNow), std::nullopt);
  EXPECT_EQ(chain->front().identity()->text(), id.text());
}

TEST_P(CaTest, loads_what_it_wrote) {
  const auto again = CertificateAuthority::load(ca_.certificate().to_pem(), "ca.pem",
                                                ca_.key().to_pem(), "ca.key", kNow);
  ASSERT_TRUE(again.has_value()) << again.error().what;
  EXPECT_EQ(again->trust_domain(), kDomain);
  const auto chain = again->issue(key_.public_key(), api_, kNow);
  EXPECT_EQ(fault_of_chain(*chain, {ca_.certificate()}, kNow), std::nullopt);
}

TEST_P(CaTest, finds_its_root_among_several) {
  const auto older = CertificateAuthority::create(kDomain, GetParam(), kNow - 24h);
  const auto again = CertificateAuthority::load(pem_of({older.certificate(), ca_.certificate()}),
                                                "ca.pem", ca_.key().to_pem(), "ca.key", kNow);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->certificate().fingerprint(), ca_.certificate().fingerprint());
}

TEST_P(CaTest, refuses_to_load_what_is_no_ca_of_ours) {
  const auto refusal = [&](const std::string& certificate, const PrivateKey& key,
                           WallTime now = kNow) {
    const auto loaded =
        CertificateAuthority::load(certificate, "ca.pem", key.to_pem(), "ca.key", now);
    return loaded ? std::string("loaded") : loaded.error().to_string();
  };
  EXPECT_NE(refusal(ca_.certificate().to_pem(), key_).find("ca.key is not the key of ca.pem"),
            std::string::npos);
  EXPECT_NE(refusal("", ca_.key()).find("ca.pem holds no certificate"), std::string::npos);
  const auto leaf = make_leaf(ca_, key_, {});
  EXPECT_NE(refusal(leaf.to_pem(), key_).find("ca.pem is no CA certificate"), std::string::npos);
  const auto nameless = make_leaf(
      ca_, key_,
      {.sans = "", .basic_constraints = "critical,CA:TRUE", .key_usage = "critical,keyCertSign"});
  EXPECT_NE(refusal(nameless.to_pem(), key_).find("names no trust domain"), std::string::npos);
  const auto workload = make_leaf(
      ca_, key_, {.basic_constraints = "critical,CA:TRUE", .key_usage = "critical,keyCertSign"});
  EXPECT_NE(refusal(workload.to_pem(), key_).find("a workload's certificate"), std::string::npos);
  EXPECT_NE(refusal(ca_.certificate().to_pem(), ca_.key(), kNow + kRootLifetime).find("too late"),
            std::string::npos);
  EXPECT_NE(refusal(ca_.certificate().to_pem(), ca_.key(), kNow - 1h).find("too early"),
            std::string::npos);
}

}  // namespace
}  // namespace epaulet
