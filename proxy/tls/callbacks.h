#pragma once

#include <cstddef>

#include "crypto/owned.h"
#include "tls/peer_verifier.h"
#include "tls/ticket_facts.h"

namespace epaulet {

class TlsEngine;

/// What OpenSSL calls while an engine runs. Each finds its engine through the SSL's application
/// data. None keeps state of its own; what they find out goes into the engine.
struct TlsCallbacks {
  /// Client and server: the peer's chain is judged by verify_peer(). Server: ALPN, SNI, tickets.
  /// Client: sessions.
  static void install_on_server(ssl_ctx_st* context);
  static void install_on_client(ssl_ctx_st* context);
  /// The identity service: the same judgement, but plain HTTPS and no sessions.
  static void install_on_identity_service(ssl_ctx_st* context);
  static void install_on_identity_client(ssl_ctx_st* context);
  /// Plain HTTPS: nobody's identity is looked at; the server is judged by verify_web_server().
  static void install_on_web_server(ssl_ctx_st* context);
  static void install_on_web_client(ssl_ctx_st* context);
  /// Nobody is judged.
  static void install_on_unverified_client(ssl_ctx_st* context);

  /// A BIO that buffers nothing: reads from the engine's input, appends to its output.
  [[nodiscard]] static bio_st* make_bio(TlsEngine& engine);

  static int bio_read(bio_st* bio, char* out, std::size_t wanted, std::size_t* got);
  static int bio_write(bio_st* bio, const char* data, std::size_t size, std::size_t* written);

  static int on_verify(x509_store_ctx_st* chain, void*);
  static int on_verify_web(x509_store_ctx_st* chain, void*);
  static int on_verify_nobody(x509_store_ctx_st* chain, void*);
  static int judge(x509_store_ctx_st* chain, TlsEngine& engine, PeerVerdict verdict);
  static int on_client_hello(ssl_st* ssl, int* alert, void*);
  static int on_server_name(ssl_st* ssl, int* alert, void*);
  static int on_alpn(ssl_st* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                     const unsigned char* offered, unsigned int offered_size, void*);
  static int on_http_alpn(ssl_st* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                          const unsigned char* offered, unsigned int offered_size, void*);
  static std::optional<TicketFacts> facts_of_peer(ssl_st* ssl);
  static int on_make_ticket(ssl_st* ssl, void*);
  /// Whether a ticket that decrypts may be used.
  static bool accepts_ticket(ssl_st* ssl, ssl_session_st* session);
  static void on_info(const ssl_st* ssl, int where, int);
  static int on_new_session(ssl_st* ssl, ssl_session_st* session);
};

}  // namespace epaulet
