#include "dns/observer.h"

#include "base/error_table.h"

namespace epaulet {
namespace {

std::string reason_of(const DnsRefusal& refusal) {
  const std::string service(refusal.service);
  switch (refusal.result) {
    case DnsResult::not_deployed: {
      std::string text = "service " + service + " is configured but has never had an endpoint";
      if (refusal.cause == ErrorCode::dns_failed)
        text += ", and the upstream DNS server does not answer";
      return text;
    }
    case DnsResult::no_address_free:
      return "no virtual address is free for service " + service;
    case DnsResult::forward_failed:
      if (refusal.error.detail == 0) return std::string(describe(refusal.error.code).summary);
      return "the upstream DNS server answered " +
             to_text(static_cast<Rcode>(refusal.error.detail));
    case DnsResult::forward_rejected:
      return "the upstream DNS server answered with a virtual address of this mesh, which only "
             "this sidecar gives";
    case DnsResult::overloaded:
      return "too many DNS queries wait for an answer";
    case DnsResult::looped:
      return "the query came from this sidecar itself: `dns.upstream` leads back to it";
    case DnsResult::malformed:
      return "the DNS query is malformed";
    case DnsResult::not_supported:
      return "the DNS query asks for an operation, class, type or version that is not supported";
    case DnsResult::virtual_address:
    case DnsResult::no_data:
    case DnsResult::forwarded:
    case DnsResult::forwarded_unknown:
    case DnsResult::dropped:
    case DnsResult::count_:
      break;
  }
  return std::string(describe(refusal.error.code).summary);
}

}  // namespace

std::string_view name_of(DnsResult result) {
  switch (result) {
    case DnsResult::virtual_address:
      return "virtual_address";
    case DnsResult::no_data:
      return "no_data";
    case DnsResult::not_deployed:
      return "not_deployed";
    case DnsResult::no_address_free:
      return "no_address_free";
    case DnsResult::forwarded:
      return "forwarded";
    case DnsResult::forwarded_unknown:
      return "forwarded_unknown";
    case DnsResult::forward_failed:
      return "forward_failed";
    case DnsResult::forward_rejected:
      return "forward_rejected";
    case DnsResult::overloaded:
      return "overloaded";
    case DnsResult::looped:
      return "looped";
    case DnsResult::malformed:
      return "malformed";
    case DnsResult::not_supported:
      return "not_supported";
    case DnsResult::dropped:
      return "dropped";
    case DnsResult::count_:
      break;
  }
  return "dropped";
}

std::string describe(const DnsRefusal& refusal) {
  std::string text = reason_of(refusal);
  if (!refusal.name.empty()) {
    text += " (asked for " + to_text(refusal.type) + " " + std::string(refusal.name) + ")";
  }
  return text;
}

}  // namespace epaulet
