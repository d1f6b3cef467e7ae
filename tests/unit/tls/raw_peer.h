#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "crypto/certificate.h"
#include "crypto/key.h"
#include "tls/engine.h"

namespace epaulet {

/// An OpenSSL end without any of our rules, to play the peer that breaks them.
class RawPeer {
 public:
  struct Options {
    bool is_server = false;
    std::vector<Certificate> chain = {};  ///< Empty: none is presented.
    const PrivateKey* key = nullptr;
    std::vector<std::string> alpn =
        {};  ///< Client: offered. Server: the first is chosen, whatever was offered.
    int version_max = TLS1_3_VERSION;
    std::string groups = {};  ///< "": OpenSSL's own.
  };

  explicit RawPeer(const Options& options) : options_(options) {
    context_.reset(SSL_CTX_new(options.is_server ? TLS_server_method() : TLS_client_method()));
    SSL_CTX_set_max_proto_version(context_.get(), options.version_max);
    if (!options.chain.empty()) {
      EXPECT_EQ(SSL_CTX_use_certificate(context_.get(), options.chain.front().get()), 1);
      EXPECT_EQ(SSL_CTX_use_PrivateKey(context_.get(), options.key->get()), 1);
      for (std::size_t i = 1; i < options.chain.size(); ++i) {
        EXPECT_EQ(SSL_CTX_add1_chain_cert(context_.get(), options.chain[i].get()), 1);
      }
    }
    if (!options.groups.empty()) SSL_CTX_set1_groups_list(context_.get(), options.groups.c_str());
    if (options.is_server) {
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
      SSL_CTX_set_alpn_select_cb(context_.get(), on_alpn, &options_);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (options.is_server) {
      SSL_set_accept_state(ssl_.get());
    } else {
      SSL_set_connect_state(ssl_.get());
      std::string wire;
      for (const auto& token : options.alpn) wire += static_cast<char>(token.size()) + token;
      if (!wire.empty()) {
        SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()));
      }
    }
  }

  [[nodiscard]] ssl_st* native() const { return ssl_.get(); }
  bool handshake() {
    const bool done = SSL_do_handshake(ssl_.get()) == 1;
    (void)drain_openssl_errors();
    return done;
  }
  void receive(ConstBytes bytes) {
    if (!bytes.empty())
      BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
  }
  std::string sent() {
    std::string out(BIO_pending(SSL_get_wbio(ssl_.get())), '\0');
    if (!out.empty()) BIO_read(SSL_get_wbio(ssl_.get()), out.data(), static_cast<int>(out.size()));
    return out;
  }
  std::string read() {
    std::string out(70000, '\0');
    const int got = SSL_read(ssl_.get(), out.data(), static_cast<int>(out.size()));
    (void)drain_openssl_errors();
    out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return out;
  }
  void write(std::string_view text) {
    SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
  }

 private:
  static int on_alpn(ssl_st*, const unsigned char** out, unsigned char* size, const unsigned char*,
                     unsigned, void* arg) {
    const auto& options = *static_cast<Options*>(arg);
    if (options.alpn.empty()) return SSL_TLSEXT_ERR_NOACK;
    *out = reinterpret_cast<const unsigned char*>(options.alpn.front().data());
    *size = static_cast<unsigned char>(options.alpn.front().size());
    return SSL_TLSEXT_ERR_OK;
  }

  Options options_;
  Owned<ssl_ctx_st> context_;
  Owned<ssl_st> ssl_;
};

/// Moves what either end has sent until both are quiet, at most `piece` bytes at a time.
/// Returns the last step of the engine.
inline TlsEngine::Step shake(TlsEngine& engine, RawPeer& peer, WallTime now,
                             std::size_t piece = SIZE_MAX) {
  auto step = TlsEngine::Step::want_input;
  for (bool moved = true; moved;) {
    moved = false;
    if (!engine.handshake_is_over() && step != TlsEngine::Step::failed)
      step = engine.handshake(now);
    if (engine.has_output()) {
      const auto output = engine.take_output();
      peer.receive(output.bytes());
      moved = true;
    }
    peer.handshake();
    const auto text = peer.sent();
    for (std::size_t at = 0; at < text.size() && step == TlsEngine::Step::want_input; at += piece) {
      engine.feed(as_bytes(std::string_view(text).substr(at, piece)));
      step = engine.handshake_is_over() ? step : engine.handshake(now);
      moved = true;
    }
  }
  return step;
}

}  // namespace epaulet
