#include <gtest/gtest.h>

#include "tests/unit/tls/mesh_fixture.h"
#include "tests/unit/tls/raw_peer.h"
#include "tls/engine.h"
#include "tls/session_cache.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;
using Step = TlsEngine::Step;

class ResumptionTest : public testing::Test, protected Mesh {
 protected:
  [[nodiscard]] TlsClientOptions caching() {
    auto with = options();
    with.sessions = &cache_;
    return with;
  }
  /// One connection. "full", "resumed" or the client's error.
  std::string connect(const std::shared_ptr<const TlsContext>& from,
                      const std::shared_ptr<const TlsContext>& to, const TlsClientOptions& with,
                      WallTime now = kNow) {
    EnginePair pair(from, to, with, now);
    if (!pair.shake()) {
      const auto& error =
          pair.client_step == Step::failed ? pair.client.error() : pair.server.error();
      return std::to_string(static_cast<int>(error.code)) + " " + pair.server.report().diagnosis;
    }
    EXPECT_EQ(pair.client.report().resumed, pair.server.report().resumed);
    // Resumed or not, both know the same of each other.
    EXPECT_EQ(pair.client.report().spiffe_id, kApi2);
    EXPECT_EQ(pair.server.report().spiffe_id, kApi);
    EXPECT_EQ(pair.client.report().authority, authority_);
    EXPECT_EQ(pair.server.report().authority, authority_);
    EXPECT_EQ(pair.server.report().protocol, detect::MeshProtocol::http1);
    EXPECT_EQ(pair.server.report().sni, "api2.default");
    EXPECT_EQ(carry(pair.client, pair.server, "ping"), "ping");
    return pair.client.report().resumed ? "resumed" : "full";
  }

  TlsSessionCache cache_;
  Sha256 authority_ = ca.certificate().fingerprint();
};

TEST_F(ResumptionTest, the_second_connection_resumes_and_so_do_all_after_it) {
  EXPECT_EQ(connect(api, api2, caching()), "full");
  EXPECT_EQ(cache_.size(), 1u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(connect(api, api2, caching()), "resumed");
  EXPECT_EQ(cache_.size(), 1u);
}

TEST_F(ResumptionTest, without_a_cache_nothing_is_resumed) {
  EXPECT_EQ(connect(api, api2, options()), "full");
  EXPECT_EQ(connect(api, api2, options()), "full");
  EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(ResumptionTest, sessions_are_kept_apart_by_expected_identities_and_scope) {
  EXPECT_EQ(connect(api, api2, caching()), "full");
  const std::vector<std::string> wider{kApi2, kApi};
  auto with = caching();
  with.expected = wider;
  EXPECT_EQ(connect(api, api2, with), "full");
  with = caching();
  with.session_scope = "10.0.0.2:8080";
  EXPECT_EQ(connect(api, api2, with), "full");
  EXPECT_EQ(cache_.size(), 3u);
  EXPECT_EQ(connect(api, api2, with), "resumed");
}

TEST_F(ResumptionTest, a_client_with_a_renewed_leaf_goes_on_with_its_sessions) {
  EXPECT_EQ(connect(api, api2, caching()), "full");
  const auto renewed =
      context_of(identity_of(issue_text(ca, kApi, kNow + 1h), kNow + 1h), api.get());
  EXPECT_EQ(connect(renewed, api2, caching(), kNow + 1h), "resumed");
}

TEST_F(ResumptionTest, a_client_with_a_renewed_leaf_knows_when_the_server_cuts_what_it_resumed) {
  // The server goes by the leaf that the session began with: a request that the client begins later
  // would be lost.
  const auto first = context_of(identity_of(issue_text(ca, kApi, kNow, 1h)));
  const auto renewed =
      context_of(identity_of(issue_text(ca, kApi, kNow + 30min), kNow + 30min), first.get());
  const auto end = first->identity().not_after();
  ASSERT_LT(end, renewed->identity().not_after());
  EXPECT_EQ(connect(first, api2, caching()), "full");
  for (const auto& from : {first, renewed, renewed}) {
    EnginePair pair(from, api2, caching(), kNow + 31min);
    ASSERT_TRUE(pair.shake());
    ASSERT_TRUE(pair.client.report().resumed);
    EXPECT_EQ(pair.server.report().not_after, end);
    const auto own = from->identity().not_after();
    EXPECT_EQ(std::min(own, pair.client.report().not_after), end);
    EXPECT_EQ(carry(pair.client, pair.server, "ping"), "ping");  // With the next ticket before it.
  }
  // A full handshake goes by the new one.
  EnginePair pair(renewed, api2, options(), kNow + 31min);
  ASSERT_TRUE(pair.shake());
  EXPECT_EQ(pair.server.report().not_after, renewed->identity().not_after());
  EXPECT_GT(pair.client.report().not_after, end);
}

TEST_F(ResumptionTest,
       ticket_keys_live_as_long_as_the_leaf_and_survive_a_reload_of_the_same_files) {
  const auto text = issue_text(ca, kApi2);
  const auto server = context_of(identity_of(text));
  EXPECT_EQ(connect(api, server, caching()), "full");
  const auto reloaded = context_of(identity_of(text), server.get());
  EXPECT_EQ(connect(api, reloaded, caching()), "resumed");
  const auto renewed = context_of(identity_of(issue_text(ca, kApi2)), reloaded.get());
  EXPECT_EQ(connect(api, renewed, caching()), "full");
}

TEST_F(ResumptionTest, another_pod_with_keys_of_its_own_makes_a_full_handshake) {
  EXPECT_EQ(connect(api, api2, caching()), "full");
  const auto other_pod = context_of(identity_of(issue_text(ca, kApi2)));
  EXPECT_EQ(connect(api, other_pod, caching()), "full");
}

TEST_F(ResumptionTest, tickets_live_no_longer_than_either_leaf) {
  const auto short_lived = context_of(identity_of(issue_text(ca, kApi, kNow, 10min)));
  EXPECT_EQ(connect(short_lived, api2, caching()), "full");
  EXPECT_EQ(connect(short_lived, api2, caching(), kNow + 9min - 1s), "resumed");
  EXPECT_EQ(connect(short_lived, api2, caching(), kNow + 9min), "full")
      << "its last minute is not for something new";
  EXPECT_EQ(cache_.find("", kNow), nullptr);
  // The ticket that the resumed connection was given ends with the leaf too, not two hours later. A
  // new leaf of the same identity makes the client usable again; the session of the old one is
  // gone.
  const auto renewed =
      context_of(identity_of(issue_text(ca, kApi, kNow + 9min), kNow + 9min), short_lived.get());
  EXPECT_EQ(connect(renewed, api2, caching(), kNow + 10min), "full");
}

TEST_F(ResumptionTest, a_server_refuses_a_ticket_past_the_clients_leaf_even_if_it_is_offered) {
  const auto short_lived = context_of(identity_of(issue_text(ca, kApi, kNow, 10min)));
  EXPECT_EQ(connect(short_lived, api2, caching()), "full");
  // A client whose clock stands still offers it for ever.
  EnginePair in_time(short_lived, api2, caching());
  in_time.server_now = kNow + 10min - 1s;
  ASSERT_TRUE(in_time.shake());
  EXPECT_TRUE(in_time.server.report().resumed);
  EnginePair late(short_lived, api2, caching());
  late.server_now = kNow + 10min;
  EXPECT_FALSE(late.shake());
  EXPECT_EQ(late.server.error().code, ErrorCode::tls_peer_expired);
}

TEST_F(ResumptionTest, an_issuer_that_ends_before_its_leaf_ends_connections_and_tickets) {
  const auto issuer = ca.create_issuer(KeyType::p256, kNow, 10min);
  ASSERT_TRUE(issuer.has_value());
  const auto key = PrivateKey::generate(KeyType::p256);
  const auto leaf = make_leaf(*issuer, key, {});
  const auto end = issuer->certificate().not_after();
  ASSERT_LT(end, leaf.not_after());
  const auto client = context_of(
      identity_of(identity_text({leaf, issuer->certificate()}, key, {ca.certificate()})));
  EnginePair first(client, api2, caching());
  ASSERT_TRUE(first.shake());
  EXPECT_EQ(first.server.report().not_after, end);
  EXPECT_EQ(carry(first.server, first.client, "ping"), "ping");  // With the ticket before it.
  EnginePair in_time(client, api2, caching());
  in_time.server_now = end - 1s;
  ASSERT_TRUE(in_time.shake());
  EXPECT_TRUE(in_time.server.report().resumed);
  EXPECT_EQ(in_time.server.report().not_after, end);
  EnginePair late(client, api2, caching());
  late.server_now = end;
  EXPECT_FALSE(late.shake());
  EXPECT_EQ(late.server.error().code, ErrorCode::tls_peer_expired);
}

TEST_F(ResumptionTest, a_ticket_that_was_taken_in_time_is_good_for_its_handshake) {
  const auto short_lived = context_of(identity_of(issue_text(ca, kApi, kNow, 10min)));
  // The end of a ticket is in whole seconds: before the leaf's.
  EXPECT_EQ(connect(short_lived, api2, caching(), kNow + 500ms), "full");
  const auto end = short_lived->identity().not_after() - 1s;
  EnginePair pair(short_lived, api2, caching(), kNow + 500ms);
  pair.client_step = pair.client.handshake(pair.client_now);
  ASSERT_TRUE(EnginePair::pass(pair.client, pair.server, pair.server_step, end - 1ms, SIZE_MAX));
  ASSERT_TRUE(
      EnginePair::pass(pair.server, pair.client, pair.client_step, pair.client_now, SIZE_MAX));
  ASSERT_TRUE(EnginePair::pass(pair.client, pair.server, pair.server_step, end + 1ms, SIZE_MAX));
  EXPECT_EQ(pair.server_step, Step::done) << pair.server.report().diagnosis;
  EXPECT_TRUE(pair.server.report().resumed);
  EXPECT_EQ(carry(pair.client, pair.server, "POST"), "POST");

  cache_.clear();
  EXPECT_EQ(connect(short_lived, api2, caching(), kNow + 500ms), "full");
  EnginePair late(short_lived, api2, caching(), kNow + 500ms);
  late.server_now = end + 1ms;
  ASSERT_TRUE(late.shake()) << "one that comes too late costs a full handshake and nothing else";
  EXPECT_FALSE(late.server.report().resumed);
}

TEST_F(ResumptionTest, tickets_live_two_hours_at_most) {
  EXPECT_EQ(connect(api, api2, caching()), "full");
  EXPECT_EQ(connect(api, api2, caching(), kNow + 2h - 1s), "resumed");
  cache_.clear();
  EXPECT_EQ(connect(api, api2, caching()), "full");
  EXPECT_EQ(connect(api, api2, caching(), kNow + 2h), "full");
}

TEST_F(ResumptionTest, a_removed_root_is_not_resumed_by_the_server) {
  // Two roots are trusted; the client's is then withdrawn.
  const auto old_ca = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  const auto both = pem_of({ca.certificate(), old_ca.certificate()});
  auto client_text = issue_text(old_ca, kApi);
  client_text.bundle = both;
  auto server_text = issue_text(ca, kApi2);
  server_text.bundle = both;
  const auto client = context_of(identity_of(client_text));
  const auto server = context_of(identity_of(server_text));
  {
    EnginePair first(client, server, caching());
    ASSERT_TRUE(first.shake());
    EXPECT_EQ(first.server.report().authority, old_ca.certificate().fingerprint());
    EXPECT_EQ(first.client.report().authority, ca.certificate().fingerprint());
    EnginePair second(client, server, caching());
    ASSERT_TRUE(second.shake());
    ASSERT_TRUE(second.server.report().resumed);
    EXPECT_EQ(second.server.report().authority, old_ca.certificate().fingerprint());
  }
  server_text.bundle = ca.certificate().to_pem();
  const auto strict = context_of(identity_of(server_text), server.get());
  EnginePair third(client, strict, caching());
  EXPECT_FALSE(third.shake());
  EXPECT_FALSE(third.server.handshake_is_over());
  EXPECT_EQ(third.server.error().code, ErrorCode::tls_peer_untrusted);
}

TEST_F(ResumptionTest, a_removed_root_is_not_resumed_by_the_client) {
  const auto old_ca = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  const auto both = pem_of({ca.certificate(), old_ca.certificate()});
  auto client_text = issue_text(ca, kApi);
  client_text.bundle = both;
  auto server_text = issue_text(old_ca, kApi2);
  server_text.bundle = both;
  const auto client = context_of(identity_of(client_text));
  const auto server = context_of(identity_of(server_text));
  EnginePair first(client, server, caching());
  ASSERT_TRUE(first.shake());
  ASSERT_EQ(cache_.size(), 1u);
  client_text.bundle = ca.certificate().to_pem();
  const auto strict = context_of(identity_of(client_text), client.get());
  EnginePair second(strict, server, caching());
  EXPECT_FALSE(second.shake());
  EXPECT_EQ(second.client.error().code, ErrorCode::tls_peer_untrusted);
}

TEST_F(ResumptionTest, a_client_that_changed_its_identity_does_not_resume_as_the_old_one) {
  EXPECT_EQ(connect(api, api2, caching()), "full");
  const auto other = context_of(
      identity_of(issue_text(ca, "spiffe://cluster.local/ns/default/sa/other")), api.get());
  EnginePair pair(other, api2, caching());
  ASSERT_TRUE(pair.shake());
  EXPECT_FALSE(pair.server.report().resumed);
  EXPECT_EQ(pair.server.report().spiffe_id, "spiffe://cluster.local/ns/default/sa/other");
}

TEST_F(ResumptionTest, a_connection_cut_without_close_notify_can_be_resumed_all_the_same) {
  {
    EnginePair pair(api, api2, caching());
    ASSERT_TRUE(pair.shake());
  }
  EXPECT_EQ(connect(api, api2, caching()), "resumed");
}

TEST_F(ResumptionTest, a_server_knows_who_resumes_without_keeping_a_certificate) {
  Sha256 fingerprint{};
  for (const bool is_resumed : {false, true, true}) {
    EnginePair pair(api, api2, caching());
    ASSERT_TRUE(pair.shake());
    const auto& report = pair.server.report();
    ASSERT_EQ(report.resumed, is_resumed);
    if (!is_resumed) fingerprint = report.fingerprint;
    EXPECT_EQ(report.fingerprint, fingerprint);
    EXPECT_EQ(report.fingerprint, api->identity().leaf().fingerprint());
    EXPECT_EQ(report.not_after, api->identity().leaf().not_after());
    EXPECT_EQ(SSL_get0_peer_certificate(pair.server.native()), nullptr);
    EXPECT_EQ(SSL_get0_verified_chain(pair.server.native()), nullptr);
    EXPECT_EQ(carry(pair.client, pair.server, "ping"), "ping");
    EXPECT_EQ(carry(pair.server, pair.client, "pong"), "pong");
    EXPECT_EQ(SSL_key_update(pair.server.native(), SSL_KEY_UPDATE_REQUESTED), 1);
    EXPECT_EQ(carry(pair.server, pair.client, "pong"), "pong");
    EXPECT_EQ(carry(pair.client, pair.server, "ping"), "ping") << "with the client's new key";
  }
}

TEST_F(ResumptionTest, a_ticket_has_no_certificate_in_it) {
  EnginePair pair(api, api2, caching());
  ASSERT_TRUE(pair.shake());
  EXPECT_EQ(carry(pair.client, pair.server, "ping"), "ping");
  const ssl_session_st* session = SSL_get_session(pair.client.native());
  const unsigned char* ticket = nullptr;
  std::size_t size = 0;
  SSL_SESSION_get0_ticket(session, &ticket, &size);
  EXPECT_GT(size, 100U);
  EXPECT_LT(size, 400U) << "a certificate alone takes more";
}

TEST_F(ResumptionTest, a_ticket_is_not_taken_before_the_clients_leaf_is_valid) {
  EXPECT_EQ(connect(api, api2, caching()), "full");
  // The server's clock is set back beyond that: whatever it says to the leaf, it says it anew.
  EnginePair pair(api, api2, caching());
  pair.server_now = api->identity().leaf().not_before() - 1s;
  EXPECT_FALSE(pair.shake());
  EXPECT_FALSE(pair.server.report().resumed);
  EXPECT_EQ(pair.server.error().code, ErrorCode::tls_peer_expired);
}

TEST_F(ResumptionTest, a_handshake_that_fails_leaves_no_session) {
  const std::vector<std::string> nobody{"spiffe://cluster.local/ns/default/sa/nobody"};
  auto with = caching();
  with.expected = nobody;
  EnginePair pair(api, api2, with);
  EXPECT_FALSE(pair.shake());
  EXPECT_EQ(cache_.size(), 0u);
}

class SessionCacheTest : public testing::Test {
 protected:
  static TlsSessionCache::Entry entry(const std::string& key, WallTime expires = kNow + 1h) {
    TlsSessionCache::Entry made;
    made.key = key;
    made.session.reset(SSL_SESSION_new());
    made.expires = expires;
    return made;
  }
};

TEST_F(SessionCacheTest, the_one_unused_for_longest_makes_room) {
  TlsSessionCache cache(2);
  cache.put(entry("a"));
  cache.put(entry("b"));
  EXPECT_NE(cache.find("a", kNow), nullptr);
  cache.put(entry("c"));
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.find("b", kNow), nullptr);
  EXPECT_NE(cache.find("a", kNow), nullptr);
  EXPECT_NE(cache.find("c", kNow), nullptr);
}

TEST_F(SessionCacheTest, a_session_is_gone_at_the_moment_it_expires) {
  TlsSessionCache cache;
  cache.put(entry("a", kNow + 1s));
  EXPECT_NE(cache.find("a", kNow + 999ms), nullptr);
  EXPECT_EQ(cache.find("a", kNow + 1s), nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(SessionCacheTest, the_same_key_is_replaced) {
  TlsSessionCache cache;
  cache.put(entry("a"));
  auto newer = entry("a");
  const auto* session = newer.session.get();
  cache.put(std::move(newer));
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.find("a", kNow)->session.get(), session);
  cache.remove("a");
  cache.remove("a");
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace epaulet
