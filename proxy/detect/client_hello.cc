#include "detect/client_hello.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/char_class.h"
#include "base/limits.h"
#include "detect/wire_reader.h"

namespace epaulet::detect {
namespace {

constexpr std::size_t kRecordHeaderBytes = 5;
constexpr std::size_t kMessageHeaderBytes = 4;
constexpr std::size_t kRecordBytesMax = 1 << 14;  // RFC 8446 section 5.1.
constexpr std::size_t kHandshake = 22;
constexpr std::size_t kClientHello = 1;
constexpr std::size_t kServerName = 0;  // RFC 6066 section 3.
constexpr std::size_t kAlpn = 16;       // RFC 7301 section 3.1.
constexpr std::size_t kHostName = 0;

/// The handshake message, put together from its records. `storage` is used only if there are
/// several.
struct Message {
  HelloVerdict verdict = HelloVerdict::need_more;
  std::string_view body;  ///< With `complete`: behind the message's own header.
};

/// Length of the body if the message's header is there and says client_hello.
HelloVerdict judge_header(std::string_view message, std::size_t& body_bytes) {
  if (message.empty()) return HelloVerdict::need_more;
  if (static_cast<unsigned char>(message[0]) != kClientHello) return HelloVerdict::malformed;
  if (message.size() < kMessageHeaderBytes) return HelloVerdict::need_more;
  WireReader reader(message.substr(1));
  body_bytes = reader.number(3);
  return kRecordHeaderBytes + kMessageHeaderBytes + body_bytes > limits::kClientHelloBytesMax
             ? HelloVerdict::malformed
             : HelloVerdict::complete;
}

Message put_together(std::string_view bytes, std::string& storage) {
  Message message;
  std::string_view joined;
  while (!bytes.empty()) {
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (octet(0) != kHandshake || (bytes.size() > 1 && octet(1) != 3)) {
      message.verdict = HelloVerdict::malformed;
      return message;
    }
    if (bytes.size() < kRecordHeaderBytes) return message;
    const std::size_t length = std::size_t{octet(3)} << 8 | octet(4);
    // RFC 8446 section 5.1: handshake fragments of length zero are forbidden.
    if (length == 0 || length > kRecordBytesMax) {
      message.verdict = HelloVerdict::malformed;
      return message;
    }
    const auto fragment = bytes.substr(kRecordHeaderBytes, length);
    if (joined.empty()) {
      joined = fragment;
    } else {
      if (storage.empty()) storage = joined;
      storage.append(fragment);
      joined = storage;
    }
    std::size_t body_bytes = 0;
    const auto header = judge_header(joined, body_bytes);
    if (header == HelloVerdict::malformed) {
      message.verdict = header;
      return message;
    }
    if (header == HelloVerdict::complete && joined.size() >= kMessageHeaderBytes + body_bytes) {
      message.verdict = header;
      message.body = joined.substr(kMessageHeaderBytes, body_bytes);
      return message;
    }
    bytes.remove_prefix(std::min(bytes.size(), kRecordHeaderBytes + length));
  }
  return message;
}

/// RFC 6066 section 3: one name per type; the only type is host_name.
bool read_server_name(std::string_view extension, std::string& server_name) {
  WireReader outer(extension);
  WireReader list(outer.piece(2));
  if (!outer.ok() || !outer.done() || list.done()) return false;
  bool has_host = false;
  while (list.ok() && !list.done()) {
    const auto type = list.number(1);
    const auto name = list.piece(2);
    if (!list.ok() || name.empty()) return false;
    if (type != kHostName) continue;
    if (has_host) return false;
    has_host = true;
    // What is no host name routes nowhere; whether to talk to it is the application's business.
    const bool usable = std::all_of(name.begin(), name.end(),
                                    [](char c) { return char_class::is(c, char_class::kHost); });
    if (usable) server_name = lower(name);
  }
  return list.ok();
}

/// RFC 7301 section 3.1: a list of names, none empty.
bool read_alpn(std::string_view extension, std::string& alpn) {
  WireReader outer(extension);
  const auto list = outer.piece(2);
  if (!outer.ok() || !outer.done() || list.empty()) return false;
  WireReader names(list);
  while (names.ok() && !names.done()) {
    if (names.piece(1).empty()) return false;
  }
  alpn = list;
  return names.ok();
}

bool read_extensions(std::string_view extensions, ClientHello& hello) {
  WireReader reader(extensions);
  bool has_server_name = false;
  bool has_alpn = false;
  while (!reader.done()) {
    const auto type = reader.number(2);
    const auto content = reader.piece(2);
    if (!reader.ok()) return false;
    // RFC 8446 section 4.2: there MUST NOT be more than one extension of the same type.
    if (type == kServerName) {
      if (std::exchange(has_server_name, true) || !read_server_name(content, hello.server_name))
        return false;
    } else if (type == kAlpn) {
      if (std::exchange(has_alpn, true) || !read_alpn(content, hello.alpn)) return false;
    }
  }
  return reader.ok();
}

/// RFC 8446 section 4.1.2; a TLS 1.2 hello without extensions (RFC 5246 section 7.4.1.2) is one
/// too.
bool read_body(std::string_view body, ClientHello& hello) {
  WireReader reader(body);
  reader.take(2 + 32);  // legacy_version, random
  const auto session = reader.piece(1);
  const auto suites = reader.piece(2);
  const auto compressions = reader.piece(1);
  if (!reader.ok() || session.size() > 32) return false;
  if (suites.empty() || suites.size() % 2 != 0 || compressions.empty()) return false;
  if (reader.done()) return true;
  const auto extensions = reader.piece(2);
  return reader.ok() && reader.done() && read_extensions(extensions, hello);
}

}  // namespace

HelloVerdict parse_client_hello(std::span<const std::byte> bytes, ClientHello& hello) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::string storage;
  const Message message = put_together(text, storage);
  if (message.verdict == HelloVerdict::need_more && bytes.size() >= limits::kClientHelloBytesMax) {
    return HelloVerdict::malformed;  // Cut into so many records that their headers fill the buffer.
  }
  if (message.verdict != HelloVerdict::complete) return message.verdict;
  ClientHello read;
  if (!read_body(message.body, read)) return HelloVerdict::malformed;
  hello = std::move(read);
  return HelloVerdict::complete;
}

}  // namespace epaulet::detect
