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

}  // namespace

DnsReply answer_service(const DnsView& view, const DnsQuery& query, const NamedService& service) {
  const auto* address = view.addresses->find(service.name);
  if (address == nullptr) {
    const Error error(ErrorCode::internal, Side::self, Stage::dns);
    return answer_failure(query, DnsResult::no_address_free, error, service.name);
  }
  auto response = response_to(query.message, Rcode::noerror);
  response.header.authoritative = true;
  const auto& question = query.question();
  // RFC 8482 section 4.1: ANY may be answered with a part, here the addresses.
  const bool any = question.type == RecordType::any;
  if (any || question.type == RecordType::a) {
    response.answers.push_back({question.name, RecordType::a, kClassIn, view.ttl_s, address->v4});
  }
  if ((any || question.type == RecordType::aaaa) && address->v6) {
    response.answers.push_back(
        {question.name, RecordType::aaaa, kClassIn, view.ttl_s, *address->v6});
  }
  if (!response.answers.empty())
    return finish(response, query.answer_bytes_max, DnsResult::virtual_address);
  response.authorities.push_back(soa_of(view, question.name, view.ttl_s));
  return finish(response, query.answer_bytes_max, DnsResult::no_data);
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
