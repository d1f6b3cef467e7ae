#include <algorithm>

#include "base/limits.h"
#include "dns/answer_parts.h"

// What is said of our own names.
namespace epaulet {
namespace {

using namespace answering;

/// RFC 2308 section 3: a negative answer carries its zone's SOA, whose TTL says how long it may be
/// kept.
DnsRecord soa_of(const DnsView& view, const DomainName& name, std::uint32_t ttl_s) {
  SoaData soa;
  soa.primary = *DomainName::from_text("localhost");
  soa.mailbox = *DomainName::from_text("nobody.invalid");
  soa.serial = 1;
  soa.refresh = 3600;
  soa.retry = 600;
  soa.expire = 86400;
  soa.minimum = ttl_s;
  const bool is_in_cluster = name.is_within(view.cluster_domain) && !(name == view.cluster_domain);
  return {is_in_cluster ? view.cluster_domain : name.parent(), RecordType::soa, kClassIn, ttl_s,
          std::move(soa)};
}

bool is_trusted(const DnsView& view, const DomainName& name) {
  return std::any_of(view.trusted_zones.begin(), view.trusted_zones.end(),
                     [&name](const DomainName& zone) { return name.is_within(zone); });
}

const DnsRecord* find_alias(const DnsMessage& message, const DomainName& owner) {
  for (const auto& record : message.answers) {
    if (record.type == RecordType::cname && record.klass == kClassIn && record.owner == owner)
      return &record;
  }
  return nullptr;
}

/// `response` has what leads to `name`, a name of the service.
DnsReply answer_addresses(const DnsView& view, const DnsQuery& query, DnsMessage response,
                          const DomainName& name, const NamedService& service) {
  const auto* address = view.addresses->find(service.name);
  if (address == nullptr) {
    const Error error(ErrorCode::internal, Side::self, Stage::dns);
    return answer_failure(query, DnsResult::no_address_free, error, service.name);
  }
  const auto type = query.question().type;
  // RFC 8482 section 4.1: ANY may be answered with a part, here the addresses.
  const bool any = type == RecordType::any;
  const bool has_v4 = any || type == RecordType::a;
  const bool has_v6 = (any || type == RecordType::aaaa) && address->v6;
  if (has_v4) response.answers.push_back({name, RecordType::a, kClassIn, view.ttl_s, address->v4});
  if (has_v6)
    response.answers.push_back({name, RecordType::aaaa, kClassIn, view.ttl_s, *address->v6});
  if (!has_v4 && !has_v6) response.authorities.push_back(soa_of(view, name, view.ttl_s));
  return finish(std::move(response), query.answer_bytes_max,
                has_v4 || has_v6 ? DnsResult::virtual_address : DnsResult::no_data);
}

}  // namespace

DnsReply answer_service(const DnsView& view, const DnsQuery& query, const NamedService& service) {
  auto response = response_to(query.message, Rcode::noerror);
  response.header.authoritative = true;
  return answer_addresses(view, query, std::move(response), query.question().name, service);
}

std::optional<ServiceAlias> find_service_alias(const DnsView& view, const DnsQuery& query,
                                               std::span<const std::byte> upstream) {
  const auto& question = query.question();
  if (question.type != RecordType::a && question.type != RecordType::aaaa) return std::nullopt;
  if (!is_trusted(view, question.name)) return std::nullopt;
  const auto message = read_dns_message(upstream);
  if (!message || !message->header.is_response) return std::nullopt;
  ServiceAlias found;
  DomainName name = question.name;
  while (found.aliases.size() < limits::kDnsCnameChainMax && is_trusted(view, name)) {
    const auto* alias = find_alias(*message, name);
    if (alias == nullptr) return std::nullopt;
    name = std::get<DomainName>(alias->data);
    found.aliases.push_back(*alias);
    found.service = view.names.find(name.key());
    if (found.service != nullptr) return found;
  }
  return std::nullopt;
}

DnsReply answer_service_alias(const DnsView& view, const DnsQuery& query,
                              const ServiceAlias& alias) {
  auto response = response_to(query.message, Rcode::noerror);
  response.answers = alias.aliases;
  const auto& name = std::get<DomainName>(alias.aliases.back().data);
  return answer_addresses(view, query, std::move(response), name, *alias.service);
}

DnsReply answer_not_deployed(const DnsView& view, const DnsQuery& query,
                             const NamedService& service) {
  auto response = response_to(query.message, Rcode::nxdomain);
  response.header.authoritative = true;
  response.authorities.push_back(soa_of(view, query.question().name, view.negative_ttl_s));
  explain(response, kInfoOther,
          "service " + service.name + " is configured but has never had an endpoint");
  const Error error(ErrorCode::never_had_endpoint, Side::upstream, Stage::dns, Retry::safe);
  return finish(response, query.answer_bytes_max, DnsResult::not_deployed, error);
}

}  // namespace epaulet
