#pragma once

#include <cstdint>

#include "telemetry/record.h"
#include "telemetry/span.h"

namespace epaulet::telemetry {

/// Single counters; each has a row (name, help, labels) in counters.cc.
enum class Counter : std::uint8_t {
  connections_accepted_inbound,
  connections_accepted_outbound,
  connections_refused_destination,  ///< Original destination missing, or ourselves.
  connections_refused_overload,
  accept_failed_descriptors,
  accept_failed_memory,
  handshakes_inbound,
  handshakes_inbound_resumed,
  handshakes_outbound,
  handshakes_outbound_resumed,
  // In the order of HandshakeFailure, tls/handshake_failure.h.
  handshakes_failed_expired,
  handshakes_failed_unknown_authority,
  handshakes_failed_untrusted,
  handshakes_failed_wrong_identity,
  handshakes_failed_no_certificate,
  handshakes_failed_no_identity,
  handshakes_failed_refused_by_peer,
  handshakes_failed_protocol_version,
  handshakes_failed_protocol,
  handshakes_failed_closed,
  handshakes_failed_timeout,
  handshakes_failed_not_configured,
  handshakes_failed_other,
  upstream_dials,
  upstream_dials_failed,
  upstream_reused,
  reuse_race_saved,     ///< Idempotent requests resent after a keep-alive race.
  reuse_stale_dropped,  ///< Pooled connections found closed before use.
  retries,
  retries_over_budget,
  egress_connections,
  app_tls_inbound,
  app_tls_outbound,
  speculative_dials,
  plaintext_on_strict,
  forwarded_fields_removed,  ///< Requests whose word about their origin nobody vouches for.
  access_audited,            ///< Let through in audit mode, though a rule would have refused.
  tokens_minted,
  log_lines_dropped,
  explain_records,
  http2_offence_protocol,
  http2_offence_resets,
  http2_offence_made_resets,
  http2_offence_continuations,
  http2_offence_idle_frames,
  http2_offence_acknowledgements,
  http2_slow_heads,
  http2_windows_narrowed,
  multiplexed_inbound,  ///< Connections of HTTP/1.1 that streams carry.
  multiplexed_outbound,
  background_accepted,
  background_delivered,
  background_tries,
  background_dropped_full,
  background_dropped_refused,
  background_dropped_tries,
  background_dropped_late,
  background_dropped_shutdown,
  fallback_last_good,
  fallback_backend,
  fallback_static,
  spans_made,
  spans_dropped_ring,
  joins_certain,
  joins_guess,
  redirects,
  preflights_allowed,
  preflights_refused,
  faults_delayed,
  faults_aborted,
  mirror_same,
  mirror_status_differs,
  mirror_body_differs,
  mirror_not_compared,
  mirror_failed,
  mirror_full,
  mirror_too_large,
  flight_shared,
  flight_took_over,
  flight_failed,
  flight_refused,
  flight_too_large,
  flight_late,
  flight_full,
  flight_left,
  hedges,  ///< Second attempts beside a first one that takes long.
  hedges_won,
  hedges_over_budget,
  zone_picks_own,  ///< Attempts with balance.locality, by zone.
  zone_picks_other,
  count_,
};

enum class Gauge : std::uint8_t {
  connections_inbound,
  connections_outbound,
  upgrades_inbound,
  upgrades_outbound,
  upstream_idle,
  upstream_active,
  exchanges_active,
  multiplexed_inbound,
  multiplexed_outbound,
  background_waiting,
  count_,
};

/// How a connection that entered the pod is protected.
enum class Protection : std::uint8_t { mesh, none, app_tls };

/// A worker's shard: counted without locks by its own thread, merged by the control thread at a
/// scrape. One per worker, and one for the control thread.
class Telemetry {
 public:
  virtual ~Telemetry() = default;
  virtual void count(Counter counter, std::uint64_t by = 1) = 0;
  virtual void adjust(Gauge gauge, std::int64_t by) = 0;
  /// A connection to a declared port, once when it is served and once when that is over: what tells
  /// when a port can be strict.
  virtual void inbound_opened(std::uint16_t port, Protection protection) = 0;
  virtual void inbound_closed(std::uint16_t port, Protection protection) = 0;
  /// Metrics, access log line, and explain if it failed or was slow. Once per exchange.
  virtual void report(const ExchangeRecord& record, WallTime wall_now) = 0;
  virtual void report(const ConnectionRecord& record, WallTime wall_now) = 0;
  virtual void report(const DnsRecord& record, TimePoint now, WallTime wall_now) = 0;
  /// A span, for whoever collects them.
  virtual void report(const SpanDetails& details, const ExchangeRecord& record,
                      WallTime wall_now) = 0;
  /// A log line.
  virtual void report(const HealthRecord& record, WallTime wall_now) = 0;
};

}  // namespace epaulet::telemetry
