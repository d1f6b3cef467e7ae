#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "crypto/identity_service.h"
#include "tests/unit/tls/mesh_fixture.h"

namespace epaulet {
namespace {

using Step = TlsEngine::Step;

/// The identity service and somebody who wants a certificate.
class IdentityServiceTlsTest : public testing::Test {
 protected:
  [[nodiscard]] static std::shared_ptr<const TlsContext> service_of(
      const CertificateAuthority& ca, const std::string& id = identity_service::id_of(kDomain)) {
    auto made = TlsContext::for_identity_service(identity_of(issue_text(ca, id)));
    EXPECT_TRUE(made.has_value());
    return *made;
  }
  [[nodiscard]] std::shared_ptr<const TlsContext> client(
      std::shared_ptr<const Identity> own = nullptr) const {
    auto made = TlsContext::for_identity_client(Trust{std::string(kDomain), {ca.certificate()}},
                                                std::move(own));
    EXPECT_TRUE(made.has_value());
    return *made;
  }
  [[nodiscard]] TlsClientOptions options() const {
    TlsClientOptions options;
    options.server_name = "identity.mesh";
    options.expected = expected;
    return options;
  }

  CertificateAuthority ca = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  std::vector<std::string> expected{identity_service::id_of(kDomain)};
};

TEST_F(IdentityServiceTlsTest, a_client_without_a_certificate_comes_in_as_nobody) {
  EnginePair pair(client(), service_of(ca), options());
  ASSERT_TRUE(pair.shake());
  EXPECT_EQ(pair.server.report().spiffe_id, "");
  EXPECT_EQ(pair.client.report().spiffe_id, expected.front());
}

TEST_F(IdentityServiceTlsTest, one_with_a_certificate_proves_it) {
  EnginePair pair(client(identity_of(issue_text(ca, kApi))), service_of(ca), options());
  ASSERT_TRUE(pair.shake());
  EXPECT_EQ(pair.server.report().spiffe_id, kApi);
}

TEST_F(IdentityServiceTlsTest, a_service_for_members_takes_nobody_without_a_certificate) {
  const auto made = TlsContext::for_member_service(identity_of(issue_text(ca, expected.front())));
  ASSERT_TRUE(made.has_value());
  EnginePair nobody(client(), *made, options());
  (void)nobody.shake();
  EXPECT_FALSE(nobody.server.handshake_is_over());
  EXPECT_EQ(nobody.server.error().code, ErrorCode::tls_identity_missing);
  EnginePair member(client(identity_of(issue_text(ca, kApi))), *made, options());
  ASSERT_TRUE(member.shake());
  EXPECT_EQ(member.server.report().spiffe_id, kApi);
}

TEST_F(IdentityServiceTlsTest, a_workload_cannot_pose_as_the_service) {
  EnginePair pair(client(), service_of(ca, kApi2), options());
  EXPECT_FALSE(pair.shake());
  EXPECT_EQ(pair.client.error().code, ErrorCode::tls_identity_unexpected);
}

TEST_F(IdentityServiceTlsTest, a_service_of_another_authority_is_refused) {
  const auto other = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  EnginePair pair(client(), service_of(other), options());
  EXPECT_FALSE(pair.shake());
  EXPECT_EQ(pair.client.error().code, ErrorCode::tls_peer_untrusted);
  EXPECT_NE(pair.client.report().diagnosis.find(other.certificate().subject_key_id()),
            std::string::npos)
      << pair.client.report().diagnosis;
}

TEST_F(IdentityServiceTlsTest, a_client_of_another_authority_or_too_late_is_not_taken_for_nobody) {
  const auto other = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  EnginePair foreign(client(identity_of(issue_text(other, kApi))), service_of(ca), options());
  (void)foreign.shake();
  EXPECT_FALSE(foreign.server.handshake_is_over());
  EnginePair late(client(identity_of(issue_text(ca, kApi))), service_of(ca), options());
  late.server_now = kNow + std::chrono::hours(25);
  (void)late.shake();
  EXPECT_FALSE(late.server.handshake_is_over());
  EXPECT_EQ(late.server.error().code, ErrorCode::tls_peer_expired);
}

TEST_F(IdentityServiceTlsTest, a_mesh_peer_and_the_service_do_not_speak_to_each_other) {
  const Mesh mesh;
  EnginePair pair(client(identity_of(issue_text(mesh.ca, kApi))), mesh.api2, options());
  EXPECT_FALSE(pair.shake());
  EXPECT_EQ(pair.server.error().code, ErrorCode::tls_alpn_unknown);
}

TEST_F(IdentityServiceTlsTest, groups_and_signatures_are_those_of_the_page) {
  const Mesh mesh;
  auto with = mesh.options();
  EnginePair pair(mesh.api, mesh.api2, with);
  ASSERT_TRUE(pair.shake());
  // The hybrid wherever this OpenSSL has it (3.5 does), else X25519.
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> any(SSL_CTX_new(TLS_method()),
                                                              SSL_CTX_free);
  const bool has_hybrid = SSL_CTX_set1_groups_list(any.get(), "X25519MLKEM768") == 1;
  ERR_clear_error();
  for (auto* const end : {pair.client.native(), pair.server.native()}) {
    const auto group = static_cast<int>(SSL_get_negotiated_group(end));
    const char* const name = SSL_group_to_name(end, group);
    if (has_hybrid) {
      EXPECT_STRCASEEQ(name, "X25519MLKEM768");
    } else {
      EXPECT_EQ(group, NID_X25519) << (name != nullptr ? name : "");
    }
  }
  int signature = 0;
  ASSERT_EQ(SSL_get_peer_signature_nid(pair.client.native(), &signature), 1);
  EXPECT_EQ(signature, NID_sha256);
  EXPECT_STREQ(SSL_get_version(pair.client.native()), "TLSv1.3");
  EXPECT_EQ(SSL_get_max_early_data(pair.server.native()), 0u);
}

}  // namespace
}  // namespace epaulet
