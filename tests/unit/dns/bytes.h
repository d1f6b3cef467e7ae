#pragma once

#include <string_view>

#include "dns/codec.h"

namespace epaulet::test {

/// "1234 0100 'api2' 00": hexadecimal octets and quoted text; white space does not count.
inline DnsBytes bytes_of(std::string_view text) {
  DnsBytes out;
  bool is_text = false;
  int high = -1;
  for (const char c : text) {
    if (c == '\'') {
      is_text = !is_text;
    } else if (is_text) {
      out.push_back(static_cast<std::byte>(c));
    } else if (c != ' ' && c != '\n') {
      const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
      if (high < 0) {
        high = digit;
      } else {
        out.push_back(static_cast<std::byte>(high << 4 | digit));
        high = -1;
      }
    }
  }
  return out;
}

inline DomainName name_of(std::string_view text) {
  return *DomainName::from_text(text);
}

/// A query as an app's resolver sends it.
inline DnsMessage query_message(std::string_view name, RecordType type = RecordType::a) {
  DnsMessage query;
  query.header.id = 0x1234;
  query.header.recursion_desired = true;
  query.questions.push_back({name_of(name), type, kClassIn});
  return query;
}
inline DnsBytes query_bytes(std::string_view name, RecordType type = RecordType::a) {
  return write_dns_message(query_message(name, type), 4096);
}

inline DnsMessage response_message(std::string_view name, RecordType type, Rcode rcode) {
  DnsMessage response = query_message(name, type);
  response.header.is_response = true;
  response.header.recursion_available = true;
  response.header.rcode = rcode;
  return response;
}
inline DnsRecord address_record(std::string_view owner, std::string_view ip,
                                std::uint32_t ttl = 60) {
  const auto address = *IpAddress::parse(ip);
  return {name_of(owner), address.is_v4() ? RecordType::a : RecordType::aaaa, kClassIn, ttl,
          address};
}
inline DnsRecord alias_record(std::string_view owner, std::string_view target,
                              std::uint32_t ttl = 60) {
  return {name_of(owner), RecordType::cname, kClassIn, ttl, name_of(target)};
}
inline DnsRecord service_record(std::string_view owner, SrvData srv, std::uint32_t ttl = 60) {
  return {name_of(owner), RecordType::srv, kClassIn, ttl, std::move(srv)};
}
inline DnsRecord soa_record(std::string_view zone, std::uint32_t ttl = 60) {
  SoaData soa;
  soa.primary = name_of("ns.invalid");
  soa.minimum = ttl;
  return {name_of(zone), RecordType::soa, kClassIn, ttl, std::move(soa)};
}

}  // namespace epaulet::test
