#include "cluster.h"

namespace epaulet::kube {
namespace {

struct Certificates : testing::Test {
  Cluster cluster;
  DoctorReport report;
  json::object& data() { return cluster.ca["data"].as_object(); }
  std::string failures(WallTime now = kNow) {
    report = {};
    check_ca(cluster.facts(now), cluster.question, report);
    return said(report, Level::failure);
  }
};

TEST_F(Certificates, of_the_ca_that_belong_together_are_fine) {
  EXPECT_EQ(failures(), "");
  EXPECT_EQ(report.count(Level::warning), 0u);
}

TEST_F(Certificates, that_are_missing_or_mixed_up_are_told) {
  const auto other = CertificateAuthority::create("cluster.local", KeyType::p256, kNow);
  data()["issuer.key"] = encode_base64(other.key().to_pem());
  EXPECT_EQ(failures(),
            "mesh CA: issuer.key is not the key of issuer.pem: nothing can be signed\n");
  data()["issuer.key"] = encode_base64(cluster.issuer.key().to_pem());
  data()["ca.pem"] = encode_base64(other.certificate().to_pem());
  EXPECT_NE(failures().find("issuer.pem does not lead to ca.pem: "), std::string::npos);
  data()["ca.pem"] = "!!!!";
  EXPECT_EQ(failures(),
            "mesh CA: the Secret epaulet-ca lacks one of ca.pem, issuer.pem and issuer.key\n");
  cluster.ca.clear();
  auto facts = cluster.facts();
  Fact absent;
  absent.status = 404;
  facts.put(paths::secret(cluster.question, "epaulet-ca"), absent);
  report = {};
  check_ca(facts, cluster.question, report);
  EXPECT_EQ(said(report, Level::failure),
            "mesh CA: there is no Secret epaulet-system/epaulet-ca\n");
}

TEST_F(Certificates, that_end_are_told_before_and_after) {
  const auto end = cluster.issuer.certificate().not_after();
  EXPECT_EQ(failures(end - std::chrono::hours(15 * 24)), "");
  EXPECT_EQ(report.count(Level::warning), 0u);
  EXPECT_EQ(failures(end - std::chrono::hours(13 * 24)), "");
  EXPECT_EQ(said(report, Level::warning), "mesh CA: the issuer ends in 13 d\n");
  EXPECT_NE(failures(end + std::chrono::hours(1)).find("the issuer is valid from"),
            std::string::npos);
}

/// A mesh leaf is no server of a name; it serves to see that.
TEST_F(Certificates, of_the_webhook_must_belong_to_its_bundle_and_name) {
  const auto key = PrivateKey::generate(KeyType::p256);
  const auto id = *SpiffeId::parse("spiffe://cluster.local/ns/a/sa/b");
  const auto chain = *cluster.issuer.issue(key.public_key(), id, kNow);
  const auto check = [&](std::string_view bundle, const PrivateKey& with, WallTime now = kNow) {
    auto facts = cluster.facts(now);
    Fact secret;
    secret.status = 200;
    secret.document = json::object{
        {"data", json::object{{"tls.crt", encode_base64(chain[0].to_pem() + chain[1].to_pem())},
                              {"tls.key", encode_base64(with.to_pem())}}}};
    facts.put(paths::secret(cluster.question, "epaulet-injector-certificate"), secret);
    report = {};
    check_serving_certificate(facts, cluster.question, bundle, "epaulet-injector.x.svc", report);
    return said(report, Level::failure);
  };
  const auto bundle = encode_base64(cluster.root.certificate().to_pem());
  EXPECT_NE(check(bundle, key).find("hostname mismatch"), std::string::npos) << check(bundle, key);
  EXPECT_EQ(check(bundle, key).find("tls.key"), std::string::npos);
  EXPECT_NE(
      check(bundle, PrivateKey::generate(KeyType::p256)).find("tls.key is not the key of tls.crt"),
      std::string::npos);
  EXPECT_NE(check("", key).find("caBundle holds no certificate"), std::string::npos);
  EXPECT_NE(check(bundle, key, kNow + std::chrono::hours(48))
                .find("the injector's certificate is valid from"),
            std::string::npos);
}

TEST(Base64, is_read_as_kubernetes_writes_it) {
  for (const std::string text : {"a", "ab", "abc", "\xff\xfe\xfd\xfc"})
    EXPECT_EQ(decode_base64(encode_base64(text)), text);
  for (const char* text : {"", "a", "ab", "abc", "ab=c", "a-_=", "a\nbc"})
    EXPECT_FALSE(decode_base64(text)) << text;
}

}  // namespace
}  // namespace epaulet::kube
