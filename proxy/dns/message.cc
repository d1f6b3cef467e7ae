#include "dns/message.h"

namespace epaulet {

std::string to_text(RecordType type) {
  switch (type) {
    case RecordType::a:
      return "A";
    case RecordType::ns:
      return "NS";
    case RecordType::cname:
      return "CNAME";
    case RecordType::soa:
      return "SOA";
    case RecordType::ptr:
      return "PTR";
    case RecordType::txt:
      return "TXT";
    case RecordType::aaaa:
      return "AAAA";
    case RecordType::srv:
      return "SRV";
    case RecordType::opt:
      return "OPT";
    case RecordType::https:
      return "HTTPS";
    case RecordType::ixfr:
      return "IXFR";
    case RecordType::axfr:
      return "AXFR";
    case RecordType::any:
      return "ANY";
  }
  return "TYPE" + std::to_string(static_cast<std::uint16_t>(type));
}

std::string to_text(Rcode rcode) {
  switch (rcode) {
    case Rcode::noerror:
      return "NOERROR";
    case Rcode::formerr:
      return "FORMERR";
    case Rcode::servfail:
      return "SERVFAIL";
    case Rcode::nxdomain:
      return "NXDOMAIN";
    case Rcode::notimp:
      return "NOTIMP";
    case Rcode::refused:
      return "REFUSED";
    case Rcode::badvers:
      return "BADVERS";
  }
  return "RCODE" + std::to_string(static_cast<std::uint16_t>(rcode));
}

void Edns::add_extended_error(std::uint16_t info_code, std::string_view text) {
  constexpr std::uint16_t kExtendedError = 15;  // RFC 8914 section 2
  constexpr std::size_t kTextMax = 200;         // Keeps every answer of ours below 512 octets.
  text = text.substr(0, kTextMax);
  const auto put = [this](std::size_t value) {
    options += static_cast<char>(value >> 8 & 0xff);
    options += static_cast<char>(value & 0xff);
  };
  put(kExtendedError);
  put(2 + text.size());
  put(info_code);
  options += text;
}

}  // namespace epaulet
