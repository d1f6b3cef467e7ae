#include "fake_mesh_tls.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "detect/client_hello.h"
#include "io/ops.h"

namespace epaulet::sim {
namespace {

std::string number(std::size_t value, unsigned octets) {
  std::string text;
  for (unsigned i = octets; i-- > 0;) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::string piece(std::string_view content, unsigned octets) {
  return number(content.size(), octets) + std::string(content);
}

std::string extension(std::size_t type, std::string_view content) {
  return number(type, 2) + piece(content, 2);
}

/// Reads until `done(text)` says how many bytes make the message; they are taken off.
template <class Done>
Task<Result<std::string>> read_until(ByteStream& stream, Scope& scope, Done done) {
  std::string text;
  std::array<std::byte, 1> one;
  while (!done(text)) {
    const auto got = co_await read_some(stream, one, scope);
    if (!got) co_return got.error();
    if (*got == 0) co_return Error(ErrorCode::tls_truncated, Side::self, Stage::tls);
    text += as_text(one);
  }
  co_return text;
}

Task<Result<void>> write_text(ByteStream& stream, std::string text, Scope& scope) {
  const std::array<ConstBytes, 1> buffers{as_bytes(text)};
  co_return co_await write_all(stream, buffers, scope);
}

bool is_line(const std::string& text) {
  return !text.empty() && text.back() == '\n';
}

bool is_hello(const std::string& text) {
  detect::ClientHello hello;
  return detect::parse_client_hello(as_bytes(text), hello) == detect::HelloVerdict::complete;
}

std::string without_line_end(std::string line) {
  line.pop_back();
  return line;
}

}  // namespace

std::string client_hello(std::string_view server_name,
                         std::initializer_list<std::string_view> alpn) {
  const auto sni = extension(0, piece(number(0, 1) + piece(server_name, 2), 2));
  std::string tokens;
  for (const auto token : alpn) tokens += piece(token, 1);
  const auto protocols = extension(16, piece(tokens, 2));
  const std::string body = number(0x0303, 2) + std::string(32, 'r') + piece("", 1) +
                           piece(number(0x1301, 2), 2) + piece(number(0, 1), 1) +
                           piece(sni + protocols, 2);
  return number(22, 1) + number(0x0301, 2) + piece(number(1, 1) + piece(body, 3), 2);
}

Task<Result<upstream::Secured>> FakeMeshTls::accept(StreamPtr lower, Scope& scope) {
  const auto hello_text = co_await read_until(*lower, scope, is_hello);
  if (!hello_text) co_return hello_text.error();
  detect::ClientHello hello;
  (void)detect::parse_client_hello(as_bytes(*hello_text), hello);
  std::optional<detect::MeshProtocol> chosen;
  detect::for_each_protocol(hello.alpn, [&](std::string_view name) {
    const auto protocol = detect::mesh_protocol(name);
    const bool known = protocol && (shares_ || *protocol != detect::MeshProtocol::multiplexed);
    if (!chosen && known) chosen = protocol;
  });
  if (!chosen) co_return Error(ErrorCode::tls_alpn_unknown, Side::downstream, Stage::tls);
  std::string line = fmt::format("{} {}\n", identity_, detect::token_of(*chosen));
  const auto answered = co_await write_text(*lower, std::move(line), scope);
  if (!answered) co_return answered.error();
  const auto peer = co_await read_until(*lower, scope, is_line);
  if (!peer) co_return peer.error();

  upstream::Secured secured;
  secured.peer = without_line_end(*peer);
  secured.peer_id = telemetry::intern(secured.peer);
  secured.server_name = hello.server_name;
  secured.protocol = *chosen;
  secured.not_after = scope.loop().wall_now() + lifetime_;
  secured.authority[0] = static_cast<std::uint8_t>(generation_);
  secured.stream = std::move(lower);
  co_return secured;
}

Task<Result<upstream::Secured>> FakeMeshTls::connect(StreamPtr lower,
                                                     std::span<const std::string> identities,
                                                     const std::string& server_name,
                                                     detect::MeshProtocol protocol, Scope& scope) {
  std::string hello =
      protocol == detect::MeshProtocol::multiplexed
          ? client_hello(server_name, {detect::token_of(protocol),
                                       detect::token_of(detect::MeshProtocol::http1)})
          : client_hello(server_name, {detect::token_of(protocol)});
  const auto greeted = co_await write_text(*lower, std::move(hello), scope);
  if (!greeted) co_return greeted.error();
  const auto line = co_await read_until(*lower, scope, is_line);
  if (!line) co_return line.error();
  const auto said = without_line_end(*line);
  const auto space = said.find(' ');
  const auto peer = said.substr(0, space);
  if (std::find(identities.begin(), identities.end(), peer) == identities.end()) {
    co_return Error(ErrorCode::tls_identity_unexpected, Side::upstream, Stage::tls, Retry::safe);
  }
  const auto told = co_await write_text(*lower, identity_ + "\n", scope);
  if (!told) co_return told.error();

  upstream::Secured secured;
  secured.peer = peer;
  secured.peer_id = telemetry::intern(peer);
  secured.protocol = detect::mesh_protocol(said.substr(space + 1)).value_or(protocol);
  secured.server_name = server_name;
  secured.not_after = scope.loop().wall_now() + lifetime_;
  secured.authority[0] = static_cast<std::uint8_t>(generation_);
  secured.stream = std::move(lower);
  co_return secured;
}

}  // namespace epaulet::sim
