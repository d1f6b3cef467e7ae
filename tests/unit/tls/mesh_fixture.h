#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "tests/unit/crypto/pki_fixture.h"
#include "tls/context.h"
#include "tls/engine.h"

namespace epaulet {

inline std::shared_ptr<const Identity> identity_of(const IdentityText& text, WallTime now = kNow,
                                                   std::string_view domain = kDomain) {
  auto loaded = Identity::from(text, domain, now);
  EXPECT_TRUE(loaded.has_value()) << (loaded ? "" : all_of(loaded.error()));
  return loaded ? *loaded : nullptr;
}

inline std::shared_ptr<const TlsContext> context_of(std::shared_ptr<const Identity> identity,
                                                    const TlsContext* previous = nullptr) {
  auto made = TlsContext::make(std::move(identity), previous);
  EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().what);
  return made ? *made : nullptr;
}

inline constexpr const char* kApi = "spiffe://cluster.local/ns/default/sa/api";
inline constexpr const char* kApi2 = "spiffe://cluster.local/ns/default/sa/api2";

/// One CA; `api` dials, `api2` serves.
struct Mesh {
  CertificateAuthority ca = CertificateAuthority::create(kDomain, KeyType::p256, kNow);
  std::shared_ptr<const TlsContext> api = context_of(identity_of(issue_text(ca, kApi)));
  std::shared_ptr<const TlsContext> api2 = context_of(identity_of(issue_text(ca, kApi2)));
  std::vector<std::string> expected{kApi2};

  [[nodiscard]] TlsClientOptions options() const {
    TlsClientOptions options;
    options.server_name = "api2.default";
    options.protocol = detect::MeshProtocol::http1;
    options.expected = expected;
    return options;
  }
};

/// Two engines and the wire between them.
struct EnginePair {
  TlsEngine client;
  TlsEngine server;
  WallTime client_now;
  WallTime server_now;
  TlsEngine::Step client_step = TlsEngine::Step::want_input;
  TlsEngine::Step server_step = TlsEngine::Step::want_input;

  EnginePair(std::shared_ptr<const TlsContext> from, std::shared_ptr<const TlsContext> to,
             const TlsClientOptions& options, WallTime now = kNow)
      : client(std::move(from), options, now),
        server(std::move(to)),
        client_now(now),
        server_now(now) {}

  /// Until both are quiet. `piece`: how many bytes arrive at once. Returns whether both are open.
  bool shake(std::size_t piece = SIZE_MAX) {
    client_step = client.handshake(client_now);
    for (bool moved = true; moved;) {
      moved = pass(client, server, server_step, server_now, piece);
      moved = pass(server, client, client_step, client_now, piece) || moved;
    }
    return client.handshake_is_over() && server.handshake_is_over() &&
           client_step == TlsEngine::Step::done && server_step == TlsEngine::Step::done;
  }

  static bool pass(TlsEngine& from, TlsEngine& to, TlsEngine::Step& step, WallTime now,
                   std::size_t piece) {
    if (!from.has_output()) return false;
    const auto output = from.take_output();
    for (std::size_t at = 0; at < output.size; at += piece) {
      if (step == TlsEngine::Step::failed) break;
      to.feed(output.bytes().subspan(at, std::min(piece, output.size - at)));
      // After the handshake what comes is tickets or the refusal of our certificate.
      if (!to.handshake_is_over()) {
        step = to.handshake(now);
      }
      if (to.handshake_is_over() && !to.unread().empty()) {
        const auto after = to.peek();
        if (after == TlsEngine::Step::failed) step = after;
      }
    }
    return true;
  }
};

/// Sends `text` and returns what the other end reads of it.
inline std::string carry(TlsEngine& from, TlsEngine& to, std::string_view text) {
  while (!text.empty()) {
    const auto piece = text.substr(0, TlsEngine::kRecordBytesMax);
    EXPECT_EQ(from.write(as_bytes(piece)), TlsEngine::Step::done);
    text.remove_prefix(piece.size());
  }
  std::string got;
  const auto output = from.take_output();
  to.feed(output.bytes());
  std::array<std::byte, 20000> buffer;
  for (;;) {
    const auto read = to.read(buffer);
    if (read.step != TlsEngine::Step::done) return got;
    got += as_text(ConstBytes(buffer).first(read.bytes));
  }
}

}  // namespace epaulet
