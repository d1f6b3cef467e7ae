#include "tls/ticket_facts.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <array>
#include <cstring>
#include <vector>

namespace epaulet {
namespace {

/// Before the identity, which takes the rest. Written and read by one process.
struct Fixed {
  std::int64_t usable_until;  // Seconds since 1970.
  std::int64_t not_before;
  std::int64_t not_after;
  Sha256 fingerprint;
  Sha256 authority;
};

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

WallTime time_of(std::int64_t seconds) {
  return WallTime(std::chrono::seconds(seconds));
}

std::string text_of(const TicketFacts& facts) {
  const Fixed fixed{seconds_of(facts.usable_until), seconds_of(facts.not_before),
                    seconds_of(facts.not_after), facts.fingerprint, facts.authority};
  std::string text(sizeof fixed, '\0');
  std::memcpy(text.data(), &fixed, sizeof fixed);
  return text + facts.spiffe_id;
}

/// RFC 8446 section 4.6.1: as long as the hash; OpenSSL's own bound is larger.
constexpr std::size_t kSecretBytesMax = 512;

bool copy_secret(const ssl_session_st* from, ssl_session_st* to) {
  std::array<unsigned char, kSecretBytesMax> secret;
  const std::size_t size = SSL_SESSION_get_master_key(from, secret.data(), secret.size());
  const bool is_copied = SSL_SESSION_set1_master_key(to, secret.data(), size) == 1;
  OPENSSL_cleanse(secret.data(), secret.size());
  return is_copied;
}

/// A session like this one that knows no certificate. Its age, which a ticket hides from who reads
/// along, is for early data alone, and we take none.
Owned<ssl_session_st> bare_copy(const ssl_session_st* session) {
  Owned<ssl_session_st> bare(SSL_SESSION_new());
  unsigned id_size = 0;
  const auto* id = SSL_SESSION_get_id(session, &id_size);
  unsigned context_size = 0;
  const auto* context = SSL_SESSION_get0_id_context(session, &context_size);
  const unsigned char* alpn = nullptr;
  std::size_t alpn_size = 0;
  SSL_SESSION_get0_alpn_selected(session, &alpn, &alpn_size);
  const bool is_made = bare != nullptr &&
                       SSL_SESSION_set_protocol_version(
                           bare.get(), SSL_SESSION_get_protocol_version(session)) == 1 &&
                       SSL_SESSION_set_cipher(bare.get(), SSL_SESSION_get0_cipher(session)) == 1 &&
                       copy_secret(session, bare.get()) &&
                       SSL_SESSION_set1_id(bare.get(), id, id_size) == 1 &&
                       SSL_SESSION_set1_id_context(bare.get(), context, context_size) == 1 &&
                       SSL_SESSION_set1_alpn_selected(bare.get(), alpn, alpn_size) == 1;
  if (!is_made) return nullptr;
  SSL_SESSION_set_time(bare.get(), SSL_SESSION_get_time(session));
  SSL_SESSION_set_timeout(bare.get(), SSL_SESSION_get_timeout(session));
  return bare;
}

/// OpenSSL lets nobody take a certificate out of a session, but reads one into another: what the
/// bytes have no certificate of has none then.
bool overwrite(ssl_session_st* session, const ssl_session_st* with) {
  const int size = i2d_SSL_SESSION(with, nullptr);
  if (size <= 0) return false;
  std::vector<unsigned char> bytes(static_cast<std::size_t>(size));
  unsigned char* out = bytes.data();
  i2d_SSL_SESSION(with, &out);
  const unsigned char* in = bytes.data();
  ssl_session_st* target = session;
  const bool is_read = d2i_SSL_SESSION(&target, &in, size) == session;
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return is_read;
}

}  // namespace

bool seal_facts(ssl_session_st* session, const TicketFacts& facts) {
  const auto bare = bare_copy(session);
  const std::string text = text_of(facts);
  return bare != nullptr &&
         SSL_SESSION_set1_ticket_appdata(bare.get(), text.data(), text.size()) == 1 &&
         overwrite(session, bare.get());
}

std::optional<TicketFacts> facts_of(ssl_session_st* session) {
  void* data = nullptr;
  std::size_t size = 0;
  Fixed fixed;
  if (SSL_SESSION_get0_ticket_appdata(session, &data, &size) != 1 || size <= sizeof fixed)
    return std::nullopt;
  std::memcpy(&fixed, data, sizeof fixed);
  TicketFacts facts{
      time_of(fixed.usable_until), time_of(fixed.not_before), time_of(fixed.not_after),
      fixed.fingerprint,           fixed.authority,           {}};
  facts.spiffe_id.assign(static_cast<const char*>(data) + sizeof fixed, size - sizeof fixed);
  return facts;
}

}  // namespace epaulet
