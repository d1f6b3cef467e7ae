#pragma once

#include <array>
#include <string_view>

#include "telemetry/explain_ring.h"
#include "telemetry/record.h"

/// What a worker keeps for explain.
namespace epaulet::telemetry {

struct KeptExchange {
  ExchangeRecord record;
  WallTime time{};    ///< Of its end.
  bool slow = false;  ///< Kept because it was slow; it need not have failed.
};

struct KeptConnection {
  ConnectionRecord record;
  WallTime time{};
};

/// A DnsRecord with its text.
struct KeptDns {
  RequestId id;
  StringId service = 0;
  Error error;
  ErrorCode cause = ErrorCode::none;
  SocketAddress client;
  std::uint16_t type = 0;
  WallTime time{};

  void set(const DnsRecord& from, WallTime at);
  [[nodiscard]] std::string_view name() const { return {name_.data(), name_size_}; }
  [[nodiscard]] std::string_view rcode() const { return {rcode_.data(), rcode_size_}; }
  [[nodiscard]] std::string_view summary() const { return {summary_.data(), summary_size_}; }

 private:
  std::array<char, 255> name_{};  // RFC 1035 section 2.3.4.
  std::array<char, 16> rcode_{};
  std::array<char, 512> summary_{};
  std::uint16_t name_size_ = 0;
  std::uint16_t rcode_size_ = 0;
  std::uint16_t summary_size_ = 0;
};

/// One ring for each kind: a flood of one does not push out the others.
struct KeptRecords {
  ExplainRing<KeptExchange> exchanges;
  ExplainRing<KeptConnection> connections;
  ExplainRing<KeptDns> dns;
};

}  // namespace epaulet::telemetry
