#include <unordered_map>

#include "base/ascii.h"
#include "base/assert.h"
#include "dns/codec.h"

namespace epaulet {
namespace {

constexpr std::size_t kPointerTargetMax = 0x3fff;

/// Bytes of a message under construction, and where in it each name's suffixes stand.
class Writer {
 public:
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] DnsBytes take() { return std::move(bytes_); }

  void u8(unsigned value) { bytes_.push_back(static_cast<std::byte>(value & 0xffu)); }
  void u16(unsigned value) {
    u8(value >> 8);
    u8(value);
  }
  void u32(std::uint32_t value) {
    u16(value >> 16);
    u16(value & 0xffffu);
  }
  void octets(std::string_view text) {
    const auto* data = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), data, data + text.size());
  }
  void name(const DomainName& name);
  /// Fills the two octets at `at` with what was written behind them.
  void set_length(std::size_t at) {
    const std::size_t length = bytes_.size() - at - 2;
    bytes_[at] = static_cast<std::byte>(length >> 8 & 0xff);
    bytes_[at + 1] = static_cast<std::byte>(length & 0xff);
  }

 private:
  DnsBytes bytes_;
  std::unordered_map<std::string, std::size_t> offsets_;  // By suffix on the wire, in lower case.
};

void Writer::name(const DomainName& name) {
  const std::string_view wire = name.wire();
  for (std::size_t at = 0; wire[at] != 0;) {
    const std::string suffix = lower(wire.substr(at));
    if (const auto known = offsets_.find(suffix); known != offsets_.end()) {
      u16(0xc000u | static_cast<unsigned>(known->second));
      return;
    }
    if (bytes_.size() <= kPointerTargetMax) offsets_.emplace(suffix, bytes_.size());
    const std::size_t length = 1 + static_cast<unsigned char>(wire[at]);
    octets(wire.substr(at, length));
    at += length;
  }
  u8(0);
}

void write_header(Writer& out, const DnsMessage& message, bool truncated) {
  const DnsHeader& header = message.header;
  unsigned flags = static_cast<unsigned>(header.rcode) & 0xfu;
  flags |= (header.opcode & 0xfu) << 11;
  if (header.is_response) flags |= 0x8000u;
  if (header.authoritative) flags |= 0x0400u;
  if (header.truncated || truncated) flags |= 0x0200u;
  if (header.recursion_desired) flags |= 0x0100u;
  if (header.recursion_available) flags |= 0x0080u;
  if (header.authentic_data) flags |= 0x0020u;
  if (header.checking_disabled) flags |= 0x0010u;
  const auto count = [truncated](const std::vector<DnsRecord>& section) {
    return truncated ? 0u : static_cast<unsigned>(section.size());
  };
  out.u16(header.id);
  out.u16(flags);
  out.u16(static_cast<unsigned>(message.questions.size()));
  out.u16(count(message.answers));
  out.u16(count(message.authorities));
  out.u16(count(message.additionals) + (message.edns ? 1u : 0u));
}

void write_data(Writer& out, const DnsRecord& record) {
  if (const auto* octets = std::get_if<std::string>(&record.data)) {
    out.octets(*octets);
  } else if (const auto* ip = std::get_if<IpAddress>(&record.data)) {
    const std::size_t length = record.type == RecordType::a ? 4 : 16;
    if (length == 16 && ip->is_v4()) {
      // IpAddress holds IPv4-mapped addresses as IPv4; on the wire an AAAA record has its sixteen
      // octets.
      out.octets(std::string_view("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12));
      out.octets({reinterpret_cast<const char*>(ip->bytes().data()), 4});
    } else {
      out.octets({reinterpret_cast<const char*>(ip->bytes().data()), length});
    }
  } else if (const auto* name = std::get_if<DomainName>(&record.data)) {
    out.name(*name);
  } else if (const auto* srv = std::get_if<SrvData>(&record.data)) {
    for (const auto value : {srv->priority, srv->weight, srv->port}) out.u16(value);
    out.octets(srv->target.wire());  // RFC 2782: not compressed.
  } else if (const auto* soa = std::get_if<SoaData>(&record.data)) {
    out.name(soa->primary);
    out.name(soa->mailbox);
    for (const auto value : {soa->serial, soa->refresh, soa->retry, soa->expire, soa->minimum})
      out.u32(value);
  }
}

void write_record(Writer& out, const DnsRecord& record) {
  out.name(record.owner);
  out.u16(static_cast<unsigned>(record.type));
  out.u16(record.klass);
  out.u32(record.ttl);
  const std::size_t length_at = out.size();
  out.u16(0);
  write_data(out, record);
  out.set_length(length_at);
}

void write_edns(Writer& out, const Edns& edns, Rcode rcode, bool with_options) {
  out.u8(0);  // The root.
  out.u16(static_cast<unsigned>(RecordType::opt));
  out.u16(edns.udp_payload_bytes);
  out.u8(static_cast<unsigned>(rcode) >> 4);
  out.u8(edns.version);
  out.u16(edns.dnssec_ok ? 0x8000u : 0u);
  const std::string_view options = with_options ? std::string_view(edns.options) : "";
  out.u16(static_cast<unsigned>(options.size()));
  out.octets(options);
}

DnsBytes write(const DnsMessage& message, bool truncated) {
  Writer out;
  write_header(out, message, truncated);
  for (const auto& question : message.questions) {
    out.name(question.name);
    out.u16(static_cast<unsigned>(question.type));
    out.u16(question.klass);
  }
  if (!truncated) {
    for (const auto* section : {&message.answers, &message.authorities, &message.additionals}) {
      for (const auto& record : *section) write_record(out, record);
    }
  }
  if (message.edns) write_edns(out, *message.edns, message.header.rcode, !truncated);
  return out.take();
}

}  // namespace

DnsBytes write_dns_message(const DnsMessage& message, std::size_t limit) {
  auto bytes = write(message, false);
  if (bytes.size() <= limit) return bytes;
  bytes = write(message, true);
  EPAULET_ASSERT(bytes.size() <= limit);
  return bytes;
}

}  // namespace epaulet
