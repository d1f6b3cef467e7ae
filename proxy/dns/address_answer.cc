#include "dns/address_answer.h"

#include <algorithm>

#include "base/limits.h"

namespace epaulet {
namespace {

Error failed(std::int32_t rcode = 0) {
  return {ErrorCode::dns_failed, Side::upstream, Stage::resolve, Retry::safe, rcode};
}

const DnsRecord* find_record(const DnsMessage& message, const DomainName& owner, RecordType type) {
  for (const auto& record : message.answers) {
    if (record.type == type && record.klass == kClassIn && record.owner == owner) return &record;
  }
  return nullptr;
}

}  // namespace

DnsBytes address_query(const DomainName& name, RecordType type) {
  DnsMessage query;
  query.header.recursion_desired = true;
  query.questions.push_back({name, type, kClassIn});
  query.edns = Edns{kDnsUdpPayloadBytes, 0, false, {}};
  return write_dns_message(query, limits::kDnsMessageBytesMax);
}

Result<FamilyAnswer> read_address_answer(std::span<const std::byte> bytes, const DomainName& name,
                                         RecordType type) {
  const auto message = read_dns_message(bytes);
  if (!message || !message->header.is_response) return failed();
  const auto rcode = message->header.rcode;
  if (rcode != Rcode::noerror && rcode != Rcode::nxdomain)
    return failed(static_cast<std::int32_t>(rcode));

  std::uint32_t ttl_s = 0x7fffffff;
  DomainName owner = name;
  for (std::size_t i = 0; find_record(*message, owner, type) == nullptr; ++i) {
    const auto* alias = find_record(*message, owner, RecordType::cname);
    if (alias == nullptr) return FamilyAnswer{};
    if (i == limits::kDnsCnameChainMax) return failed();
    ttl_s = std::min(ttl_s, alias->ttl);
    owner = std::get<DomainName>(alias->data);
  }
  FamilyAnswer answer;
  for (const auto& record : message->answers) {
    if (record.type != type || record.klass != kClassIn || !(record.owner == owner)) continue;
    answer.addresses.push_back(std::get<IpAddress>(record.data));
    ttl_s = std::min(ttl_s, record.ttl);
  }
  answer.ttl = std::chrono::seconds(ttl_s);
  return answer;
}

Result<Addresses> combine(const Result<FamilyAnswer>& v4, const Result<FamilyAnswer>& v6) {
  Addresses both;
  both.v4_failed = !v4;
  both.v6_failed = !v6;
  both.ttl = std::chrono::seconds::max();
  for (const auto* family : {&v4, &v6}) {
    if (!*family || (*family)->addresses.empty()) continue;
    both.addresses.insert(both.addresses.end(), (*family)->addresses.begin(),
                          (*family)->addresses.end());
    both.ttl = std::min(both.ttl, (*family)->ttl);
  }
  if (both.addresses.empty()) {
    if (!v4) return v4.error();
    if (!v6) return v6.error();
    return Error(ErrorCode::dns_name_unknown, Side::upstream, Stage::resolve, Retry::safe);
  }
  std::sort(both.addresses.begin(), both.addresses.end());
  both.addresses.erase(std::unique(both.addresses.begin(), both.addresses.end()),
                       both.addresses.end());
  return both;
}

}  // namespace epaulet
