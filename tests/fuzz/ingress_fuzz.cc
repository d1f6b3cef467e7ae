// What an ingress says of its client, and what a server says of how long its keys are fresh: no
// text leads to an address that stands nowhere in it.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "http/http1/head_parser.h"
#include "jwks/fetch_schedule.h"
#include "policy/ingress.h"

namespace {

using namespace epaulet;

Ingress ingress(ClientAddressField field, std::uint32_t hops) {
  IngressSettings settings;
  settings.trusted = {"spiffe://cluster.local/ns/edge/sa/gateway"};
  settings.client_address = field;
  settings.hops = hops;
  return Ingress(settings);
}

/// Every line a field of the three names, so that no input is wasted on the head's own syntax.
std::string head_of(std::string_view text) {
  constexpr std::string_view kNames[] = {"X-Forwarded-For: ", "Forwarded: ", "X-Real-IP: "};
  std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
  std::size_t number = 0;
  while (!text.empty() && number < 32) {
    const auto end = std::min(text.find('\n'), text.size());
    head.append(kNames[number++ % 3]).append(text.substr(0, end)).append("\r\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return head + "\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto age = jwks::max_age_in(text);
  EPAULET_ASSERT(!age || age->count() >= 0);
  const std::string head_text = head_of(text);
  http::RequestHead head;
  const auto parsed =
      http::http1::parse_request_head(std::as_bytes(std::span(head_text.data(), head_text.size())),
                                      http::http1::HeadLimits(), head);
  if (!parsed) return 0;
  for (const auto field : {ClientAddressField::x_forwarded_for, ClientAddressField::forwarded,
                           ClientAddressField::x_real_ip}) {
    for (const std::uint32_t hops : {1u, 2u, 16u}) {
      const auto client = ingress(field, hops).client_of(head);
      if (!client) continue;
      // Somewhere in it there is a digit or a colon, and what is read is the same each time.
      EPAULET_ASSERT(text.find_first_of("0123456789:") != text.npos);
      EPAULET_ASSERT(client == ingress(field, hops).client_of(head));
    }
    for (auto& one : head.fields) one.removed = true;
    EPAULET_ASSERT(!ingress(field, 1).client_of(head));
    for (auto& one : head.fields) one.removed = false;
  }
  return 0;
}
