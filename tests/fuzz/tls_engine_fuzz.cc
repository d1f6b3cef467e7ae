#include "tls/engine.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "tests/unit/crypto/pki_fixture.h"

namespace {

using namespace epaulet;
using Step = TlsEngine::Step;

constexpr const char* kApi = "spiffe://cluster.local/ns/default/sa/api";
constexpr const char* kApi2 = "spiffe://cluster.local/ns/default/sa/api2";

std::shared_ptr<const TlsContext> context_for(const CertificateAuthority& ca, const char* id) {
  auto identity = Identity::from(issue_text(ca, id), kDomain, kNow);
  EPAULET_ASSERT(identity.has_value());
  auto context = TlsContext::make(*identity, nullptr);
  EPAULET_ASSERT(context.has_value());
  return *context;
}

struct Mesh {
  CertificateAuthority ca = CertificateAuthority::create(kDomain, KeyType::ed25519, kNow);
  std::shared_ptr<const TlsContext> api = context_for(ca, kApi);
  std::shared_ptr<const TlsContext> api2 = context_for(ca, kApi2);
  std::vector<std::string> expected{kApi2};

  [[nodiscard]] TlsClientOptions options() const {
    TlsClientOptions options;
    options.server_name = "api2.default";
    options.protocol = detect::MeshProtocol::http1;
    options.expected = expected;
    return options;
  }
};

/// What follows the handshake is read as the stream reads it, whatever it is.
void read_all(TlsEngine& engine) {
  std::array<std::byte, 512> buffer;
  while (engine.peek() == Step::done) {
    if (engine.read(buffer).step != Step::done) break;
  }
}

/// Foreign bytes from the first on, in pieces: nobody without our CA opens anything.
void meet_stranger(TlsEngine& engine, ConstBytes bytes, std::size_t piece) {
  auto step = engine.handshake(kNow);
  while (!bytes.empty() && step == Step::want_input) {
    const auto next = bytes.first(std::min(piece, bytes.size()));
    engine.feed(next);
    step = engine.handshake(kNow);
    EPAULET_ASSERT(step == Step::failed || engine.unread().empty());
    bytes = bytes.subspan(next.size());
  }
  EPAULET_ASSERT(step != Step::done && !engine.handshake_is_over());
  EPAULET_ASSERT(step != Step::failed || engine.error().code != ErrorCode::none);
  EPAULET_ASSERT(step != Step::failed || !engine.report().diagnosis.empty());
  for (const char c : engine.report().diagnosis)
    EPAULET_ASSERT(c >= ' ' || static_cast<unsigned char>(c) >= 0x80);
}

/// Two real ends; `changes` are triples (two bytes of position, one to XOR) on the bytes between
/// them, both ways.
void disturb(const Mesh& mesh, ConstBytes changes) {
  TlsEngine client(mesh.api, mesh.options(), kNow);
  TlsEngine server(mesh.api2);
  std::size_t passed = 0;
  const auto carry = [&](TlsEngine& from, TlsEngine& to) {
    if (!from.has_output()) return false;
    auto output = from.take_output();
    for (std::size_t i = 0; i + 3 <= changes.size(); i += 3) {
      const std::size_t at = std::to_integer<std::size_t>(changes[i]) << 8 |
                             std::to_integer<std::size_t>(changes[i + 1]);
      if (at >= passed && at - passed < output.size)
        output.block.data()[at - passed] ^= changes[i + 2];
    }
    passed += output.size;
    if (!to.unread().empty()) return false;
    to.feed(output.bytes());
    if (!to.handshake_is_over()) (void)to.handshake(kNow);
    if (to.handshake_is_over()) read_all(to);
    return to.unread().empty();
  };
  (void)client.handshake(kNow);
  for (int i = 0; i < 8; ++i) {
    const bool there = carry(client, server);
    const bool back = carry(server, client);
    if (!there && !back) break;
  }
  if (client.handshake_is_over()) EPAULET_ASSERT(client.report().spiffe_id == kApi2);
  if (server.handshake_is_over()) EPAULET_ASSERT(server.report().spiffe_id == kApi);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Mesh mesh;
  if (size < 2) return 0;
  const ConstBytes bytes = std::as_bytes(std::span(data, size)).subspan(2);
  const std::size_t piece = data[1] == 0 ? SIZE_MAX : data[1];
  switch (data[0] % 3) {
    case 0: {
      TlsEngine server(mesh.api2);
      meet_stranger(server, bytes, piece);
      break;
    }
    case 1: {
      TlsEngine client(mesh.api, mesh.options(), kNow);
      meet_stranger(client, bytes, piece);
      break;
    }
    default:
      disturb(mesh, bytes);
  }
  EPAULET_ASSERT(Block::in_use() == 0);
  return 0;
}
