#include "tls/engine.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "tests/fuzz/support/tls_wire.h"
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

/// Two real ends that go on after the handshake, and the wire both ways.
struct Talk {
  TlsEngine client;
  TlsEngine server;
  TlsWire there{client, server};
  TlsWire back{server, client};

  Talk(const Mesh& mesh, const TlsClientOptions& options)
      : client(mesh.api, options, kNow), server(mesh.api2) {
    there.begin();
  }

  void settle() {
    for (int i = 0; i < 16 && !(there.is_quiet() && back.is_quiet()); ++i) {
      there.deliver(SIZE_MAX, back);
      back.deliver(SIZE_MAX, there);
    }
    EPAULET_ASSERT(there.is_quiet() && back.is_quiet());
  }

  void act(std::byte what, std::size_t number) {
    const auto bits = std::to_integer<unsigned>(what);
    TlsWire& wire = (bits & 8) == 0 ? there : back;
    TlsWire& other = (bits & 8) == 0 ? back : there;
    switch (bits & 7) {
      case 0:
        return wire.write(1 + number % TlsEngine::kRecordBytesMax);
      case 1:
        return wire.deliver(1 + number, other);
      case 2:
        return wire.update_key(number % 2 == 1);
      case 3:
        return wire.close();
      case 4:
        return wire.change((bits & 16) != 0, number >> 8, static_cast<std::byte>(number));
      case 5:
        return wire.drop();
      case 6:
        return wire.repeat();
      default:
        return wire.swap();
    }
  }

  /// Returns whether nobody disturbed it.
  bool finish() {
    settle();
    if (client.handshake_is_over()) EPAULET_ASSERT(client.report().spiffe_id == kApi2);
    if (server.handshake_is_over()) EPAULET_ASSERT(server.report().spiffe_id == kApi);
    if (client.handshake_is_over() && server.handshake_is_over())
      EPAULET_ASSERT(client.report().resumed == server.report().resumed);
    if (!there.is_honest() || !back.is_honest()) return false;
    there.check_whole();
    back.check_whole();
    return true;
  }
};

/// Acts of three bytes each: what, and a number for it. The first with kNext ends the first
/// connection; the second offers its ticket. `choices`: which of them come behind an honest
/// handshake.
void talk(const Mesh& mesh, unsigned choices, ConstBytes acts) {
  constexpr std::byte kNext{0xff};
  constexpr int kActsMax = 48;
  TlsSessionCache sessions;
  auto options = mesh.options();
  options.sessions = &sessions;
  bool first_was_whole = false;
  for (unsigned connection = 0; connection < 2; ++connection) {
    const bool has_ticket = sessions.size() > 0;
    EPAULET_ASSERT(has_ticket ? connection > 0 : !first_was_whole);
    Talk talk(mesh, options);
    if ((choices >> connection & 1) != 0) talk.settle();
    for (int i = 0; i < kActsMax && acts.size() >= 3; ++i) {
      const auto act = acts.first(3);
      acts = acts.subspan(3);
      if (act[0] == kNext) break;
      talk.act(act[0],
               std::to_integer<std::size_t>(act[1]) << 8 | std::to_integer<std::size_t>(act[2]));
    }
    if (!talk.finish()) continue;
    EPAULET_ASSERT(sessions.size() == 1);
    // RFC 8446 section 6.2: who has sent or got a fatal alert had better forget the ticket.
    const bool resumed = talk.client.report().resumed;
    EPAULET_ASSERT(resumed ? has_ticket : !first_was_whole);
    first_was_whole = true;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Mesh mesh;
  if (size < 2) return 0;
  const ConstBytes bytes = std::as_bytes(std::span(data, size)).subspan(2);
  const std::size_t piece = data[1] == 0 ? SIZE_MAX : data[1];
  switch (data[0] % 4) {
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
    case 2:
      disturb(mesh, bytes);
      break;
    default:
      talk(mesh, data[1], bytes);
  }
  EPAULET_ASSERT(Block::in_use() == 0);
  return 0;
}
