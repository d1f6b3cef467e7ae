#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// What a connection speaks, from its first bytes: pure functions, called again with more bytes
/// until they decide. They never decide by silence; that is the caller's timer.
namespace epaulet::detect {

enum class Verdict : std::uint8_t {
  need_more,  ///< Every byte so far fits a known protocol, and more than one could follow.
  http1,      ///< A method, a space, and the start of a target: the HTTP/1 parser judges the rest.
  http2_preface,     ///< All 24 bytes of RFC 9113 section 3.4.
  tls_client_hello,  ///< A TLS record that holds the start of a ClientHello (RFC 8446 sections 4
                     ///< and 5.1).
  opaque,            ///< None of these.
};

/// Judges the first bytes of the side that dialled.
///
/// - Opaque within the byte that rules out the last known protocol; a client of an unknown protocol
/// that sends a
///   few bytes and waits is not held back.
/// - HTTP/1 asks for more than a token and a space, because text protocols begin like that ("EHLO
/// host",
///   "get key", "SET k v"): the target must start with "/", be "http://", be a host and port
///   (CONNECT only) or be "*" (OPTIONS only). Methods are any token of at most 24 characters:
///   access rules, not the detector, judge extensions. At most limits::kEmptyLinesBeforeRequestMax
///   empty lines may stand before.
/// - Verdicts other than need_more never change with more bytes; with limits::kDetectBytesMax bytes
/// or more there
///   is always one.
/// `first_bytes`: from the start of the connection; those beyond limits::kDetectBytesMax are not
/// looked at.
[[nodiscard]] Verdict classify(std::span<const std::byte> first_bytes);

/// Whether they can still be the start of a TLS connection, whatever else they may be.
[[nodiscard]] bool may_be_tls(std::span<const std::byte> first_bytes);

/// Judges the first bytes of the side that was dialled, while the dialling side is silent: http1,
/// http2_preface, opaque or need_more. Bytes that begin "HTTP/" are never opaque: node answers
/// silence with a 408; nor is a SETTINGS frame, which a server of HTTP/2 may send at once.
[[nodiscard]] Verdict classify_answer(std::span<const std::byte> first_bytes);

}  // namespace epaulet::detect
