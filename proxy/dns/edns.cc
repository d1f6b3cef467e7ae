#include "dns/edns.h"

#include "base/assert.h"

namespace epaulet {
namespace {

constexpr std::size_t kBareOptBytes = 11;  // RFC 6891 section 6.1.2
// Where the header counts its records (RFC 1035 section 4.1.1).
constexpr std::size_t kAnswersAt = 6;
constexpr std::size_t kAuthoritiesAt = 8;
constexpr std::size_t kAdditionalsAt = 10;

unsigned u16_at(const DnsBytes& message, std::size_t at) {
  return std::to_integer<unsigned>(message[at]) << 8 | std::to_integer<unsigned>(message[at + 1]);
}

void set_u16(DnsBytes& message, std::size_t at, unsigned value) {
  message[at] = static_cast<std::byte>(value >> 8 & 0xffu);
  message[at + 1] = static_cast<std::byte>(value & 0xffu);
}

}  // namespace

bool ends_with_bare_opt(const DnsBytes& query) {
  if (query.size() < kDnsHeaderBytes + kBareOptBytes) return false;
  if (u16_at(query, kAnswersAt) != 0 || u16_at(query, kAuthoritiesAt) != 0 ||
      u16_at(query, kAdditionalsAt) != 1) {
    return false;
  }
  const std::size_t opt = query.size() - kBareOptBytes;
  return query[opt] == std::byte{0} &&
         u16_at(query, opt + 1) == static_cast<unsigned>(RecordType::opt) &&
         u16_at(query, query.size() - 2) == 0;
}

DnsBytes without_bare_opt(DnsBytes query) {
  EPAULET_ASSERT(ends_with_bare_opt(query));
  query.erase(query.end() - static_cast<std::ptrdiff_t>(kBareOptBytes), query.end());
  set_u16(query, kAdditionalsAt, 0);
  return query;
}

bool lacks_edns(const DnsBytes& answer) {
  const auto header = read_dns_header(answer);
  if (!header || (header->rcode != Rcode::formerr && header->rcode != Rcode::notimp)) return false;
  const auto message = read_dns_message(answer);
  return !message || !message->edns;
}

void append_opt(DnsBytes& message, const Edns& edns) {
  // No message has room for so many records that the count overflows.
  set_u16(message, kAdditionalsAt, u16_at(message, kAdditionalsAt) + 1);
  DnsMessage only_opt;
  only_opt.edns = edns;
  const auto opt = write_dns_message(only_opt, kDnsUdpPayloadBytes);
  message.insert(message.end(), opt.begin() + kDnsHeaderBytes, opt.end());
}

}  // namespace epaulet
