#include "server/dns_bridge.h"

namespace epaulet::server {

void DnsBridge::on_refusal(const DnsRefusal& refusal) {
  const std::string summary = describe(refusal);
  const std::string rcode = to_text(refusal.rcode);
  telemetry::DnsRecord record;
  record.name = refusal.name;
  record.type = static_cast<std::uint16_t>(refusal.type);
  record.service = refusal.service.empty() ? 0 : telemetry::intern(refusal.service);
  record.rcode = rcode;
  record.error = refusal.error;
  record.cause = refusal.cause;
  record.summary = summary;
  record.client = refusal.client;
  telemetry_.report(record, loop_.now(), loop_.wall_now());
}

}  // namespace epaulet::server
