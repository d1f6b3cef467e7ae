#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/address.h"
#include "dns/domain_name.h"

/// The vocabulary of DNS messages (RFC 1035 section 4, RFC 6891).
namespace epaulet {

/// The types that we read or write; any other value is carried as it is.
enum class RecordType : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  txt = 16,
  aaaa = 28,
  srv = 33,
  opt = 41,
  https = 65,
  ixfr = 251,
  axfr = 252,
  any = 255,
};
/// "A", "AAAA", ..., "TYPE1234" (RFC 3597 section 5).
[[nodiscard]] std::string to_text(RecordType type);

inline constexpr std::uint16_t kClassIn = 1;

/// With the upper bits of EDNS (RFC 6891 section 6.1.3).
enum class Rcode : std::uint16_t {
  noerror = 0,
  formerr = 1,
  servfail = 2,
  nxdomain = 3,
  notimp = 4,
  refused = 5,
  badvers = 16,
};
/// "NOERROR", ..., "RCODE11".
[[nodiscard]] std::string to_text(Rcode rcode);

inline constexpr std::uint8_t kOpcodeQuery = 0;

struct DnsHeader {
  std::uint16_t id = 0;
  bool is_response = false;
  std::uint8_t opcode = kOpcodeQuery;
  bool authoritative = false;
  bool truncated = false;
  bool recursion_desired = false;
  bool recursion_available = false;
  bool authentic_data = false;
  bool checking_disabled = false;
  /// Bits above 15 need `DnsMessage::edns`.
  Rcode rcode = Rcode::noerror;

  friend bool operator==(const DnsHeader&, const DnsHeader&) = default;
};

struct DnsQuestion {
  DomainName name;
  RecordType type{};
  std::uint16_t klass = kClassIn;

  friend bool operator==(const DnsQuestion&, const DnsQuestion&) = default;
};

struct SoaData {
  DomainName primary;
  DomainName mailbox;
  std::uint32_t serial = 0;
  std::uint32_t refresh = 0;
  std::uint32_t retry = 0;
  std::uint32_t expire = 0;
  std::uint32_t minimum =
      0;  ///< Negative TTL together with the record's own TTL (RFC 2308 section 4).

  friend bool operator==(const SoaData&, const SoaData&) = default;
};

/// RFC 2782.
struct SrvData {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  DomainName target;

  friend bool operator==(const SrvData&, const SrvData&) = default;
};

struct DnsRecord {
  DomainName owner;
  RecordType type{};
  std::uint16_t klass = kClassIn;
  std::uint32_t ttl = 0;
  /// A and AAAA of class IN: the address. CNAME, NS, PTR: the name. SOA, SRV: its data. Anything
  /// else: the octets as they came, names within them uncompressed or not.
  std::variant<std::string, IpAddress, DomainName, SoaData, SrvData> data;

  friend bool operator==(const DnsRecord&, const DnsRecord&) = default;
};

/// What we take over UDP ourselves: fits every path without fragments.
inline constexpr std::uint16_t kDnsUdpPayloadBytes = 1232;

/// The OPT pseudo-record (RFC 6891 section 6.1).
struct Edns {
  std::uint16_t udp_payload_bytes = 0;
  std::uint8_t version = 0;
  bool dnssec_ok = false;
  std::string
      options;  ///< Encoded: code, length, octets, again and again; not looked into when read.

  /// RFC 8914: why, in words. `info_code` is registered with IANA.
  void add_extended_error(std::uint16_t info_code, std::string_view text);

  friend bool operator==(const Edns&, const Edns&) = default;
};

struct DnsMessage {
  DnsHeader header;
  std::vector<DnsQuestion> questions;
  std::vector<DnsRecord> answers;
  std::vector<DnsRecord> authorities;
  std::vector<DnsRecord> additionals;  ///< Without the OPT record, which is `edns`.
  std::optional<Edns> edns;

  friend bool operator==(const DnsMessage&, const DnsMessage&) = default;
};

}  // namespace epaulet
