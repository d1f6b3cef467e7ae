#include "telemetry/kept_records.h"

#include "base/error_table.h"

namespace epaulet::telemetry {
namespace {

template <std::size_t N>
std::uint16_t copy_cut(std::string_view text, std::array<char, N>& out) {
  return static_cast<std::uint16_t>(text.copy(out.data(), out.size()));
}

}  // namespace

void KeptDns::set(const DnsRecord& from, WallTime at) {
  id = from.id;
  service = from.service;
  error = from.error;
  cause = from.cause;
  client = from.client;
  type = from.type;
  time = at;
  name_size_ = copy_cut(from.name, name_);
  rcode_size_ = copy_cut(from.rcode, rcode_);
  summary_size_ =
      copy_cut(from.summary.empty() ? describe(error.code).summary : from.summary, summary_);
}

}  // namespace epaulet::telemetry
