#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "discovery/resolver.h"
#include "dns/codec.h"
#include "dns/message.h"

/// What upstream answers to our own questions for A and AAAA mean. Pure.
namespace epaulet {

/// A query with one question, recursion desired. With EDNS some seventy addresses fit into one
/// datagram, and not every network lets DNS over TCP through; some old middlebox drops it.
[[nodiscard]] DnsBytes address_query(const DomainName& name, RecordType type, bool with_edns);

/// Somebody else can be there. "This host" (what blocklists answer, and the kernel takes for
/// ourselves), multicast and broadcast addresses are no endpoints, whoever says so.
[[nodiscard]] bool may_be_endpoint(const IpAddress& address);

/// One family's part of an answer.
struct FamilyAnswer {
  std::vector<IpAddress> addresses;  ///< Empty: authoritatively none (NXDOMAIN or no data).
  std::chrono::seconds ttl{0};       ///< The smallest on the way; meaningless if there was nothing.
  /// The name that the aliases lead to, if the answer does not say what is there. A resolver says
  /// so, with records or with its zone's SOA (RFC 2308 section 2.2); a server that only knows its
  /// own zones may not.
  std::optional<DomainName> leads_to{};
  std::size_t aliases = 0;  ///< On the way.
};
/// Follows CNAMEs from `name` (at most limits::kDnsCnameChainMax) to the addresses of `type`.
/// Errors: dns_failed for an RCODE that says nothing about the name (detail: the RCODE) and for
/// nonsense.
[[nodiscard]] Result<FamilyAnswer> read_address_answer(std::span<const std::byte> bytes,
                                                       const DomainName& name, RecordType type);

/// One family's way from name to addresses: asks on where an answer's aliases lead out of it, until
/// there were limits::kDnsCnameChainMax of them.
class AddressChase {
 public:
  AddressChase(DomainName name, RecordType type) : name_(std::move(name)), type_(type) {}

  /// What is to be asked now. Not after the end.
  [[nodiscard]] DnsBytes query(bool with_edns) const {
    return address_query(name_, type_, with_edns);
  }
  void take(const Result<DnsBytes>& answer);
  [[nodiscard]] bool has_ended() const { return found_.has_value(); }
  /// After the end. Errors: as of read_address_answer() and of the exchanges.
  [[nodiscard]] const Result<FamilyAnswer>& found() const { return *found_; }

 private:
  DomainName name_;
  RecordType type_;
  std::size_t aliases_ = 0;
  std::chrono::seconds ttl_ = std::chrono::seconds::max();
  std::optional<Result<FamilyAnswer>> found_;
};

/// Both families together, as Resolver promises it.
[[nodiscard]] Result<Addresses> combine(const Result<FamilyAnswer>& v4,
                                        const Result<FamilyAnswer>& v6);

}  // namespace epaulet
