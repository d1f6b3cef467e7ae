#include "telemetry/counters.h"

#include <array>
#include <utility>

namespace epaulet::telemetry {
namespace {

struct CounterRow {
  Counter counter;
  MetricRow row;
};
struct GaugeRow {
  Gauge gauge;
  MetricRow row;
};

// clang-format off
constexpr std::array<CounterRow, kCounters> kCounterRows{{
  {Counter::connections_accepted_inbound, {"epaulet_connections_total", "Connections accepted", "direction", "inbound"}},
  {Counter::connections_accepted_outbound, {"epaulet_connections_total", "Connections accepted", "direction", "outbound"}},
  {Counter::connections_refused_destination, {"epaulet_connections_refused_total", "Connections reset at accept, by reason: no usable original destination, or limits.downstream", "reason", "destination"}},
  {Counter::connections_refused_overload, {"epaulet_connections_refused_total", "Connections reset at accept, by reason: no usable original destination, or limits.downstream", "reason", "overload"}},
  {Counter::accept_failed_descriptors, {"epaulet_accept_failures_total", "Failed accepts, by what the process lacked", "reason", "descriptors"}},
  {Counter::accept_failed_memory, {"epaulet_accept_failures_total", "Failed accepts, by what the process lacked", "reason", "memory"}},
  {Counter::handshakes_inbound, {"epaulet_tls_handshakes_total", "Completed mesh TLS handshakes", "direction", "inbound", "resumed", "false"}},
  {Counter::handshakes_inbound_resumed, {"epaulet_tls_handshakes_total", "Completed mesh TLS handshakes", "direction", "inbound", "resumed", "true"}},
  {Counter::handshakes_outbound, {"epaulet_tls_handshakes_total", "Completed mesh TLS handshakes", "direction", "outbound", "resumed", "false"}},
  {Counter::handshakes_outbound_resumed, {"epaulet_tls_handshakes_total", "Completed mesh TLS handshakes", "direction", "outbound", "resumed", "true"}},
  {Counter::handshakes_failed_expired, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "expired"}},
  {Counter::handshakes_failed_unknown_authority, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "unknown_authority"}},
  {Counter::handshakes_failed_untrusted, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "untrusted"}},
  {Counter::handshakes_failed_wrong_identity, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "wrong_identity"}},
  {Counter::handshakes_failed_no_certificate, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "no_certificate"}},
  {Counter::handshakes_failed_no_identity, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "no_identity"}},
  {Counter::handshakes_failed_refused_by_peer, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "refused_by_peer"}},
  {Counter::handshakes_failed_protocol_version, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "protocol_version"}},
  {Counter::handshakes_failed_protocol, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "protocol"}},
  {Counter::handshakes_failed_closed, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "closed"}},
  {Counter::handshakes_failed_timeout, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "timeout"}},
  {Counter::handshakes_failed_not_configured, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "not_configured"}},
  {Counter::handshakes_failed_other, {"epaulet_tls_handshakes_failed_total", "Mesh TLS handshakes that failed, either side's, by why; the log and explain have each with what was presented and what expected", "reason", "other"}},
  {Counter::upstream_dials, {"epaulet_upstream_dials_total", "Connections to upstreams begun", "", ""}},
  {Counter::upstream_dials_failed, {"epaulet_upstream_dials_failed_total", "Connections to upstreams that could not be made", "", ""}},
  {Counter::upstream_reused, {"epaulet_upstream_reused_total", "Exchanges served on a pooled upstream connection", "", ""}},
  {Counter::reuse_race_saved, {"epaulet_upstream_reuse_races_saved_total", "Idempotent requests sent again after the upstream closed a pooled connection under them", "", ""}},
  {Counter::reuse_stale_dropped, {"epaulet_upstream_stale_dropped_total", "Pooled upstream connections found closed before use", "", ""}},
  {Counter::retries, {"epaulet_retries_total", "Attempts after the first", "", ""}},
  {Counter::retries_over_budget, {"epaulet_retries_over_budget_total", "Retries not made because retries.budget was spent", "", ""}},
  {Counter::egress_connections, {"epaulet_egress_connections_total", "Connections to destinations outside the mesh", "", ""}},
  {Counter::app_tls_inbound, {"epaulet_app_tls_connections_total", "TLS of the apps themselves that passes as it is, where it is looked for; inside the mesh's it is counted where it begins", "direction", "inbound"}},
  {Counter::app_tls_outbound, {"epaulet_app_tls_connections_total", "TLS of the apps themselves that passes as it is, where it is looked for; inside the mesh's it is counted where it begins", "direction", "outbound"}},
  {Counter::speculative_dials, {"epaulet_speculative_dials_total", "Upstream dials for callers that said nothing at first", "", ""}},
  {Counter::plaintext_on_strict, {"epaulet_plaintext_on_strict_total", "Plaintext connections refused on strict ports", "", ""}},
  {Counter::forwarded_fields_removed, {"epaulet_forwarded_fields_removed_total", "Requests whose Forwarded, X-Forwarded-* or X-Real-IP were removed, since the caller is none of ingress.trusted", "", ""}},
  {Counter::access_audited, {"epaulet_access_audit_total", "Requests and connections let through because a rule, or all of access, is in audit mode; enforced, they would have been refused", "", ""}},
  {Counter::tokens_minted, {"epaulet_tokens_minted_total", "Tokens signed for apps that have none, by services.NAME.credentials", "", ""}},
  {Counter::log_lines_dropped, {"epaulet_log_lines_dropped_total", "Log lines not written, by reason: the ring was full, or standard output failed", "reason", "ring_full"}},
  {Counter::explain_records, {"epaulet_explain_records_total", "Failed or slow exchanges, connections and DNS queries kept for explain", "", ""}},
  {Counter::http2_offence_protocol, {"epaulet_http2_offences_total", "HTTP/2 connections ended for what their peer did: a rule broken, resets, mistakes that make us reset, too many CONTINUATIONs, frames that move nothing, answers not read, a head that does not come", "reason", "protocol"}},
  {Counter::http2_offence_resets, {"epaulet_http2_offences_total", "HTTP/2 connections ended for what their peer did: a rule broken, resets, mistakes that make us reset, too many CONTINUATIONs, frames that move nothing, answers not read, a head that does not come", "reason", "resets"}},
  {Counter::http2_offence_made_resets, {"epaulet_http2_offences_total", "HTTP/2 connections ended for what their peer did: a rule broken, resets, mistakes that make us reset, too many CONTINUATIONs, frames that move nothing, answers not read, a head that does not come", "reason", "made_resets"}},
  {Counter::http2_offence_continuations, {"epaulet_http2_offences_total", "HTTP/2 connections ended for what their peer did: a rule broken, resets, mistakes that make us reset, too many CONTINUATIONs, frames that move nothing, answers not read, a head that does not come", "reason", "continuations"}},
  {Counter::http2_offence_idle_frames, {"epaulet_http2_offences_total", "HTTP/2 connections ended for what their peer did: a rule broken, resets, mistakes that make us reset, too many CONTINUATIONs, frames that move nothing, answers not read, a head that does not come", "reason", "idle_frames"}},
  {Counter::http2_offence_acknowledgements, {"epaulet_http2_offences_total", "HTTP/2 connections ended for what their peer did: a rule broken, resets, mistakes that make us reset, too many CONTINUATIONs, frames that move nothing, answers not read, a head that does not come", "reason", "acknowledgements"}},
  {Counter::http2_slow_heads, {"epaulet_http2_offences_total", "HTTP/2 connections ended for what their peer did: a rule broken, resets, mistakes that make us reset, too many CONTINUATIONs, frames that move nothing, answers not read, a head that does not come", "reason", "slow_head"}},
  {Counter::http2_windows_narrowed, {"epaulet_http2_windows_narrowed_total", "HTTP/2 connections whose streams got small windows, since too much of what had come was not read", "", ""}},
  {Counter::multiplexed_inbound, {"epaulet_multiplexed_connections_total", "Connections of HTTP/1.1 that were streams of shared mesh connections", "direction", "inbound"}},
  {Counter::multiplexed_outbound, {"epaulet_multiplexed_connections_total", "Connections of HTTP/1.1 that were streams of shared mesh connections", "direction", "outbound"}},
  {Counter::background_accepted, {"epaulet_background_accepted_total", "Requests accepted for delivery in the background", "", ""}},
  {Counter::background_delivered, {"epaulet_background_delivered_total", "Requests delivered in the background", "", ""}},
  {Counter::background_tries, {"epaulet_background_tries_total", "Tries to deliver a request in the background", "", ""}},
  {Counter::background_dropped_full, {"epaulet_background_dropped_total", "Requests of routes with background that were not delivered, by why: never accepted (full: no room for them), or accepted and given up, since they were refused (4xx), background.tries or give_up_after was reached, or the process ended", "reason", "full"}},
  {Counter::background_dropped_refused, {"epaulet_background_dropped_total", "Requests of routes with background that were not delivered, by why: never accepted (full: no room for them), or accepted and given up, since they were refused (4xx), background.tries or give_up_after was reached, or the process ended", "reason", "refused"}},
  {Counter::background_dropped_tries, {"epaulet_background_dropped_total", "Requests of routes with background that were not delivered, by why: never accepted (full: no room for them), or accepted and given up, since they were refused (4xx), background.tries or give_up_after was reached, or the process ended", "reason", "tries"}},
  {Counter::background_dropped_late, {"epaulet_background_dropped_total", "Requests of routes with background that were not delivered, by why: never accepted (full: no room for them), or accepted and given up, since they were refused (4xx), background.tries or give_up_after was reached, or the process ended", "reason", "late"}},
  {Counter::background_dropped_shutdown, {"epaulet_background_dropped_total", "Requests of routes with background that were not delivered, by why: never accepted (full: no room for them), or accepted and given up, since they were refused (4xx), background.tries or give_up_after was reached, or the process ended", "reason", "shutdown"}},
  {Counter::fallback_last_good, {"epaulet_fallbacks_total", "Answers of a route's fallback instead of a failure, by which: the last good response, another backend, a fixed answer", "to", "last_good"}},
  {Counter::fallback_backend, {"epaulet_fallbacks_total", "Answers of a route's fallback instead of a failure, by which: the last good response, another backend, a fixed answer", "to", "backend"}},
  {Counter::fallback_static, {"epaulet_fallbacks_total", "Answers of a route's fallback instead of a failure, by which: the last good response, another backend, a fixed answer", "to", "static"}},
  {Counter::spans_made, {"epaulet_spans_total", "Spans of sampled traces that were made here", "", ""}},
  {Counter::spans_dropped_ring, {"epaulet_spans_dropped_total", "Spans that reached no collector, by why: the worker's ring or the queue was full, the collector refused them or could not be reached for too long, or the process ended", "reason", "ring_full"}},
  {Counter::joins_certain, {"epaulet_trace_joins_total", "Calls of the app without a trace of their own that were joined to what it was asked, by how", "how", "certain"}},
  {Counter::joins_guess, {"epaulet_trace_joins_total", "Calls of the app without a trace of their own that were joined to what it was asked, by how", "how", "guess"}},
  {Counter::redirects, {"epaulet_redirects_total", "Requests that a route's request_redirect answered", "", ""}},
  {Counter::preflights_allowed, {"epaulet_preflights_total", "CORS preflights that a route's cors answered, by whether it allows the origin", "result", "allowed"}},
  {Counter::preflights_refused, {"epaulet_preflights_total", "CORS preflights that a route's cors answered, by whether it allows the origin", "result", "refused"}},
  {Counter::faults_delayed, {"epaulet_faults_injected_total", "Requests that a route's fault delayed or answered in the backend's place", "kind", "delay"}},
  {Counter::faults_aborted, {"epaulet_faults_injected_total", "Requests that a route's fault delayed or answered in the backend's place", "kind", "abort"}},
  {Counter::mirror_same, {"epaulet_mirrored_requests_total", "Requests to be copied by a route's request_mirror, by what came of it: both answers the same, another status, another body, the original's answer not whole; the copy failed, was not sent since too many are under way, or since its body is more than is kept", "result", "same"}},
  {Counter::mirror_status_differs, {"epaulet_mirrored_requests_total", "Requests to be copied by a route's request_mirror, by what came of it: both answers the same, another status, another body, the original's answer not whole; the copy failed, was not sent since too many are under way, or since its body is more than is kept", "result", "status_differs"}},
  {Counter::mirror_body_differs, {"epaulet_mirrored_requests_total", "Requests to be copied by a route's request_mirror, by what came of it: both answers the same, another status, another body, the original's answer not whole; the copy failed, was not sent since too many are under way, or since its body is more than is kept", "result", "body_differs"}},
  {Counter::mirror_not_compared, {"epaulet_mirrored_requests_total", "Requests to be copied by a route's request_mirror, by what came of it: both answers the same, another status, another body, the original's answer not whole; the copy failed, was not sent since too many are under way, or since its body is more than is kept", "result", "not_compared"}},
  {Counter::mirror_failed, {"epaulet_mirrored_requests_total", "Requests to be copied by a route's request_mirror, by what came of it: both answers the same, another status, another body, the original's answer not whole; the copy failed, was not sent since too many are under way, or since its body is more than is kept", "result", "failed"}},
  {Counter::mirror_full, {"epaulet_mirrored_requests_total", "Requests to be copied by a route's request_mirror, by what came of it: both answers the same, another status, another body, the original's answer not whole; the copy failed, was not sent since too many are under way, or since its body is more than is kept", "result", "full"}},
  {Counter::mirror_too_large, {"epaulet_mirrored_requests_total", "Requests to be copied by a route's request_mirror, by what came of it: both answers the same, another status, another body, the original's answer not whole; the copy failed, was not sent since too many are under way, or since its body is more than is kept", "result", "too_large"}},
  {Counter::flight_shared, {"epaulet_single_flight_followers_total", "Requests that found the same being asked already (a route's single_flight), by what came of it: they got its answer; took the place of who asked and left; went alone since no answer came, since it is not to be shared or too large, since it took too long, or since too many wait; or left themselves", "result", "shared"}},
  {Counter::flight_took_over, {"epaulet_single_flight_followers_total", "Requests that found the same being asked already (a route's single_flight), by what came of it: they got its answer; took the place of who asked and left; went alone since no answer came, since it is not to be shared or too large, since it took too long, or since too many wait; or left themselves", "result", "took_over"}},
  {Counter::flight_failed, {"epaulet_single_flight_followers_total", "Requests that found the same being asked already (a route's single_flight), by what came of it: they got its answer; took the place of who asked and left; went alone since no answer came, since it is not to be shared or too large, since it took too long, or since too many wait; or left themselves", "result", "failed"}},
  {Counter::flight_refused, {"epaulet_single_flight_followers_total", "Requests that found the same being asked already (a route's single_flight), by what came of it: they got its answer; took the place of who asked and left; went alone since no answer came, since it is not to be shared or too large, since it took too long, or since too many wait; or left themselves", "result", "refused"}},
  {Counter::flight_too_large, {"epaulet_single_flight_followers_total", "Requests that found the same being asked already (a route's single_flight), by what came of it: they got its answer; took the place of who asked and left; went alone since no answer came, since it is not to be shared or too large, since it took too long, or since too many wait; or left themselves", "result", "too_large"}},
  {Counter::flight_late, {"epaulet_single_flight_followers_total", "Requests that found the same being asked already (a route's single_flight), by what came of it: they got its answer; took the place of who asked and left; went alone since no answer came, since it is not to be shared or too large, since it took too long, or since too many wait; or left themselves", "result", "late"}},
  {Counter::flight_full, {"epaulet_single_flight_followers_total", "Requests that found the same being asked already (a route's single_flight), by what came of it: they got its answer; took the place of who asked and left; went alone since no answer came, since it is not to be shared or too large, since it took too long, or since too many wait; or left themselves", "result", "full"}},
  {Counter::flight_left, {"epaulet_single_flight_followers_total", "Requests that found the same being asked already (a route's single_flight), by what came of it: they got its answer; took the place of who asked and left; went alone since no answer came, since it is not to be shared or too large, since it took too long, or since too many wait; or left themselves", "result", "left"}},
  {Counter::hedges, {"epaulet_hedges_total", "Second attempts of retries.hedge, begun since the first took longer than most", "", ""}},
  {Counter::hedges_won, {"epaulet_hedges_won_total", "Second attempts of retries.hedge whose answer came first", "", ""}},
  {Counter::hedges_over_budget, {"epaulet_hedges_over_budget_total", "Second attempts of retries.hedge not made because retries.budget was spent", "", ""}},
  {Counter::zone_picks_own, {"epaulet_zone_picks_total", "Attempts of backends with balance.locality or topology hints, by the zone of the endpoint: that of this workload, or another because too few endpoints of it are well, or because one of it has just failed", "zone", "own"}},
  {Counter::zone_picks_other, {"epaulet_zone_picks_total", "Attempts of backends with balance.locality or topology hints, by the zone of the endpoint: that of this workload, or another because too few endpoints of it are well, or because one of it has just failed", "zone", "other"}},
}};
constexpr std::array<GaugeRow, kGauges> kGaugeRows{{
  {Gauge::connections_inbound, {"epaulet_connections_active", "Connections served now", "direction", "inbound"}},
  {Gauge::connections_outbound, {"epaulet_connections_active", "Connections served now", "direction", "outbound"}},
  {Gauge::upgrades_inbound, {"epaulet_upgraded_connections_active", "Connections served now that speak what an upgrade has agreed on, such as WebSocket", "direction", "inbound"}},
  {Gauge::upgrades_outbound, {"epaulet_upgraded_connections_active", "Connections served now that speak what an upgrade has agreed on, such as WebSocket", "direction", "outbound"}},
  {Gauge::upstream_idle, {"epaulet_upstream_connections", "Upstream connections now, by state", "state", "idle"}},
  {Gauge::upstream_active, {"epaulet_upstream_connections", "Upstream connections now, by state", "state", "active"}},
  {Gauge::exchanges_active, {"epaulet_requests_active", "Exchanges in progress now", "", ""}},
  {Gauge::multiplexed_inbound, {"epaulet_multiplexed_connections_active", "Connections of HTTP/1.1 that are streams of shared mesh connections now", "direction", "inbound"}},
  {Gauge::multiplexed_outbound, {"epaulet_multiplexed_connections_active", "Connections of HTTP/1.1 that are streams of shared mesh connections now", "direction", "outbound"}},
  {Gauge::background_waiting, {"epaulet_background_waiting", "Requests that wait for their delivery in the background", "", ""}},
}};
// clang-format on

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kCounters; ++i) {
    if (kCounterRows[i].counter != static_cast<Counter>(i)) return false;
  }
  for (std::size_t i = 0; i < kGauges; ++i) {
    if (kGaugeRows[i].gauge != static_cast<Gauge>(i)) return false;
  }
  return true;
}
static_assert(rows_are_in_order(), "one row for each, in the order of the enums");

}  // namespace

const MetricRow& row_of(Counter counter) {
  return kCounterRows[static_cast<std::size_t>(counter)].row;
}

const MetricRow& row_of(Gauge gauge) {
  return kGaugeRows[static_cast<std::size_t>(gauge)].row;
}

}  // namespace epaulet::telemetry
