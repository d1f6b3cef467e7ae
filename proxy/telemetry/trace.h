#pragma once

#include <array>
#include <cstdint>

#include "base/error.h"
#include "base/limits.h"
#include "runtime/clock.h"

namespace epaulet::telemetry {

/// What happened at a stage. The meaning of a and b stands behind each.
enum class Event : std::uint8_t {
  accepted,             ///< a: peer address (string id) where it was interned, else 0
  tls_accepted,         ///< a: peer identity (string id); b: 1 if resumed
  tls_refused,          ///< a: diagnosis (string id)
  detected,             ///< a: 0 HTTP/1, 1 HTTP/2, 2 TLS that is not ours, 3 opaque
  head_read,            ///< a: bytes of the head
  routed,               ///< a: route (string id); b: backend (string id)
  authenticated,        ///< a: peer identity; b: 1 if a token was verified
  token_refused,        ///< a: reason (string id)
  allowed,              ///< a: rule (string id); b: its origin (string id)
  denied,               ///< a: rule (string id, 0: no rule matched); b: its origin
  permit_waited,        ///< a: microseconds
  endpoint_picked,      ///< a: endpoint (string id); b: picked_by()
  connection_reused,    ///< a: idle microseconds
  dialling,             ///< a: endpoint (string id)
  connected,            ///< a: microseconds
  upstream_tls_done,    ///< a: peer identity (string id); b: 1 if resumed
  upstream_tls_failed,  ///< a: diagnosis (string id)
  request_sent,         ///< a: body bytes
  response_head,        ///< a: status
  attempt_failed,       ///< a: ErrorCode; b: detail (errno, alert)
  retry_decided,        ///< a: backoff in microseconds
  retry_refused,        ///< a: reason (string id)
  body_done,            ///< a: body bytes (saturated)
  answered_by_us,       ///< a: status
  upstream_reason,      ///< a: Proxy-Status that a mesh sidecar sent (string id)
  ended,                ///< a: ErrorCode
  breaker_refused,      ///< a: which and why (string id); b: milliseconds until it may be asked
  breaker_changed,      ///< a: which, to what and why (string id); b: milliseconds that it is open
  endpoint_ejected,     ///< a: endpoint (string id); b: milliseconds that it is left out
  endpoint_restored,    ///< a: endpoint (string id)
  roles_compared,       ///< a: roles that the rule allows, 0 if it denies; b: the caller's (both
                        ///< string ids of names with commas)
  key_accepted,         ///< a: owner of the API key (string id)
  key_refused,          ///< a: reason (string id)
  rate_limited,         ///< a: which (string id); b: milliseconds until it may be asked again
  taken_for_later,      ///< Accepted, to be delivered in the background. a: bytes kept
  fell_back,      ///< a: last_good, static or the backend (string id); b: status of the former
  audited,        ///< a: ErrorCode that was not carried out; b: rule (string id, 0: none matched)
  stream_opened,  ///< On a shared mesh connection, to carry one of HTTP/1.1
  redirected,     ///< a: status; b: where the route says so (string id)
  fault_delayed,  ///< a: microseconds; b: where the route says so (string id)
  fault_aborted,  ///< a: status; b: where the route says so (string id)
  followed,       ///< Waited for what another got. a: what came of it (string id); b: microseconds
  mirrored,       ///< A copy of it was sent as well. a: backend (string id)
  overloaded,     ///< a: how critical the request is (string id); b: the limit
  hedged,         ///< A second attempt beside the first. a: endpoint (string id); b: microseconds
                  ///< after which
  hedge_won,      ///< a: endpoint (string id) whose answer counts; b: 1 if the second attempt's
  hedge_refused,  ///< a: reason (string id)
  preflight,      ///< a: status; b: where the route says so (string id)
  left_zone,      ///< For an endpoint in a: zone (string id); b: in_zone() of its own
  count_,
};

/// Of endpoint_picked: the attempt, from 1, and the balancer (string id) that chose, 0 if none did.
[[nodiscard]] constexpr std::uint32_t picked_by(std::uint32_t attempt, std::uint32_t balancer) {
  return (balancer << 8) | (attempt & 0xff);
}

/// Of left_zone: how many endpoints the own zone has, and how many of them may be asked.
[[nodiscard]] constexpr std::uint32_t in_zone(std::size_t well, std::size_t all) {
  return static_cast<std::uint32_t>((well & 0xffff) << 16 | (all & 0xffff));
}

/// The decisions of one exchange or connection: fixed size, no strings, kept only if it fails or is
/// slow.
class Trace {
 public:
  struct Entry {
    std::uint32_t at_us;  ///< Since the start; saturates.
    std::uint32_t a;
    std::uint32_t b;
    Event event;
    Stage stage;
  };

  void begin(TimePoint now) {
    start_ = now;
    count_ = 0;
    dropped_ = 0;
  }
  void add(TimePoint now, Stage stage, Event event, std::uint32_t a = 0, std::uint32_t b = 0) {
    if (count_ == entries_.size()) {
      ++dropped_;  // The last entry is kept for the end.
      entries_.back() = Entry{since(now), a, b, event, stage};
      return;
    }
    entries_[count_++] = Entry{since(now), a, b, event, stage};
  }
  [[nodiscard]] TimePoint start() const { return start_; }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] const Entry& operator[](std::size_t index) const { return entries_[index]; }
  [[nodiscard]] std::uint32_t dropped() const { return dropped_; }

 private:
  [[nodiscard]] std::uint32_t since(TimePoint now) const {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now - start_).count();
    return us > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(us);
  }

  TimePoint start_{};
  std::uint32_t count_ = 0;
  std::uint32_t dropped_ = 0;
  std::array<Entry, limits::kTraceEventsMax> entries_;  ///< Nobody clears them for each exchange.
};
static_assert(sizeof(Trace) <= 512);

}  // namespace epaulet::telemetry
