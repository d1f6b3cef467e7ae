#pragma once

#include <chrono>
#include <string_view>

#include "telemetry/record.h"

/// Records as the data path fills them.
namespace epaulet::telemetry {

inline constexpr TimePoint kStart{std::chrono::hours(1)};
inline constexpr WallTime kWall{std::chrono::seconds(1'760'000'000)};

inline SocketAddress address(std::string_view text) {
  return *SocketAddress::parse(text);
}

/// A GET of api2.default that was answered 200 after `took`.
inline ExchangeRecord exchange(Direction direction = Direction::inbound,
                               std::chrono::nanoseconds took = std::chrono::milliseconds(2)) {
  ExchangeRecord record;
  record.reset(kStart);
  record.direction = direction;
  record.service = intern("api2.default");
  record.route = intern(direction == Direction::inbound ? "internal" : "default");
  record.downstream = address("10.0.0.7:40000");
  record.status = 200;
  std::string_view("GET").copy(record.method.data(), 3);
  record.attempts = 1;
  record.upstream_sent = kStart + std::chrono::microseconds(100);
  record.upstream_head = kStart + took;
  record.end = kStart + took;
  record.request_id.assign("0123456789abcdef0123456789abcdef");
  return record;
}

/// The same, refused by rule `internal`.
inline ExchangeRecord refused(ErrorCode code, std::uint16_t status) {
  ExchangeRecord record = exchange();
  record.status = status;
  record.status_is_ours = true;
  record.attempts = 0;
  record.upstream_sent = record.upstream_head = {};
  record.rule = intern("internal");
  record.rule_origin = intern("api2.yaml:9:5");
  record.error = Error(code, Side::downstream, Stage::authorize);
  record.trace.add(kStart + std::chrono::microseconds(40), Stage::authenticate,
                   Event::authenticated);
  record.trace.add(kStart + std::chrono::microseconds(50), Stage::authorize, Event::denied,
                   record.rule, record.rule_origin);
  record.trace.add(kStart + std::chrono::microseconds(60), Stage::authorize, Event::ended,
                   static_cast<std::uint32_t>(code));
  return record;
}

inline ConnectionRecord connection(ConnectionRecord::Kind kind, ErrorCode code,
                                   Stage stage = Stage::tls, Side side = Side::downstream) {
  ConnectionRecord record;
  record.kind = kind;
  record.service = intern("api2.default");
  record.downstream = address("10.0.0.7:40000");
  record.destination = address("10.0.0.9:8080");
  record.error = Error(code, side, stage);
  record.trace.begin(kStart);
  record.end = kStart + std::chrono::milliseconds(3);
  record.id.assign("c0ffee");
  return record;
}

inline DnsRecord dns_refusal() {
  DnsRecord record;
  record.name = "api2.default";
  record.type = 1;
  record.service = intern("api2.default");
  record.rcode = "NXDOMAIN";
  record.error = Error(ErrorCode::never_had_endpoint, Side::upstream, Stage::dns);
  record.summary =
      "service api2.default is configured but has never had an endpoint (asked for A api2.default)";
  record.client = address("127.0.0.1:5353");
  return record;
}

}  // namespace epaulet::telemetry
