#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/unit/tls/mesh_fixture.h"

namespace epaulet {
namespace {

/// A certificate as the world outside the mesh has them.
struct WebCertificate {
  explicit WebCertificate(const char* names, int bits = 2048)
      : key(EVP_RSA_gen(static_cast<unsigned>(bits))) {
    Owned<x509_st> made(X509_new());
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 7);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(kNow).time_since_epoch().count();
    ASN1_TIME_set(X509_getm_notBefore(made.get()), seconds - 60);
    ASN1_TIME_set(X509_getm_notAfter(made.get()), seconds + 3600);
    X509_set_pubkey(made.get(), key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("web"), -1, -1, 0);
    X509_set_issuer_name(made.get(), X509_get_subject_name(made.get()));
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names);
    X509_add_ext(made.get(), extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(made.get(), key.get(), EVP_sha256());
    certificate.push_back(Certificate::of(made.get()));
  }
  [[nodiscard]] std::string key_pem() const {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(out);
    return text;
  }
  Owned<evp_pkey_st> key;
  std::vector<Certificate> certificate;
};

struct WebTls : testing::Test {
  [[nodiscard]] std::shared_ptr<const TlsContext> server() const {
    const auto key = PrivateKey::from_pem(web.key_pem(), "the key");
    EXPECT_TRUE(key);
    auto made = TlsContext::for_web_server(web.certificate, *key);
    EXPECT_TRUE(made);
    return *made;
  }
  [[nodiscard]] static std::shared_ptr<const TlsContext> client(
      const std::vector<Certificate>& roots, const char* host) {
    auto made = TlsContext::for_web_client(roots, host);
    EXPECT_TRUE(made);
    return *made;
  }
  /// "" or the client's diagnosis.
  std::string shake(const char* host, const std::vector<Certificate>& roots,
                    WallTime now = kNow) const {
    TlsClientOptions options;
    options.server_name = host;
    EnginePair pair(client(roots, host), server(), options);
    pair.client_now = now;
    if (pair.shake()) return "";
    EXPECT_FALSE(pair.client.handshake_is_over());
    return pair.client.report().diagnosis + "!";
  }
  WebCertificate web{"DNS:api.example,DNS:*.svc.example,IP:10.96.0.1"};
};

TEST_F(WebTls, a_server_is_known_by_name_or_address) {
  EXPECT_EQ(shake("api.example", web.certificate), "");
  EXPECT_EQ(shake("injector.svc.example", web.certificate), "");
  EXPECT_EQ(shake("10.96.0.1", web.certificate), "");
}

TEST_F(WebTls, who_asks_its_own_pod_looks_at_no_certificate) {
  const TlsClientOptions options;
  EnginePair pair(TlsContext::for_unverified_client(), server(), options);
  pair.client_now = kNow + std::chrono::hours(48);
  EXPECT_TRUE(pair.shake());
}

TEST_F(WebTls, a_server_of_another_name_is_refused) {
  EXPECT_NE(shake("other.example", web.certificate), "");
  EXPECT_NE(shake("10.96.0.2", web.certificate), "");
  EXPECT_NE(shake("a.b.svc.example", web.certificate), "");
}

TEST_F(WebTls, a_server_of_another_authority_is_refused) {
  const WebCertificate other("DNS:api.example");
  EXPECT_NE(shake("api.example", other.certificate), "");
}

TEST_F(WebTls, the_clients_clock_is_the_one_that_it_is_told) {
  EXPECT_NE(shake("api.example", web.certificate, kNow + std::chrono::hours(2)), "");
  EXPECT_NE(shake("api.example", web.certificate, kNow - std::chrono::hours(2)), "");
}

TEST_F(WebTls, a_key_of_another_certificate_is_refused) {
  const WebCertificate other("DNS:api.example");
  const auto key = PrivateKey::from_pem(other.key_pem(), "the key");
  ASSERT_TRUE(key);
  EXPECT_FALSE(TlsContext::for_web_server(web.certificate, *key));
}

TEST_F(WebTls, the_mesh_does_not_speak_to_it) {
  const auto ca = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  TlsClientOptions options;
  options.server_name = "api2.default";
  const auto mesh = TlsContext::make(identity_of(issue_text(ca, kApi)), nullptr);
  ASSERT_TRUE(mesh);
  EnginePair pair(*mesh, server(), options);
  EXPECT_FALSE(pair.shake());
}

}  // namespace
}  // namespace epaulet
