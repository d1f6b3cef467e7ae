#include "dns/answers.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/limits.h"
#include "dns/answer_parts.h"
#include "dns/edns.h"

namespace epaulet {
namespace {

using namespace answering;

constexpr std::size_t kUdpPlainMax = 512;  // RFC 1035 section 4.2.1
constexpr std::size_t kTcpMax = limits::kDnsAnswerBytesMax;

std::uint32_t seconds_of(Duration duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, 0x7fffffff));
}

/// For what could not be read: the header is all we have.
DnsReply reject(const DnsHeader& header, Rcode rcode, DnsResult result) {
  DnsMessage query;
  query.header = header;
  const Error error(ErrorCode::dns_refused, Side::downstream, Stage::dns);
  return finish(response_to(query, rcode), kUdpPlainMax, result, error);
}

DnsReply reject(const DnsQuery& query, Rcode rcode, DnsResult result) {
  const Error error(ErrorCode::dns_refused, Side::downstream, Stage::dns);
  return finish(response_to(query.message, rcode), query.answer_bytes_max, result, error);
}

std::size_t answer_bytes_max(const DnsMessage& message, bool over_tcp) {
  if (over_tcp) return kTcpMax;
  if (!message.edns) return kUdpPlainMax;
  return std::clamp<std::size_t>(message.edns->udp_payload_bytes, kUdpPlainMax,
                                 limits::kDnsMessageBytesMax);
}

bool names_virtual_address(const DnsView& view, const std::vector<DnsRecord>& records) {
  return std::any_of(records.begin(), records.end(), [&view](const DnsRecord& record) {
    const auto* ip = std::get_if<IpAddress>(&record.data);
    return ip != nullptr && view.addresses->is_virtual(*ip);
  });
}

void put_u16(DnsBytes& bytes, std::size_t at, unsigned value) {
  bytes[at] = static_cast<std::byte>(value >> 8 & 0xffu);
  bytes[at + 1] = static_cast<std::byte>(value & 0xffu);
}

/// A resolver that randomises case (draft-vixie-dnsext-dns0x20) wants its own spelling back, which
/// not every upstream keeps.
void put_name_as_asked(DnsBytes& bytes, const DomainName& name) {
  const auto& wire = name.wire();
  if (bytes.size() < kDnsHeaderBytes + wire.size()) return;
  auto* question = reinterpret_cast<char*>(bytes.data()) + kDnsHeaderBytes;
  if (equals_ignore_case({question, wire.size()}, wire))
    std::copy(wire.begin(), wire.end(), question);
}

bool is_transfer(RecordType type) {
  return type == RecordType::axfr || type == RecordType::ixfr;
}

/// Nothing: the query is in good order.
std::optional<DnsReply> objection(const DnsQuery& query) {
  const auto& message = query.message;
  if (message.edns && message.edns->version != 0) {
    return reject(query, Rcode::badvers, DnsResult::not_supported);  // RFC 6891 section 6.1.3
  }
  const auto& question = query.question();
  if (question.klass != kClassIn || is_transfer(question.type)) {
    return reject(query, Rcode::notimp, DnsResult::not_supported);
  }
  const bool is_odd =
      question.type == RecordType::opt || !message.answers.empty() || !message.authorities.empty();
  if (is_odd) return reject(query, Rcode::formerr, DnsResult::malformed);
  return std::nullopt;
}

}  // namespace

DnsViewPtr make_dns_view(const Settings& settings, VirtualAddressTablePtr addresses,
                         const std::vector<std::string>& search) {
  auto cluster_domain = DomainName::from_text(settings.dns.cluster_domain);
  DnsView view{NameTable(settings, search),           std::move(addresses),
               cluster_domain.value_or(DomainName()), {},
               seconds_of(settings.dns.ttl),          seconds_of(settings.dns.negative_ttl)};
  for (const auto& suffix : view.names.search_suffixes()) {
    auto zone = DomainName::from_text(suffix);
    if (zone) view.trusted_zones.push_back(std::move(*zone));
  }
  return std::make_shared<const DnsView>(std::move(view));
}

DnsDecision read_query(const DnsView& view, std::span<const std::byte> bytes, bool over_tcp) {
  DnsDecision decision;
  const auto header = read_dns_header(bytes);
  if (!header || header->is_response) return decision;
  decision.next = DnsDecision::Next::reply;
  if (header->opcode != kOpcodeQuery) {
    decision.reply = reject(*header, Rcode::notimp, DnsResult::not_supported);
    return decision;
  }
  auto message =
      bytes.size() > limits::kDnsMessageBytesMax
          ? Result<DnsMessage>(Error(ErrorCode::dns_refused, Side::downstream, Stage::dns))
          : read_dns_message(bytes);
  if (!message || message->questions.size() != 1) {
    decision.reply = reject(*header, Rcode::formerr, DnsResult::malformed);
    return decision;
  }
  const std::size_t limit = answer_bytes_max(*message, over_tcp);
  decision.query = DnsQuery{std::move(*message), limit, 0};
  if (auto reply = objection(*decision.query)) {
    decision.reply = std::move(*reply);
    return decision;
  }
  const auto key = decision.query->question().name.key();
  decision.service = view.names.find(key);
  if (decision.service == nullptr) {
    if (const auto port = view.names.find_port(key)) {
      decision.service = port->service;
      decision.query->port = port->port;
    }
  }
  decision.next =
      decision.service != nullptr ? DnsDecision::Next::service : DnsDecision::Next::forward;
  return decision;
}

DnsBytes upstream_query(const DnsQuery& query, std::span<const std::byte> asked) {
  const auto& message = query.message;
  if (!message.additionals.empty()) return {asked.begin(), asked.end()};
  DnsMessage next;
  next.header = message.header;
  next.questions = message.questions;
  if (message.edns) {
    Edns edns;
    edns.udp_payload_bytes = static_cast<std::uint16_t>(std::clamp<std::size_t>(
        message.edns->udp_payload_bytes, kUdpPlainMax, limits::kDnsMessageBytesMax));
    edns.dnssec_ok = message.edns->dnssec_ok;
    next.edns = std::move(edns);
  }
  return write_dns_message(next, limits::kDnsMessageBytesMax);
}

DnsReply answer_forwarded(const DnsView& view, const DnsQuery& query,
                          std::span<const std::byte> upstream) {
  const auto message = read_dns_message(upstream);
  if (!message || !message->header.is_response) {
    const Error error(ErrorCode::dns_failed, Side::upstream, Stage::dns);
    return answer_failure(query, DnsResult::forward_failed, error);
  }
  // Additional records too: those beside SRV are dialled.
  if (names_virtual_address(view, message->answers) ||
      names_virtual_address(view, message->additionals)) {
    auto response = response_to(query.message, Rcode::refused);
    explain(response, kInfoProhibited, "the upstream answer names a virtual address of the mesh");
    const Error error(ErrorCode::dns_refused, Side::upstream, Stage::dns);
    return finish(response, query.answer_bytes_max, DnsResult::forward_rejected, error);
  }
  const auto rcode = message->header.rcode;
  auto result = rcode == Rcode::nxdomain ? DnsResult::forwarded_unknown : DnsResult::forwarded;
  Error error;
  if (rcode != Rcode::noerror && rcode != Rcode::nxdomain) {
    result = DnsResult::forward_failed;
    error = Error(ErrorCode::dns_failed, Side::upstream, Stage::dns, Retry::safe,
                  static_cast<std::int32_t>(rcode));
  }
  DnsReply reply{DnsBytes(upstream.begin(), upstream.end()), result, rcode, error};
  if (query.message.edns && !message->edns)
    append_opt(reply.bytes, answering_edns(*query.message.edns));
  if (reply.bytes.size() > query.answer_bytes_max) {
    auto cut = response_to(query.message, rcode);
    cut.header.truncated = true;
    return finish(cut, query.answer_bytes_max, result, error);
  }
  put_u16(reply.bytes, 0, query.message.header.id);
  put_name_as_asked(reply.bytes, query.question().name);
  return reply;
}

DnsReply answer_failure(const DnsQuery& query, DnsResult result, const Error& error,
                        std::string_view service) {
  const auto rcode = result == DnsResult::looped ? Rcode::refused : Rcode::servfail;
  auto response = response_to(query.message, rcode);
  DnsRefusal refusal;
  refusal.service = service;
  refusal.error = error;
  refusal.result = result;
  const bool is_upstream = result == DnsResult::forward_failed;
  explain(response, is_upstream ? kInfoNoReachableAuthority : kInfoOther, describe(refusal));
  return finish(response, query.answer_bytes_max, result, error);
}

}  // namespace epaulet
