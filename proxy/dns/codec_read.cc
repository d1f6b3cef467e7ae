#include <array>
#include <cstring>
#include <optional>

#include "dns/codec.h"

namespace epaulet {
namespace {

const Error kMalformed(ErrorCode::dns_refused, Side::downstream, Stage::dns);

constexpr unsigned kPointerBits = 0xc0;  // RFC 1035 section 4.1.4
constexpr std::size_t kPointersMax = 127;

/// A place in a message. Every read checks the bounds; after a failed one the reader is of no more
/// use.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t position() const { return at_; }
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }
  [[nodiscard]] bool has(std::size_t count) const { return bytes_.size() - at_ >= count; }

  std::optional<std::uint16_t> u16() {
    if (!has(2)) return std::nullopt;
    const unsigned value = octet(at_) << 8 | octet(at_ + 1);
    at_ += 2;
    return static_cast<std::uint16_t>(value);
  }
  std::optional<std::uint32_t> u32() {
    const auto high = u16();
    const auto low = u16();
    if (!high || !low) return std::nullopt;
    return static_cast<std::uint32_t>(*high) << 16 | *low;
  }
  std::optional<std::string> octets(std::size_t count) {
    if (!has(count)) return std::nullopt;
    std::string out(reinterpret_cast<const char*>(bytes_.data()) + at_, count);
    at_ += count;
    return out;
  }
  std::optional<DomainName> name();

 private:
  [[nodiscard]] unsigned octet(std::size_t at) const {
    return std::to_integer<unsigned>(bytes_[at]);
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

std::optional<DomainName> Reader::name() {
  DomainName name;
  std::size_t at = at_;
  // Each pointer must point before the labels that led to it: a loop cannot be built. The name's
  // own limit of 255 octets bounds the labels; a name of 127 labels needs no more than 127
  // pointers.
  std::size_t labels_begin = at_;
  std::size_t jumps = 0;
  for (;;) {
    if (at >= bytes_.size()) return std::nullopt;
    const unsigned length = octet(at);
    if ((length & kPointerBits) == kPointerBits) {
      if (at + 1 >= bytes_.size()) return std::nullopt;
      const std::size_t target = (length & ~kPointerBits) << 8 | octet(at + 1);
      if (target >= labels_begin || target < kDnsHeaderBytes) return std::nullopt;
      if (++jumps > kPointersMax) return std::nullopt;
      if (jumps == 1) at_ = at + 2;
      labels_begin = target;
      at = target;
      continue;
    }
    if ((length & kPointerBits) != 0) return std::nullopt;  // Reserved (RFC 6891 section 5).
    if (length == 0) {
      if (jumps == 0) at_ = at + 1;
      return name;
    }
    if (bytes_.size() - at - 1 < length) return std::nullopt;
    const std::string_view label(reinterpret_cast<const char*>(bytes_.data()) + at + 1, length);
    if (!name.append_label(label)) return std::nullopt;
    at += 1 + length;
  }
}

std::optional<DnsQuestion> read_question(Reader& in) {
  auto name = in.name();
  const auto type = in.u16();
  const auto klass = in.u16();
  if (!name || !type || !klass) return std::nullopt;
  return DnsQuestion{std::move(*name), static_cast<RecordType>(*type), *klass};
}

std::optional<IpAddress> read_address(Reader& in, RecordType type, std::size_t length) {
  if (length != (type == RecordType::a ? 4u : 16u)) return std::nullopt;
  const auto octets = in.octets(length);
  if (!octets) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), octets->data(), length);
  if (type == RecordType::aaaa) return IpAddress::v6(bytes);
  return IpAddress::v4(static_cast<std::uint32_t>(bytes[0]) << 24 |
                       static_cast<std::uint32_t>(bytes[1]) << 16 |
                       static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3]);
}

std::optional<SoaData> read_soa(Reader& in) {
  SoaData soa;
  auto primary = in.name();
  if (!primary) return std::nullopt;
  auto mailbox = in.name();
  if (!mailbox) return std::nullopt;
  soa.primary = std::move(*primary);
  soa.mailbox = std::move(*mailbox);
  for (auto* field : {&soa.serial, &soa.refresh, &soa.retry, &soa.expire, &soa.minimum}) {
    const auto value = in.u32();
    if (!value) return std::nullopt;
    *field = *value;
  }
  return soa;
}

std::optional<SrvData> read_srv(Reader& in) {
  const auto priority = in.u16();
  const auto weight = in.u16();
  const auto port = in.u16();
  if (!priority || !weight || !port) return std::nullopt;
  // Compressed or not: RFC 2782 forbids it, RFC 3597 section 4 bids us to bear it.
  auto target = in.name();
  if (!target) return std::nullopt;
  return SrvData{*priority, *weight, *port, std::move(*target)};
}

/// Reads a record's data into `record`; it must end exactly where RDLENGTH says.
bool read_data(Reader& in, DnsRecord& record, std::size_t length) {
  if (!in.has(length)) return false;
  const std::size_t end = in.position() + length;
  const auto keep = [&record](auto&& value) {
    if (value) record.data = std::move(*value);
    return value.has_value();
  };
  bool is_read = false;
  // The data of other classes has other forms (RFC 1035 section 3.2.4).
  if (record.klass != kClassIn) {
    is_read = keep(in.octets(length));
  } else if (record.type == RecordType::a || record.type == RecordType::aaaa) {
    is_read = keep(read_address(in, record.type, length));
  } else if (record.type == RecordType::cname || record.type == RecordType::ns ||
             record.type == RecordType::ptr) {
    is_read = keep(in.name());
  } else if (record.type == RecordType::soa) {
    is_read = keep(read_soa(in));
  } else if (record.type == RecordType::srv) {
    is_read = keep(read_srv(in));
  } else {
    is_read = keep(in.octets(length));
  }
  return is_read && in.position() == end;
}

std::optional<DnsRecord> read_record(Reader& in) {
  auto owner = in.name();
  const auto type = in.u16();
  const auto klass = in.u16();
  const auto ttl = in.u32();
  const auto length = in.u16();
  if (!owner || !type || !klass || !ttl || !length) return std::nullopt;
  // RFC 2181 section 8: a TTL with the top bit set is 0. An OPT record keeps flags there.
  const bool is_opt = static_cast<RecordType>(*type) == RecordType::opt;
  const std::uint32_t sane_ttl = !is_opt && *ttl > 0x7fffffffu ? 0 : *ttl;
  DnsRecord record{std::move(*owner), static_cast<RecordType>(*type), *klass, sane_ttl, {}};
  if (is_opt) {
    auto options = in.octets(*length);
    if (!options) return std::nullopt;
    record.data = std::move(*options);
    return record;
  }
  if (!read_data(in, record, *length)) return std::nullopt;
  return record;
}

bool read_section(Reader& in, std::size_t count, std::vector<DnsRecord>& out) {
  for (std::size_t i = 0; i < count; ++i) {
    auto record = read_record(in);
    if (!record) return false;
    out.push_back(std::move(*record));
  }
  return true;
}

/// Moves the OPT record from the additional section to `edns`. False: there are two, or it is not
/// one.
bool take_edns(DnsMessage& message) {
  for (auto it = message.additionals.begin(); it != message.additionals.end();) {
    if (it->type != RecordType::opt) {
      ++it;
      continue;
    }
    if (message.edns || !it->owner.is_root()) return false;
    Edns edns;
    edns.udp_payload_bytes = it->klass;
    edns.version = static_cast<std::uint8_t>(it->ttl >> 16 & 0xff);
    edns.dnssec_ok = (it->ttl & 0x8000u) != 0;
    edns.options = std::get<std::string>(it->data);
    const unsigned upper = it->ttl >> 24;
    message.header.rcode =
        static_cast<Rcode>(upper << 4 | static_cast<unsigned>(message.header.rcode));
    message.edns = std::move(edns);
    it = message.additionals.erase(it);
  }
  return true;
}

}  // namespace

Result<DnsHeader> read_dns_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kDnsHeaderBytes) return kMalformed;
  Reader in(bytes);
  const auto id = *in.u16();
  const unsigned flags = *in.u16();
  DnsHeader header;
  header.id = id;
  header.is_response = (flags & 0x8000u) != 0;
  header.opcode = static_cast<std::uint8_t>(flags >> 11 & 0xfu);
  header.authoritative = (flags & 0x0400u) != 0;
  header.truncated = (flags & 0x0200u) != 0;
  header.recursion_desired = (flags & 0x0100u) != 0;
  header.recursion_available = (flags & 0x0080u) != 0;
  header.authentic_data = (flags & 0x0020u) != 0;
  header.checking_disabled = (flags & 0x0010u) != 0;
  header.rcode = static_cast<Rcode>(flags & 0xfu);
  return header;
}

Result<DnsMessage> read_dns_message(std::span<const std::byte> bytes) {
  const auto header = read_dns_header(bytes);
  if (!header) return header.error();
  DnsMessage message;
  message.header = *header;
  Reader in(bytes);
  (void)in.u32();
  const auto questions = *in.u16();
  const auto answers = *in.u16();
  const auto authorities = *in.u16();
  const auto additionals = *in.u16();
  for (std::size_t i = 0; i < questions; ++i) {
    auto question = read_question(in);
    if (!question) return kMalformed;
    message.questions.push_back(std::move(*question));
  }
  if (!read_section(in, answers, message.answers)) return kMalformed;
  if (!read_section(in, authorities, message.authorities)) return kMalformed;
  if (!read_section(in, additionals, message.additionals)) return kMalformed;
  if (!take_edns(message) || !in.at_end()) return kMalformed;
  return message;
}

}  // namespace epaulet
