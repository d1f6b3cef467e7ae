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

bool has_soa(const DnsMessage& message) {
  const auto& records = message.authorities;
  return std::any_of(records.begin(), records.end(),
                     [](const DnsRecord& record) { return record.type == RecordType::soa; });
}

}  // namespace

DnsBytes address_query(const DomainName& name, RecordType type, bool with_edns) {
  DnsMessage query;
  query.header.recursion_desired = true;
  query.questions.push_back({name, type, kClassIn});
  if (with_edns) query.edns = Edns{kDnsUdpPayloadBytes, 0, false, {}};
  return write_dns_message(query, limits::kDnsMessageBytesMax);
}

bool may_be_endpoint(const IpAddress& address) {
  if (address.is_unspecified()) return false;
  const unsigned first = address.bytes()[0];
  if (address.is_v6()) return first != 0xff;
  const bool is_broadcast = std::all_of(address.bytes().begin(), address.bytes().begin() + 4,
                                        [](std::uint8_t octet) { return octet == 0xff; });
  return first != 0 && (first & 0xf0u) != 0xe0 && !is_broadcast;
}

Result<FamilyAnswer> read_address_answer(std::span<const std::byte> bytes, const DomainName& name,
                                         RecordType type) {
  const auto message = read_dns_message(bytes);
  if (!message || !message->header.is_response) return failed();
  const auto rcode = message->header.rcode;
  if (rcode != Rcode::noerror && rcode != Rcode::nxdomain)
    return failed(static_cast<std::int32_t>(rcode));

  FamilyAnswer answer;
  std::uint32_t ttl_s = 0x7fffffff;
  DomainName owner = name;
  while (find_record(*message, owner, type) == nullptr) {
    const auto* alias = find_record(*message, owner, RecordType::cname);
    if (alias == nullptr) break;
    if (++answer.aliases > limits::kDnsCnameChainMax) return failed();
    ttl_s = std::min(ttl_s, alias->ttl);
    owner = std::get<DomainName>(alias->data);
  }
  for (const auto& record : message->answers) {
    if (record.type != type || record.klass != kClassIn || !(record.owner == owner)) continue;
    const auto& address = std::get<IpAddress>(record.data);
    if (may_be_endpoint(address)) answer.addresses.push_back(address);
    ttl_s = std::min(ttl_s, record.ttl);
  }
  answer.ttl = std::chrono::seconds(ttl_s);
  const bool is_the_end =
      !answer.addresses.empty() || rcode == Rcode::nxdomain || has_soa(*message);
  if (answer.aliases > 0 && !is_the_end) answer.leads_to = std::move(owner);
  return answer;
}

void AddressChase::take(const Result<DnsBytes>& bytes) {
  if (!bytes) {
    found_ = bytes.error();
    return;
  }
  auto answer = read_address_answer(*bytes, name_, type_);
  if (!answer) {
    found_ = answer.error();
    return;
  }
  aliases_ += answer->aliases;
  ttl_ = answer->ttl = std::min(ttl_, answer->ttl);
  if (!answer->leads_to) {
    found_ = std::move(*answer);
  } else if (aliases_ >= limits::kDnsCnameChainMax) {
    found_ = failed();
  } else {
    name_ = std::move(*answer->leads_to);
  }
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
