#include "dns/answer_parts.h"

#include "base/limits.h"

namespace epaulet::answering {

Edns answering_edns(const Edns& query) {
  Edns edns;
  edns.udp_payload_bytes = kDnsUdpPayloadBytes;
  edns.dnssec_ok = query.dnssec_ok;  // RFC 3225 section 3: copied.
  return edns;
}

DnsMessage response_to(const DnsMessage& query, Rcode rcode) {
  DnsMessage response;
  response.header.id = query.header.id;
  response.header.is_response = true;
  response.header.opcode = query.header.opcode;
  response.header.recursion_desired = query.header.recursion_desired;
  response.header.recursion_available = true;
  response.header.checking_disabled = query.header.checking_disabled;
  response.header.rcode = rcode;
  response.questions = query.questions;
  if (query.edns) response.edns = answering_edns(*query.edns);
  return response;
}

void explain(DnsMessage& response, std::uint16_t info_code, std::string_view text) {
  if (response.edns) response.edns->add_extended_error(info_code, text);
}

DnsReply finish(DnsMessage response, std::size_t limit, DnsResult result, const Error& error) {
  auto bytes = write_dns_message(response, limits::kDnsAnswerBytesMax);
  if (bytes.size() > limit) {
    response.additionals.clear();  // RFC 2181 section 9: no reason to ask again.
    bytes = write_dns_message(response, limit);
  }
  return {std::move(bytes), result, response.header.rcode, error};
}

}  // namespace epaulet::answering
