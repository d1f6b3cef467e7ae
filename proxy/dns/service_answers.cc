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

DnsReply no_address_free(const DnsQuery& query, const NamedService& service) {
  const Error error(ErrorCode::internal, Side::self, Stage::dns);
  return answer_failure(query, DnsResult::no_address_free, error, service.name);
}

/// What ANY or `type` gives; RFC 8482 section 4.1: ANY may be answered with a part.
void add_addresses(const DnsView& view, const DomainName& name, const VirtualAddress& address,
                   RecordType type, std::vector<DnsRecord>& records) {
  const bool any = type == RecordType::any;
  if (any || type == RecordType::a)
    records.push_back({name, RecordType::a, kClassIn, view.ttl_s, address.v4});
  if ((any || type == RecordType::aaaa) && address.v6)
    records.push_back({name, RecordType::aaaa, kClassIn, view.ttl_s, *address.v6});
}

/// `response` has what leads to `name`, a name of the service.
DnsReply answer_addresses(const DnsView& view, const DnsQuery& query, DnsMessage response,
                          const DomainName& name, const NamedService& service) {
  const auto* address = view.addresses->find(service.name);
  if (address == nullptr) return no_address_free(query, service);
  const std::size_t before = response.answers.size();
  add_addresses(view, name, *address, query.question().type, response.answers);
  const bool has_any = response.answers.size() > before;
  if (!has_any) response.authorities.push_back(soa_of(view, name, view.ttl_s));
  return finish(std::move(response), query.answer_bytes_max,
                has_any ? DnsResult::virtual_address : DnsResult::no_data);
}

/// As Kubernetes has it: one target, so neither priority nor weight chooses anything.
DnsReply answer_port(const DnsView& view, const DnsQuery& query, DnsMessage response,
                     const NamedService& service) {
  const auto& question = query.question();
  const auto* address = view.addresses->find(service.name);
  if (address == nullptr) return no_address_free(query, service);
  if (question.type != RecordType::srv && question.type != RecordType::any) {
    response.authorities.push_back(soa_of(view, question.name, view.ttl_s));
    return finish(std::move(response), query.answer_bytes_max, DnsResult::no_data);
  }
  const DomainName target = question.name.parent().parent();
  response.answers.push_back(
      {question.name, RecordType::srv, kClassIn, view.ttl_s, SrvData{0, 100, query.port, target}});
  add_addresses(view, target, *address, RecordType::any, response.additionals);
  return finish(std::move(response), query.answer_bytes_max, DnsResult::virtual_address);
}

}  // namespace

DnsReply answer_service(const DnsView& view, const DnsQuery& query, const NamedService& service) {
  auto response = response_to(query.message, Rcode::noerror);
  response.header.authoritative = true;
  if (query.port != 0) return answer_port(view, query, std::move(response), service);
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
