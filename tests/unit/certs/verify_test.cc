#include "certs-tool/verify.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <fstream>

#include "tests/unit/certs/command_fixture.h"

namespace epaulet::certs {
namespace {

class VerifyTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    fs::create_directory(path("api"));
  }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }
  void put(const IdentityText& text) const {
    put("api/cert.pem", text.certificates);
    put("api/key.pem", text.key);
    put("api/ca.pem", text.bundle);
  }
  void put_leaf(const LeafRecipe& recipe) const {
    const auto key = PrivateKey::generate(KeyType::p256);
    put(identity_text({make_leaf(ca_, key, recipe)}, key, {ca_.certificate()}));
  }
  void expect_fails(const std::string& claim, const std::string& why, WallTime now = kNow,
                    std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"verify", path("api")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto outcome = call(arguments, now);
    EXPECT_EQ(outcome.status, kRefused) << outcome.out;
    std::istringstream lines(outcome.out);
    std::string line;
    bool found = false;
    while (std::getline(lines, line)) {
      const bool is_it = line.find("  FAIL  " + claim) == 0;
      if (is_it) {
        EXPECT_NE(line.find(why), std::string::npos) << line;
      }
      found = found || is_it;
    }
    EXPECT_TRUE(found) << outcome.out;
  }

  CertificateAuthority ca_ = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
};

TEST_F(VerifyTest, a_good_set_holds_in_every_claim) {
  put(issue_text(ca_, kApi));
  const auto good =
      call({"verify", path("api"), "--identity", kApi, "--trust-domain", "cluster.local"});
  EXPECT_EQ(good.status, kDone) << good.out;
  EXPECT_EQ(good.out.find("FAIL"), std::string::npos);
  for (const char* claim : {"readable", "key", "strength", "identity", "time", "chain"})
    EXPECT_NE(good.out.find(std::string("  ok    ") + claim), std::string::npos) << good.out;
}

TEST_F(VerifyTest, says_of_each_wrong_thing_exactly_what_it_is) {
  put(issue_text(ca_, kApi));
  expect_fails("identity",
               "it is spiffe://cluster.local/ns/default/sa/api, not spiffe://x/ns/a/sa/b", kNow,
               {"--identity", "spiffe://x/ns/a/sa/b"});
  expect_fails("identity", "outside the trust domain other", kNow, {"--trust-domain", "other"});
  expect_fails("time", "too late", kNow + 25h);
  expect_fails("time", "too early", kNow - 1h);
  put("api/key.pem", PrivateKey::generate(KeyType::p256).to_pem());
  expect_fails("key", "is not the key of");
  put("api/key.pem", "nothing");
  expect_fails("key", "holds no usable private key");
  put("api/cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  expect_fails("readable", "is broken");
  put(issue_text(ca_, kApi));
  fs::remove(path("api/ca.pem"));
  expect_fails("readable", "ca.pem does not exist");
}

TEST_F(VerifyTest, a_chain_to_other_roots_names_both) {
  put(issue_text(ca_, kApi));
  const auto other = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  put("other.pem", other.certificate().to_pem());
  expect_fails("chain", ca_.certificate().subject_key_id(), kNow, {"--ca", path("other.pem")});
  expect_fails("chain", other.certificate().subject(), kNow, {"--ca", path("other.pem")});
}

TEST_F(VerifyTest, name_constraints_bind_the_authority_to_its_domain) {
  LeafRecipe foreign;
  foreign.sans = "URI:spiffe://evil.example/ns/default/sa/api";
  put_leaf(foreign);
  expect_fails("chain", "permitted subtree violation");
}

TEST_F(VerifyTest, a_leaf_that_is_an_authority_and_a_leaf_that_signs_are_no_identities) {
  put(identity_text({ca_.certificate()}, ca_.key(), {ca_.certificate()}));
  expect_fails("identity", "names a trust domain");
  LeafRecipe two;
  two.sans += ",URI:spiffe://cluster.local/ns/default/sa/admin";
  put_leaf(two);
  expect_fails("identity", "2 URI SANs");
}

TEST_F(VerifyTest, a_leaf_cannot_sign_another) {
  const auto key = PrivateKey::generate(KeyType::p256);
  const auto leaf = make_leaf(ca_, key, {});
  CertificateBuilder builder(key.public_key());
  builder.subject("CN", "child").issuer(leaf).validity(kNow - 1h, kNow + 1h);
  builder.extension(NID_subject_alt_name, std::string("URI:") + kApi)
      .extension(NID_key_usage, "critical,digitalSignature");
  const auto child = builder.sign(key);
  put(identity_text({child, leaf}, key, {ca_.certificate()}));
  expect_fails("chain", "invalid CA certificate");
}

TEST_F(VerifyTest, weak_keys_and_signatures_are_refused) {
  // RSA 1024 signed by nobody of note: the key alone is reason enough.
  const Owned<evp_pkey_st> weak(EVP_RSA_gen(1024));
  const Owned<x509_st> x509(X509_new());
  X509_set_version(x509.get(), X509_VERSION_3);
  X509_set_pubkey(x509.get(), weak.get());
  X509_gmtime_adj(X509_getm_notBefore(x509.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(x509.get()), 3600);
  ASSERT_GT(X509_sign(x509.get(), weak.get(), EVP_sha256()), 0);
  put(issue_text(ca_, kApi));
  put("api/cert.pem", Certificate::of(x509.get()).to_pem());
  expect_fails("strength", "RSA key of 1024 bits is too weak");

  const Owned<evp_pkey_st> strong(EVP_RSA_gen(2048));
  X509_set_pubkey(x509.get(), strong.get());
  ASSERT_GT(X509_sign(x509.get(), strong.get(), EVP_sha1()), 0);
  put("api/cert.pem", Certificate::of(x509.get()).to_pem());
  expect_fails("strength", "sha1");
}

TEST_F(VerifyTest, json_has_the_same_claims) {
  put(issue_text(ca_, kApi));
  const auto good = call({"verify", path("api"), "--json"});
  EXPECT_EQ(good.status, kDone);
  EXPECT_NE(good.out.find(R"("claim":"chain","ok":true)"), std::string::npos) << good.out;
  EXPECT_EQ(call({"verify", path("api"), "--json"}, kNow + 25h).status, kRefused);
}

}  // namespace
}  // namespace epaulet::certs
