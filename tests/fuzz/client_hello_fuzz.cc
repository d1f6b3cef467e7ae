#include "detect/client_hello.h"

#include <algorithm>

#include "base/assert.h"
#include "base/char_class.h"
#include "base/limits.h"
#include "detect/mesh_alpn.h"

namespace {

using namespace epaulet;
using detect::ClientHello;
using detect::HelloVerdict;

HelloVerdict parse(std::string_view bytes, ClientHello& hello) {
  return detect::parse_client_hello(std::as_bytes(std::span(bytes.data(), bytes.size())), hello);
}

void check_contents(const ClientHello& hello) {
  for (const char c : hello.server_name) {
    EPAULET_ASSERT(char_class::is(c, char_class::kHost) && (c < 'A' || c > 'Z'));
  }
  std::size_t octets = 0;
  detect::for_each_protocol(hello.alpn, [&](std::string_view name) {
    EPAULET_ASSERT(!name.empty());
    octets += 1 + name.size();
  });
  EPAULET_ASSERT(octets == hello.alpn.size());
  const bool names_family = hello.alpn.find("epaulet/") != std::string::npos;
  if (!names_family) EPAULET_ASSERT(detect::judge_alpn(hello.alpn) == detect::AlpnVerdict::foreign);
}

/// The same message in records of at most `most` bytes.
std::string cut(std::string_view message, std::size_t most) {
  std::string out;
  for (std::size_t at = 0; at < message.size(); at += most) {
    const auto fragment = message.substr(at, most);
    out.append("\x16\x03\x03");
    out.push_back(static_cast<char>(fragment.size() >> 8));
    out.push_back(static_cast<char>(fragment.size()));
    out.append(fragment);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // A verdict never changes with more bytes; looking at every length of long inputs would be
  // quadratic.
  HelloVerdict last = HelloVerdict::need_more;
  const std::size_t stride = 1 + size / 512;
  for (std::size_t length = 0; length < size; length += stride) {
    ClientHello hello;
    const auto verdict = parse(bytes.substr(0, length), hello);
    EPAULET_ASSERT(last == HelloVerdict::need_more || verdict == last);
    if (length >= limits::kClientHelloBytesMax) EPAULET_ASSERT(verdict != HelloVerdict::need_more);
    last = verdict;
  }
  ClientHello hello;
  const auto verdict = parse(bytes, hello);
  EPAULET_ASSERT(last == HelloVerdict::need_more || verdict == last);
  if (verdict != HelloVerdict::complete) {
    EPAULET_ASSERT(hello.server_name.empty() && hello.alpn.empty());
    return 0;
  }
  check_contents(hello);

  // However the message is cut into records, it says the same.
  const auto octet = [&](std::size_t i) { return std::size_t{data[i]}; };
  const std::size_t first_record = octet(3) << 8 | octet(4);
  if (first_record < 4) return 0;
  const std::size_t message = 4 + (octet(6) << 16 | octet(7) << 8 | octet(8));
  if (first_record < message) return 0;
  for (const std::size_t most : {std::size_t{1}, std::size_t{5}, std::size_t{100}}) {
    const auto in_records = cut(bytes.substr(5, message), most);
    if (in_records.size() > limits::kClientHelloBytesMax) continue;
    ClientHello again;
    EPAULET_ASSERT(parse(in_records, again) == HelloVerdict::complete);
    EPAULET_ASSERT(again.server_name == hello.server_name && again.alpn == hello.alpn);
  }
  return 0;
}
