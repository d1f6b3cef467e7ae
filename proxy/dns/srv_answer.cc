#include "dns/srv_answer.h"

#include <algorithm>
#include <map>

#include "base/limits.h"
#include "dns/address_answer.h"
#include "dns/codec.h"

namespace epaulet {
namespace {

Error failed(std::int32_t rcode = 0) {
  return {ErrorCode::dns_failed, Side::upstream, Stage::resolve, Retry::safe, rcode};
}

bool is_record(const DnsRecord& record, const DomainName& owner, RecordType type) {
  return record.type == type && record.klass == kClassIn && record.owner == owner;
}

const DnsRecord* find_record(const DnsMessage& message, const DomainName& owner, RecordType type) {
  const auto found =
      std::find_if(message.answers.begin(), message.answers.end(),
                   [&](const DnsRecord& record) { return is_record(record, owner, type); });
  return found == message.answers.end() ? nullptr : &*found;
}

/// The addresses of the additional section by name: one pass, however many targets there are.
class Beside {
 public:
  explicit Beside(const DnsMessage& message) {
    for (const auto& record : message.additionals) {
      const auto* ip = std::get_if<IpAddress>(&record.data);
      if (ip == nullptr || !may_be_endpoint(*ip)) continue;
      auto& known = by_name_[record.owner.key()];
      known.addresses.push_back(*ip);
      known.ttl_s = std::min(known.ttl_s, record.ttl);
    }
  }
  std::vector<IpAddress> take(const DomainName& name, std::uint32_t& ttl_s) const {
    const auto found = by_name_.find(name.key());
    if (found == by_name_.end()) return {};
    ttl_s = std::min(ttl_s, found->second.ttl_s);
    return found->second.addresses;
  }

 private:
  struct Known {
    std::vector<IpAddress> addresses;
    std::uint32_t ttl_s = 0x7fffffff;
  };
  std::map<std::string, Known> by_name_;
};

}  // namespace

Result<SrvAnswer> read_srv_answer(std::span<const std::byte> bytes, const DomainName& name) {
  const auto message = read_dns_message(bytes);
  if (!message || !message->header.is_response) return failed();
  const auto rcode = message->header.rcode;
  if (rcode != Rcode::noerror && rcode != Rcode::nxdomain)
    return failed(static_cast<std::int32_t>(rcode));

  std::uint32_t ttl_s = 0x7fffffff;
  DomainName owner = name;
  for (std::size_t aliases = 0; find_record(*message, owner, RecordType::srv) == nullptr;) {
    const auto* alias = find_record(*message, owner, RecordType::cname);
    if (alias == nullptr) return SrvAnswer{};
    if (++aliases > limits::kDnsCnameChainMax) return failed();
    ttl_s = std::min(ttl_s, alias->ttl);
    owner = std::get<DomainName>(alias->data);
  }

  SrvAnswer answer;
  const Beside beside(*message);
  for (const auto& record : message->answers) {
    if (!is_record(record, owner, RecordType::srv)) continue;
    const auto& srv = std::get<SrvData>(record.data);
    ttl_s = std::min(ttl_s, record.ttl);
    if (srv.target.is_root() || srv.port == 0) continue;
    if (answer.targets.size() == limits::kEndpointsPerBackendMax) break;
    answer.targets.push_back({srv, beside.take(srv.target, ttl_s)});
  }
  std::stable_sort(answer.targets.begin(), answer.targets.end(),
                   [](const auto& a, const auto& b) { return a.srv.priority < b.srv.priority; });
  answer.ttl = std::chrono::seconds(ttl_s);
  return answer;
}

}  // namespace epaulet
