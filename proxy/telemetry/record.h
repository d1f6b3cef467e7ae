#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.h"
#include "base/error.h"
#include "telemetry/strings.h"
#include "telemetry/trace.h"

namespace epaulet::telemetry {

enum class Direction : std::uint8_t { inbound, outbound };

/// A request id: 1 to 64 visible characters; ours are 32 hexadecimal digits.
class RequestId {
 public:
  void assign(std::string_view text) {
    size_ = static_cast<std::uint8_t>(text.copy(text_.data(), text_.size()));
  }
  void clear() { size_ = 0; }
  [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 64> text_{};
  std::uint8_t size_ = 0;
};

/// What a route did with a request for no need of its own.
enum class Shaped : std::uint8_t { no, redirected, delayed, aborted, preflight };

/// Whether a second attempt was made beside the first, and whose answer came first.
enum class Hedged : std::uint8_t { no, lost, won };

/// How one exchange ended. Filled while it runs, reported once, reused by the connection's next
/// exchange.
struct ExchangeRecord {
  Direction direction = Direction::inbound;
  StringId service = 0;  ///< Name; inbound: our own. Metrics label.
  StringId route = 0;    ///< Route name; inbound: rule name. Metrics label, never a path.
  StringId backend = 0;
  StringId rule = 0;         ///< Access rule that decided, 0 if none did.
  StringId rule_origin = 0;  ///< "file:line:column".
  StringId audit_rule = 0;   ///< With `audited`, as `rule` and `rule_origin`.
  StringId audit_origin = 0;
  ErrorCode audited = ErrorCode::none;  ///< What audit mode did not carry out.
  StringId peer =
      0;  ///< Proven identity of the peer: inbound the caller's, outbound the endpoint's.
  StringId endpoint = 0;
  SocketAddress upstream;  ///< The last attempt's endpoint, where `endpoint` is 0; port 0: none.
  SocketAddress downstream;
  std::uint16_t status = 0;                 ///< Sent to the caller; 0: none was sent.
  std::optional<std::uint8_t> grpc_status;  ///< Of a gRPC call, sent to the caller.
  bool status_is_ours = false;              ///< We answered, not the upstream.
  bool mesh_tls = false;  ///< Inbound: the caller used mesh TLS. Outbound: the endpoint did.
  Shaped shaped = Shaped::no;
  bool shared = false;    ///< Answered with what another request got.
  bool mirrored = false;  ///< A copy of it was sent to another backend.
  Hedged hedged = Hedged::no;
  StringId criticality = 0;       ///< Of a request that was refused for the app's sake.
  bool multiplexed = false;       ///< Over that hop it went on a stream that carries HTTP/1.1.
  std::array<char, 12> method{};  ///< Zero-terminated, cut.
  Error error;                    ///< What it ended with; code none if it succeeded.
  std::uint8_t attempts = 0;
  std::uint64_t request_bytes = 0;  ///< Of bodies.
  std::uint64_t response_bytes = 0;
  TimePoint start{};
  TimePoint end{};
  TimePoint upstream_sent{};  ///< Head written to the upstream (last attempt).
  TimePoint upstream_head{};  ///< Response head read.
  RequestId request_id;
  std::array<char, 32> trace_id{};  ///< W3C, hexadecimal; zeros if there is none.
  std::array<char, 16> span_id{};   ///< Ours, if it becomes a span; else zeros.
  Trace trace;

  void reset(TimePoint now) {
    *this = ExchangeRecord{};
    start = now;
    trace.begin(now);
  }
};

/// How one connection (a tunnel, a refused handshake, a refused or failed accept) ended.
struct ConnectionRecord {
  Direction direction = Direction::inbound;
  enum class Kind : std::uint8_t { tunnel, handshake, refused } kind = Kind::tunnel;
  StringId service = 0;
  StringId rule = 0;
  StringId rule_origin = 0;
  StringId audit_rule = 0;
  StringId audit_origin = 0;
  ErrorCode audited = ErrorCode::none;
  StringId peer = 0;
  StringId endpoint = 0;
  StringId diagnosis = 0;  ///< What was presented and what expected.
  SocketAddress downstream;
  SocketAddress destination;
  bool mesh_tls = false;
  Error error;
  std::uint64_t bytes_received = 0;  ///< From downstream.
  std::uint64_t bytes_sent = 0;      ///< To downstream.
  TimePoint end{};
  RequestId id;
  Trace trace;
};

/// A DNS query that was refused or failed. Views are valid during the report only.
struct DnsRecord {
  RequestId id;           ///< Empty: telemetry draws one.
  std::string_view name;  ///< As asked; may hold any octets.
  std::uint16_t type = 0;
  StringId service = 0;
  std::string_view rcode;
  Error error;
  ErrorCode cause = ErrorCode::none;  ///< Why `error` is so, where there is more to say.
  std::string_view summary;  ///< One sentence without a full stop; empty: the error table's.
  SocketAddress client;
};

/// A breaker or an endpoint is trusted less, or more, from now on. Views are valid during the
/// report only.
struct HealthRecord {
  std::string_view event;       ///< snake_case: breaker_open, endpoint_ejected...
  std::string_view message;     ///< One sentence.
  std::string_view reason;      ///< snake_case.
  std::string_view request_id;  ///< Empty: it is about no single one.
  bool is_bad_news = false;
  StringId service = 0;  ///< Of a route's breaker.
  StringId route = 0;    ///< Of a route's breaker.
  StringId backend = 0;
  StringId source = 0;                ///< Where its key stands: "file:line:column".
  StringId endpoint = 0;              ///< Whose failure was the last one.
  std::chrono::nanoseconds lasts{0};  ///< For how long, if that is known.
  std::uint64_t calls = 0;            ///< The evidence: so many in the window,
  std::uint64_t failures = 0;
  std::uint64_t slow = 0;
  std::uint32_t consecutive = 0;
  ErrorCode outcome = ErrorCode::none;  ///< Of the last failure.
  std::uint16_t status = 0;
  std::optional<std::uint8_t> grpc_status;
};

}  // namespace epaulet::telemetry
