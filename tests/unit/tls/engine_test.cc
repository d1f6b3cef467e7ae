#include "tls/engine.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/unit/tls/mesh_fixture.h"
#include "tests/unit/tls/raw_peer.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;
using Step = TlsEngine::Step;

class TlsEngineTest : public testing::Test, protected Mesh {
 protected:
  static void expect_contains(const std::string& text, const std::vector<std::string>& parts) {
    for (const auto& part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << "`" << part << "` in: " << text;
  }
};

TEST_F(TlsEngineTest, both_ends_learn_who_the_other_is) {
  EnginePair pair(api, api2, options());
  ASSERT_TRUE(pair.shake());
  const auto& seen_by_client = pair.client.report();
  const auto& seen_by_server = pair.server.report();
  EXPECT_EQ(seen_by_client.spiffe_id, kApi2);
  EXPECT_EQ(seen_by_server.spiffe_id, kApi);
  EXPECT_EQ(seen_by_client.fingerprint, api2->identity().leaf().fingerprint());
  EXPECT_EQ(seen_by_server.fingerprint, api->identity().leaf().fingerprint());
  EXPECT_EQ(seen_by_client.authority, ca.certificate().fingerprint());
  EXPECT_EQ(seen_by_server.authority, ca.certificate().fingerprint());
  EXPECT_EQ(seen_by_server.not_after, kNow + 24h);
  EXPECT_EQ(seen_by_server.sni, "api2.default");
  EXPECT_EQ(seen_by_server.protocol, detect::MeshProtocol::http1);
  EXPECT_EQ(seen_by_client.protocol, detect::MeshProtocol::http1);
  EXPECT_FALSE(seen_by_server.resumed);
  EXPECT_EQ(seen_by_client.diagnosis, "");
  EXPECT_EQ(SSL_version(pair.client.native()), TLS1_3_VERSION);
  EXPECT_STREQ(SSL_CIPHER_get_name(SSL_get_current_cipher(pair.client.native())),
               "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(SSL_get_negotiated_group(pair.client.native()), NID_X25519);
}

TEST_F(TlsEngineTest, every_token_of_this_version_is_spoken) {
  for (const auto protocol :
       {detect::MeshProtocol::http1, detect::MeshProtocol::http2, detect::MeshProtocol::opaque,
        detect::MeshProtocol::any, detect::MeshProtocol::multiplexed}) {
    auto with = options();
    with.protocol = protocol;
    with.server_name = "";
    EnginePair pair(api, api2, with);
    ASSERT_TRUE(pair.shake());
    EXPECT_EQ(pair.server.report().protocol, protocol);
    EXPECT_EQ(pair.client.report().protocol, protocol);
    EXPECT_EQ(pair.server.report().sni, "");
  }
}

TEST_F(TlsEngineTest, a_server_name_is_bounded) {
  auto with = options();
  with.server_name = std::string(255, 'x');
  EnginePair longest(api, api2, with);
  ASSERT_TRUE(longest.shake());
  EXPECT_EQ(longest.server.report().sni, with.server_name);
  with.server_name += 'x';
  TlsEngine client(api, with, kNow);
  EXPECT_EQ(client.handshake(kNow), Step::failed);
  EXPECT_EQ(client.error().code, ErrorCode::internal);
  EXPECT_FALSE(client.has_output());
}

TEST_F(TlsEngineTest, carries_bytes_both_ways_at_all_sizes) {
  EnginePair pair(api, api2, options());
  ASSERT_TRUE(pair.shake());
  for (const std::size_t size : {1u, 2u, 100u, 16383u, 16384u, 16385u, 40000u}) {
    const std::string text(size, static_cast<char>('a' + size % 26));
    EXPECT_EQ(carry(pair.client, pair.server, text), text);
    EXPECT_EQ(carry(pair.server, pair.client, text), text);
  }
}

TEST_F(TlsEngineTest, works_one_byte_at_a_time) {
  EnginePair pair(api, api2, options());
  ASSERT_TRUE(pair.shake(1));
  ASSERT_EQ(pair.client.write(as_bytes("hello")), Step::done);
  const auto output = pair.client.take_output();
  for (std::size_t i = 0; i < output.size; ++i) {
    EXPECT_EQ(pair.server.peek(), Step::want_input);
    pair.server.feed(output.bytes().subspan(i, 1));
  }
  ASSERT_EQ(pair.server.peek(), Step::done);
  std::byte one;
  std::string got;
  while (pair.server.read({&one, 1}).step == Step::done) got += static_cast<char>(one);
  EXPECT_EQ(got, "hello");
}

TEST_F(TlsEngineTest, an_end_at_any_byte_of_the_handshake_opens_nothing) {
  // Once whole, to know the flights.
  EnginePair whole(api, api2, options());
  ASSERT_EQ(whole.client.handshake(kNow), Step::want_input);
  const auto hello = whole.client.take_output();
  whole.server.feed(hello.bytes());
  ASSERT_EQ(whole.server.handshake(kNow), Step::want_input);
  const auto answer = whole.server.take_output();
  ASSERT_GT(answer.size, 500u);
  for (std::size_t cut = 0; cut < hello.size; ++cut) {
    TlsEngine server(api2);
    server.feed(hello.bytes().first(cut));
    ASSERT_EQ(server.handshake(kNow), Step::want_input) << cut;
    server.interrupted(Error(ErrorCode::tls_truncated, Side::downstream, Stage::tls));
    EXPECT_EQ(server.error().code, ErrorCode::tls_truncated);
    expect_contains(server.report().diagnosis,
                    {"in the middle of the TLS handshake", std::to_string(cut) + " bytes"});
    EXPECT_FALSE(server.handshake_is_over());
  }
  // The client's randoms differ, so each cut needs its own pair.
  for (std::size_t cut = 0; cut < answer.size; cut += 5) {
    EnginePair pair(api, api2, options());
    (void)pair.client.handshake(kNow);
    const auto first = pair.client.take_output();
    pair.server.feed(first.bytes());
    (void)pair.server.handshake(kNow);
    const auto second = pair.server.take_output();
    // Signatures differ by a few bytes in length; stay before the end.
    if (cut + 8 >= second.size) break;
    pair.client.feed(second.bytes().first(cut));
    ASSERT_EQ(pair.client.handshake(kNow), Step::want_input) << cut;
    EXPECT_FALSE(pair.client.handshake_is_over());
    EXPECT_FALSE(pair.server.handshake_is_over());
    pair.client.interrupted(Error(ErrorCode::tls_truncated, Side::upstream, Stage::tls));
    EXPECT_EQ(pair.client.error().retry, Retry::safe);
  }
}

TEST_F(TlsEngineTest, a_changed_byte_of_the_handshake_never_opens_both_ends) {
  for (std::size_t at = 5; at < 1200; at += 17) {
    EnginePair pair(api, api2, options());
    (void)pair.client.handshake(kNow);
    auto first = pair.client.take_output();
    if (at < first.size) first.block.data()[at] ^= std::byte{0x55};
    pair.server.feed(first.bytes());
    pair.server_step = pair.server.handshake(kNow);
    if (pair.server_step == Step::failed) continue;
    auto second = pair.server.take_output();
    if (at >= first.size + second.size) break;
    // RFC 8446 section 5.1: the version in the header of a plaintext record is ignored.
    if (at >= first.size && at - first.size < 5) continue;
    if (at >= first.size && at - first.size < second.size)
      second.block.data()[at - first.size] ^= std::byte{0x55};
    pair.client.feed(second.bytes());
    pair.client_step = pair.client.handshake(kNow);
    EXPECT_NE(pair.client_step, Step::done) << at;
  }
}

// Who is refused, and how both ends tell it.

TEST_F(TlsEngineTest, a_client_of_another_root_is_refused_and_both_ends_say_why) {
  const auto other = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  auto text = issue_text(other, kApi);
  text.bundle += ca.certificate().to_pem();  // It trusts the server, the server does not trust it.
  EnginePair pair(context_of(identity_of(text)), api2, options());
  EXPECT_FALSE(pair.shake());
  EXPECT_EQ(pair.server.error().code, ErrorCode::tls_peer_untrusted);
  EXPECT_EQ(pair.server.error().side, Side::downstream);
  EXPECT_EQ(pair.server.error().retry, Retry::never);
  expect_contains(pair.server.report().diagnosis,
                  {"the peer's authority is not one of ours", "with key ",
                   "presented: spiffe://cluster.local/ns/default/sa/api (",
                   other.certificate().subject(), "expected: an identity of cluster.local",
                   "authority: " + ca.certificate().subject(), "our clock: 2026-01-01T00:00:00Z"});
  // TLS 1.3: the client believed the handshake over; the refusal comes with its first read.
  EXPECT_TRUE(pair.client.handshake_is_over());
  EXPECT_EQ(pair.client_step, Step::failed);
  EXPECT_EQ(pair.client.error().code, ErrorCode::tls_handshake_failed);
  EXPECT_EQ(pair.client.error().detail, SSL_AD_UNKNOWN_CA);
  EXPECT_EQ(pair.client.error().retry, Retry::safe);
  expect_contains(pair.client.report().diagnosis, {"refused our certificate", "unknown CA (48)",
                                                   "we presented: " + std::string(kApi)});
}

TEST_F(TlsEngineTest, a_server_of_another_root_is_refused_before_anything_is_sent) {
  const auto other = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  EnginePair pair(api, context_of(identity_of(issue_text(other, kApi2))), options());
  EXPECT_FALSE(pair.shake());
  EXPECT_EQ(pair.client.error().code, ErrorCode::tls_peer_untrusted);
  EXPECT_EQ(pair.client.error().retry, Retry::safe);
  expect_contains(pair.client.report().diagnosis,
                  {"expected: " + std::string(kApi2), other.certificate().subject()});
  EXPECT_EQ(pair.server.error().code, ErrorCode::tls_handshake_failed);
  EXPECT_EQ(pair.server.error().detail, SSL_AD_UNKNOWN_CA);
}

TEST_F(TlsEngineTest, an_expired_leaf_is_told_with_both_clocks) {
  EnginePair pair(api, api2, options());
  pair.client_now = kNow + 25h;
  EXPECT_FALSE(pair.shake());
  EXPECT_EQ(pair.client.error().code, ErrorCode::tls_peer_expired);
  expect_contains(pair.client.report().diagnosis,
                  {"1 h too late", "our clock: 2026-01-02T01:00:00Z"});
  EXPECT_EQ(pair.server.error().detail, SSL_AD_CERTIFICATE_EXPIRED);

  EnginePair other(api, api2, options());
  other.server_now = kNow + 25h;
  EXPECT_FALSE(other.shake());
  EXPECT_EQ(other.server.error().code, ErrorCode::tls_peer_expired);
  EXPECT_EQ(other.client.error().detail, SSL_AD_CERTIFICATE_EXPIRED);
}

TEST_F(TlsEngineTest, a_leaf_from_the_future_is_told_as_a_matter_of_clocks) {
  EnginePair pair(api, api2, options());
  pair.server_now = kNow - 1h;
  EXPECT_FALSE(pair.shake());
  EXPECT_EQ(pair.server.error().code, ErrorCode::tls_peer_expired);
  expect_contains(pair.server.report().diagnosis,
                  {"55 min too early", "our clock: 2025-12-31T23:00:00Z"});
}

TEST_F(TlsEngineTest, a_server_that_is_somebody_else_is_refused) {
  const std::vector<std::string> others{"spiffe://cluster.local/ns/default/sa/api3",
                                        "spiffe://cluster.local/ns/default/sa/api22"};
  auto with = options();
  with.expected = others;
  EnginePair pair(api, api2, with);
  EXPECT_FALSE(pair.shake());
  EXPECT_EQ(pair.client.error().code, ErrorCode::tls_identity_unexpected);
  expect_contains(
      pair.client.report().diagnosis,
      {"the peer presented " + std::string(kApi2) + ", but api2.default expects " + others[0] +
           " or " + others[1],
       "presented: " + std::string(kApi2) + " (", "expected: " + others[0] + " or " + others[1]});
  EXPECT_FALSE(pair.server.handshake_is_over());
}

TEST_F(TlsEngineTest, any_of_several_expected_identities_will_do_and_none_accepts_nobody) {
  const std::vector<std::string> several{kApi, kApi2};
  auto with = options();
  with.expected = several;
  EnginePair pair(api, api2, with);
  EXPECT_TRUE(pair.shake());
  with.expected = {};
  EnginePair none(api, api2, with);
  EXPECT_FALSE(none.shake());
  EXPECT_EQ(none.client.error().code, ErrorCode::tls_identity_unexpected);
  expect_contains(none.client.report().diagnosis, {"no identities are configured"});
}

TEST_F(TlsEngineTest, another_trust_domain_is_refused_even_under_a_root_that_we_trust) {
  const auto foreign = CertificateAuthority::create("other.example", KeyType::p256, kNow);
  auto text = issue_text(ca, kApi2);
  text.bundle += foreign.certificate().to_pem();
  const auto trusting = context_of(identity_of(text));
  auto theirs = issue_text(foreign, "spiffe://other.example/ns/default/sa/api");
  theirs.bundle += ca.certificate().to_pem();
  const auto stranger = context_of(identity_of(theirs, kNow, "other.example"));
  EnginePair pair(stranger, trusting, options());
  EXPECT_FALSE(pair.shake());
  // The stranger, as client, refuses first: api2 is no member of its own domain.
  EXPECT_EQ(pair.client.error().code, ErrorCode::tls_identity_unexpected);

  const auto key = PrivateKey::generate(KeyType::p256);
  const auto chain =
      foreign.issue(key.public_key(), spiffe("spiffe://other.example/ns/default/sa/api"), kNow);
  RawPeer raw({.chain = *chain, .key = &key, .alpn = {"epaulet/1-h1"}});
  TlsEngine server(trusting);
  EXPECT_EQ(shake(server, raw, kNow), Step::failed);
  EXPECT_EQ(server.error().code, ErrorCode::tls_identity_unexpected);
  expect_contains(server.report().diagnosis, {"belongs to the trust domain other.example"});
}

class PresentedCertificateTest : public TlsEngineTest {
 protected:
  /// What the server says to a client with this leaf.
  Error judge(const LeafRecipe& recipe, std::string* diagnosis = nullptr) {
    const auto key = PrivateKey::generate(KeyType::p256);
    RawPeer raw({.chain = {make_leaf(ca, key, recipe)}, .key = &key, .alpn = {"epaulet/1-h1"}});
    TlsEngine server(api2);
    (void)shake(server, raw, kNow);
    if (diagnosis != nullptr) *diagnosis = server.report().diagnosis;
    return server.handshake_is_over() ? Error() : server.error();
  }
};

TEST_F(PresentedCertificateTest, a_good_leaf_from_any_implementation_comes_in) {
  EXPECT_EQ(judge({}).code, ErrorCode::none);
}

TEST_F(PresentedCertificateTest, exactly_one_spiffe_identity_is_demanded) {
  std::string diagnosis;
  EXPECT_EQ(
      judge({.sans = "URI:spiffe://cluster.local/ns/a/sa/b,URI:spiffe://cluster.local/ns/a/sa/c"},
            &diagnosis)
          .code,
      ErrorCode::tls_identity_missing);
  expect_contains(
      diagnosis,
      {"2 URI SANs",
       "presented: spiffe://cluster.local/ns/a/sa/b and spiffe://cluster.local/ns/a/sa/c"});
  EXPECT_EQ(judge({.sans = ""}, &diagnosis).code, ErrorCode::tls_identity_missing);
  expect_contains(diagnosis, {"no SPIFFE identity", "presented: no URI SAN (CN=test leaf"});
  EXPECT_EQ(judge({.sans = "DNS:api.default"}).code, ErrorCode::tls_identity_missing);
  EXPECT_EQ(judge({.sans = "URI:spiffe://cluster.local"}).code, ErrorCode::tls_identity_missing);
}

TEST_F(PresentedCertificateTest, a_name_that_the_root_forbids_is_refused) {
  EXPECT_EQ(judge({.sans = "URI:spiffe://other.example/ns/default/sa/api"}).code,
            ErrorCode::tls_identity_unexpected);
}

TEST_F(PresentedCertificateTest, a_leaf_that_is_not_for_clients_or_may_sign_is_refused) {
  EXPECT_EQ(judge({.ext_key_usage = "serverAuth"}).code, ErrorCode::tls_peer_untrusted);
  EXPECT_EQ(judge({.basic_constraints = "critical,CA:TRUE"}).code, ErrorCode::tls_identity_missing);
}

TEST_F(PresentedCertificateTest, a_leaf_outside_its_time_is_refused) {
  EXPECT_EQ(judge({.not_after = kNow - 1s}).code, ErrorCode::tls_peer_expired);
  EXPECT_EQ(judge({.not_before = kNow + 1s}).code, ErrorCode::tls_peer_expired);
  EXPECT_EQ(judge({.not_before = kNow, .not_after = kNow + 1s}).code, ErrorCode::none);
}

TEST_F(TlsEngineTest, a_client_without_a_certificate_is_refused) {
  RawPeer raw({.alpn = {"epaulet/1-h1"}});
  TlsEngine server(api2);
  EXPECT_EQ(shake(server, raw, kNow), Step::failed);
  EXPECT_EQ(server.error().code, ErrorCode::tls_identity_missing);
  expect_contains(server.report().diagnosis, {"sent no certificate"});
}

// ALPN.

TEST_F(TlsEngineTest, unknown_versions_fail_closed_and_say_so) {
  const auto key = PrivateKey::generate(KeyType::p256);
  const auto leaf = make_leaf(ca, key, {});
  const auto judge = [&](const std::vector<std::string>& alpn, std::string* diagnosis = nullptr) {
    RawPeer raw({.chain = {leaf}, .key = &key, .alpn = alpn});
    TlsEngine server(api2);
    (void)shake(server, raw, kNow);
    if (diagnosis != nullptr) *diagnosis = server.report().diagnosis;
    return server.handshake_is_over() ? ErrorCode::none : server.error().code;
  };
  std::string diagnosis;
  EXPECT_EQ(judge({"epaulet/2-h1"}, &diagnosis), ErrorCode::tls_alpn_unknown);
  expect_contains(diagnosis, {"presented: epaulet/2-h1", "expected: epaulet/1-h1"});
  EXPECT_EQ(judge({"h2", "http/1.1"}, &diagnosis), ErrorCode::tls_alpn_unknown);
  expect_contains(diagnosis, {"presented: h2, http/1.1"});
  EXPECT_EQ(judge({}, &diagnosis), ErrorCode::tls_alpn_unknown);
  expect_contains(diagnosis, {"no ALPN token"});
  EXPECT_EQ(judge({"epaulet/2-h1", "epaulet/1-tcp"}), ErrorCode::none)
      << "a newer peer that speaks ours too";
}

TEST_F(TlsEngineTest, a_client_is_told_that_its_version_is_unknown) {
  // A server of a later version: it answers our tokens with the alert.
  RawPeer raw({.is_server = true});
  TlsEngine client(api, options(), kNow);
  ASSERT_EQ(client.handshake(kNow), Step::want_input);
  const unsigned char alert[] = {21, 3, 3, 0, 2, 2, SSL_AD_NO_APPLICATION_PROTOCOL};
  client.feed(std::as_bytes(std::span(alert)));
  EXPECT_EQ(client.handshake(kNow), Step::failed);
  EXPECT_EQ(client.error().code, ErrorCode::tls_alpn_unknown);
  EXPECT_EQ(client.error().retry, Retry::safe);
}

TEST_F(TlsEngineTest, a_server_that_chooses_no_token_is_no_sidecar) {
  const auto key = PrivateKey::generate(KeyType::p256);
  RawPeer raw({.is_server = true,
               .chain = {make_leaf(ca, key, {.sans = std::string("URI:") + kApi2})},
               .key = &key});
  TlsEngine client(api, options(), kNow);
  EXPECT_EQ(shake(client, raw, kNow), Step::failed);
  EXPECT_EQ(client.error().code, ErrorCode::tls_alpn_unknown);
  EXPECT_FALSE(client.handshake_is_over());
  EXPECT_FALSE(client.has_output()) << "our Finished would tell the server that all is well";
}

// Other protocols.

TEST_F(TlsEngineTest, older_tls_is_refused) {
  const auto key = PrivateKey::generate(KeyType::p256);
  RawPeer raw({.chain = {make_leaf(ca, key, {})},
               .key = &key,
               .alpn = {"epaulet/1-h1"},
               .version_max = TLS1_2_VERSION});
  TlsEngine server(api2);
  EXPECT_EQ(shake(server, raw, kNow), Step::failed);
  EXPECT_EQ(server.error().code, ErrorCode::tls_protocol_error);
  expect_contains(server.report().diagnosis, {"unsupported protocol"});
  EXPECT_FALSE(server.has_output() && server.handshake_is_over());
}

TEST_F(TlsEngineTest, groups_other_than_ours_are_refused) {
  const auto key = PrivateKey::generate(KeyType::p256);
  const auto leaf = make_leaf(ca, key, {});
  RawPeer p256({.chain = {leaf}, .key = &key, .alpn = {"epaulet/1-h1"}, .groups = "P-256"});
  TlsEngine takes(api2);
  (void)shake(takes, p256, kNow);
  EXPECT_TRUE(takes.handshake_is_over());
  RawPeer p521({.chain = {leaf}, .key = &key, .alpn = {"epaulet/1-h1"}, .groups = "P-521"});
  TlsEngine refuses(api2);
  EXPECT_EQ(shake(refuses, p521, kNow), Step::failed);
}

TEST_F(TlsEngineTest, plain_text_is_no_handshake) {
  TlsEngine server(api2);
  server.feed(as_bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(server.handshake(kNow), Step::failed);
  EXPECT_EQ(server.error().code, ErrorCode::tls_protocol_error);
  TlsEngine client(api, options(), kNow);
  (void)client.handshake(kNow);
  client.feed(as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
  EXPECT_EQ(client.handshake(kNow), Step::failed);
  EXPECT_EQ(client.error().code, ErrorCode::tls_protocol_error);
}

// After the handshake.

TEST_F(TlsEngineTest, each_direction_ends_by_itself) {
  EnginePair pair(api, api2, options());
  ASSERT_TRUE(pair.shake());
  ASSERT_EQ(pair.client.write(as_bytes("last")), Step::done);
  ASSERT_EQ(pair.client.close_write(), Step::done);
  const auto output = pair.client.take_output();
  pair.server.feed(output.bytes());
  std::array<std::byte, 100> buffer;
  const auto read = pair.server.read(buffer);
  ASSERT_EQ(read.step, Step::done);
  EXPECT_EQ(as_text(ConstBytes(buffer).first(read.bytes)), "last");
  EXPECT_EQ(pair.server.peek(), Step::closed);
  EXPECT_EQ(pair.server.read(buffer).step, Step::closed);
  EXPECT_EQ(pair.server.peek(), Step::closed) << "and stays so";
  // The other direction goes on, as long as it likes.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(carry(pair.server, pair.client, "answer"), "answer");
  ASSERT_EQ(pair.server.close_write(), Step::done);
  const auto end = pair.server.take_output();
  pair.client.feed(end.bytes());
  EXPECT_EQ(pair.client.peek(), Step::closed);
}

TEST_F(TlsEngineTest, a_changed_record_fails_and_alerts_the_peer) {
  EnginePair pair(api, api2, options());
  ASSERT_TRUE(pair.shake());
  ASSERT_EQ(pair.client.write(as_bytes("hello")), Step::done);
  const auto output = pair.client.take_output();
  output.block.data()[output.size - 1] ^= std::byte{1};
  pair.server.feed(output.bytes());
  EXPECT_EQ(pair.server.peek(), Step::failed);
  EXPECT_EQ(pair.server.error().code, ErrorCode::tls_protocol_error);
  EXPECT_EQ(pair.server.write(as_bytes("x")), Step::failed);
  const auto alert = pair.server.take_output();
  ASSERT_GT(alert.size, 0u);
  pair.client.feed(alert.bytes());
  EXPECT_EQ(pair.client.peek(), Step::failed);
  EXPECT_EQ(pair.client.error().detail, SSL_AD_BAD_RECORD_MAC);
}

TEST_F(TlsEngineTest, key_updates_pass_unnoticed_and_are_answered) {
  EnginePair pair(api, api2, options());
  ASSERT_TRUE(pair.shake());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(SSL_key_update(pair.client.native(), SSL_KEY_UPDATE_REQUESTED), 1);
    EXPECT_EQ(carry(pair.client, pair.server, "before"), "before");
    // OpenSSL answers with what it writes next.
    ASSERT_EQ(pair.server.write(as_bytes("after")), Step::done);
    const auto output = pair.server.take_output();
    EXPECT_GT(output.size, 2 * TlsEngine::kRecordOverhead) << "the answer, then the data";
    pair.client.feed(output.bytes());
    std::array<std::byte, 100> buffer;
    const auto read = pair.client.read(buffer);
    ASSERT_EQ(read.step, Step::done);
    EXPECT_EQ(as_text(ConstBytes(buffer).first(read.bytes)), "after");
  }
}

TEST_F(TlsEngineTest, a_flood_of_key_updates_is_refused) {
  EnginePair pair(api, api2, options());
  ASSERT_TRUE(pair.shake());
  auto step = Step::want_input;
  for (int i = 0; i < 100 && step == Step::want_input; ++i) {
    ASSERT_EQ(SSL_key_update(pair.client.native(), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    (void)SSL_do_handshake(pair.client.native());
    const auto output = pair.client.take_output();
    ASSERT_GT(output.size, 0u);
    pair.server.feed(output.bytes());
    step = pair.server.peek();
  }
  EXPECT_EQ(step, Step::failed);
  EXPECT_EQ(pair.server.error().code, ErrorCode::tls_protocol_error);
  expect_contains(pair.server.report().diagnosis, {"floods"});
}

TEST_F(TlsEngineTest, an_open_engine_at_rest_holds_no_block) {
  EnginePair pair(api, api2, options());
  ASSERT_TRUE(pair.shake());
  (void)carry(pair.client, pair.server, "hello");
  EXPECT_FALSE(pair.client.has_output());
  EXPECT_EQ(Block::in_use(), 0u);
}

TEST_F(TlsEngineTest, errors_that_others_left_in_the_queue_change_nothing) {
  EnginePair pair(api, api2, options());
  (void)PEM_read_bio_X509(Owned<bio_st>(BIO_new_mem_buf("x", 1)).get(), nullptr, nullptr, nullptr);
  ASSERT_TRUE(pair.shake());
  (void)PEM_read_bio_X509(Owned<bio_st>(BIO_new_mem_buf("x", 1)).get(), nullptr, nullptr, nullptr);
  EXPECT_EQ(carry(pair.client, pair.server, "hello"), "hello");
}

}  // namespace
}  // namespace epaulet
