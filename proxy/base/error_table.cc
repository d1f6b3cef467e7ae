#include "base/error_table.h"

#include <array>

namespace epaulet {
namespace {

using C = ErrorCode;

// clang-format off
constexpr std::array<ErrorDescription, static_cast<std::size_t>(C::count_)> kTable{{
  {C::none, "none", 200, 0, "", "-", "nothing failed", ""},
  {C::original_destination_missing, "original_destination_missing", 0, 14, "destination_not_found", "NR", "the connection came without an original destination: it was dialled directly, not redirected", "dial the service, not the sidecar's own port; `epaulet redirect verify` checks the rules"},
  {C::destination_is_ourselves, "destination_is_ourselves", 0, 14, "proxy_loop_detected", "NR", "the destination is one of the sidecar's own listeners", "dial the service, not the sidecar's own port"},
  {C::destination_not_here, "destination_not_here", 0, 14, "destination_ip_prohibited", "NR", "the destination is no address of this pod: somebody sent the connection through the pod as if it were a router", "dial the destination itself, and look who routes through this pod"},
  {C::connections_exhausted, "connections_exhausted", 0, 8, "connection_limit_reached", "UO", "an admin, metrics or health port has as many connections as it may", "find the caller that opens so many and says nothing"},
  {C::descriptors_exhausted, "descriptors_exhausted", 0, 8, "connection_limit_reached", "UO", "the process has no file descriptor left", "raise the descriptor limit of the container"},
  {C::memory_exhausted, "memory_exhausted", 0, 8, "connection_limit_reached", "UO", "the kernel has no buffer space left", "raise the memory limit of the container"},
  {C::tls_handshake_failed, "tls_handshake_failed", 502, 14, "tls_protocol_error", "UF", "the TLS handshake failed", "look at the peer's log under the same time: it names what it refused"},
  {C::tls_peer_untrusted, "tls_peer_untrusted", 502, 14, "tls_certificate_error", "UF", "the peer's certificate does not chain to our trust bundle", "issue both certificates from one CA, or add its root to ca.pem on both sides"},
  {C::tls_peer_expired, "tls_peer_expired", 502, 14, "tls_certificate_error", "UF", "the peer's certificate is outside its validity period", "renew the certificate and compare both clocks"},
  {C::tls_identity_unexpected, "tls_identity_unexpected", 502, 14, "tls_certificate_error", "UF", "the peer proved another identity than the one expected", "correct `tls.identities` of the backend, or the peer's certificate"},
  {C::tls_identity_missing, "tls_identity_missing", 502, 14, "tls_certificate_error", "UF", "the peer presented no certificate with exactly one SPIFFE identity", "issue it with `epaulet-certs issue --identity spiffe://...`"},
  {C::tls_alpn_unknown, "tls_alpn_unknown", 502, 14, "tls_protocol_error", "UF", "the peer speaks a mesh protocol version that we do not know", "upgrade the older of the two sidecars"},
  {C::tls_timeout, "tls_timeout", 504, 14, "connection_timeout", "UF", "the TLS handshake did not finish within `timeouts.connect`", "look whether the peer is overloaded or unreachable"},
  {C::tls_truncated, "tls_truncated", 502, 14, "connection_terminated", "UC", "the TLS stream ended without close_notify", "the peer or something between cut the connection"},
  {C::tls_not_configured, "tls_not_configured", 503, 14, "proxy_configuration_error", "UF", "this sidecar has no usable certificate", "put cert.pem, key.pem and ca.pem into identity.dir; /certs says what is wrong"},
  {C::tls_protocol_error, "tls_protocol_error", 502, 14, "tls_protocol_error", "UF", "the peer broke the TLS protocol", "look at the peer's log"},
  {C::plaintext_on_strict_port, "plaintext_on_strict_port", 403, 7, "http_request_denied", "UAEX", "plaintext reached a port that accepts only mesh mTLS", "call through a sidecar, or set the port's `tls: permissive`"},
  {C::foreign_tls_on_strict_port, "foreign_tls_on_strict_port", 0, 7, "http_request_denied", "UAEX", "TLS that is not mesh mTLS reached a strict port", "call through a sidecar, or set the port's `tls: permissive`"},
  {C::detect_timeout, "detect_timeout", 0, 4, "connection_timeout", "SI", "no protocol could be recognised within `timeouts.detect`", "declare the port's protocol"},
  {C::http2_protocol_error, "http2_protocol_error", 0, 13, "http_protocol_error", "DPE", "the caller broke the rules of HTTP/2, or one of the limits that hold abuse off", "correct the client; the record's diagnosis names the rule"},
  {C::protocol_unexpected, "protocol_unexpected", 0, 3, "http_protocol_error", "DPE", "the bytes are not the protocol that the port was declared to speak", "correct the port's protocol"},
  {C::head_malformed, "head_malformed", 400, 3, "http_request_error", "DPE", "the request head is not valid HTTP/1.1", "correct the client"},
  {C::head_too_large, "head_too_large", 431, 8, "http_request_error", "DPE", "the request head exceeds `limits.head`", "send fewer or shorter header fields"},
  {C::head_timeout, "head_timeout", 408, 4, "http_request_error", "DPE", "the request head did not arrive within `timeouts.head`", "look at the client or the network"},
  {C::framing_ambiguous, "framing_ambiguous", 400, 3, "http_request_error", "DPE", "the request's framing can be read in two ways", "send exactly one of Content-Length and Transfer-Encoding: chunked"},
  {C::chunk_malformed, "chunk_malformed", 400, 3, "http_request_error", "DPE", "the chunked body is malformed", "correct the client"},
  {C::body_truncated, "body_truncated", 400, 3, "http_request_error", "DC", "the request body ended before its announced length", "look at the client"},
  {C::body_timeout, "body_timeout", 408, 4, "http_request_error", "DPE", "the caller did not send the rest of its request body within `timeouts.idle` or `timeouts.request`", "look at the client or the network, or raise the one that is named; an upload counts for `timeouts.request`"},
  {C::body_too_large, "body_too_large", 413, 8, "http_request_error", "DPE", "the request body exceeds its limit", "send less"},
  {C::version_unsupported, "version_unsupported", 505, 12, "http_request_error", "DPE", "the HTTP version is not supported", "speak HTTP/1.1"},
  {C::path_ambiguous, "path_ambiguous", 400, 3, "http_request_error", "DPE", "the path differs from its normal form, so path rules could be evaded", "send the normal form, or set the port's `paths: normalize`"},
  {C::upgrade_unsupported, "upgrade_unsupported", 501, 12, "http_request_error", "DPE", "the requested upgrade is not supported", "use another protocol"},
  {C::expectation_unsupported, "expectation_unsupported", 417, 12, "http_request_error", "DPE", "the Expect field asks for something else than 100-continue", "remove the Expect field"},
  {C::no_service, "no_service", 503, 14, "destination_not_found", "NR", "no service is configured for this destination", "add it under `services`"},
  {C::no_route, "no_route", 404, 12, "destination_not_found", "NR", "no route of the service matches the request", "add a route without conditions at the end of `routes`"},
  {C::egress_denied, "egress_denied", 0, 7, "destination_ip_prohibited", "UAEX", "the destination is outside the mesh and `egress: deny` is set", "add the destination under `services`, or set `egress: allow`"},
  {C::port_not_declared, "port_not_declared", 0, 7, "destination_ip_prohibited", "NR", "the port is not in `workload.ports`", "add the port under workload.ports"},
  {C::token_invalid, "token_invalid", 401, 16, "http_request_denied", "UAEX", "the token is not valid", "get a new token; explain names the check that failed"},
  {C::token_required, "token_required", 401, 16, "http_request_denied", "UAEX", "the rule requires a token and the request carries none", "send Authorization: Bearer with a token of a configured issuer"},
  {C::key_invalid, "key_invalid", 401, 16, "http_request_denied", "UAEX", "the API key is not valid", "send a key that `api_keys` has, once; explain names the check that failed"},
  {C::key_required, "key_required", 401, 16, "http_request_denied", "UAEX", "the rule requires an API key and the request carries none", "send a key of `api_keys` in the header that `api_keys.header` names"},
  {C::unauthenticated, "unauthenticated", 401, 16, "http_request_denied", "UAEX", "the caller proved no identity", "call through a sidecar with a mesh identity, or send a token"},
  {C::forbidden, "forbidden", 403, 7, "http_request_denied", "UAEX", "the caller holds none of the roles that the rule allows", "give the caller's identity or token one of the roles"},
  {C::limit_pending, "limit_pending", 503, 8, "connection_limit_reached", "UO", "all `limits.connections` are in use, and `limits.pending` callers wait already or this one, which is no request, has waited for `timeouts.connect`", "raise the limits or find out why connections stay busy"},
  {C::breaker_open, "breaker_open", 503, 14, "destination_unavailable", "UO", "the breaker is open", "look why the backend fails: /endpoints on the admin port has the breaker's ledger; it is tried again when the time is up"},
  {C::rate_limited, "rate_limited", 429, 8, "http_request_denied", "RL", "a rate limit is used up", "send less, wait as `Retry-After` says, or raise the limit"},
  {C::overloaded, "overloaded", 503, 8, "connection_limit_reached", "UO", "the app has as much to do as its `concurrency` limit lets it have, which follows from how fast it answers", "come again as `Retry-After` says; give the app more instances, or say by `concurrency.criticality` what may be refused first"},
  {C::background_full, "background_full", 503, 8, "connection_limit_reached", "UO", "as many requests wait for their delivery in the background as the route's `background` lets", "look why they are not delivered, or raise background.queue or background.bytes"},
  {C::answer_replaced, "answer_replaced", 502, 14, "destination_unavailable", "-", "the answer that came is one of those that the route's fallback is to replace, or was to be tried again when there was no room in the retry budget any more", "look why the backend answers so; what was to be tried again has in explain what stood against it"},
  {C::fault_injected, "fault_injected", 503, 14, "destination_unavailable", "FI", "the route's `fault.abort` answered: the fault was injected, and the backend was not asked", "it is the configuration's will; remove `fault` from the route to end it"},
  {C::never_had_endpoint, "never_had_endpoint", 503, 14, "destination_not_found", "NR", "the service is configured but has never had an endpoint", "deploy it; it is looked for again every second"},
  {C::no_endpoint, "no_endpoint", 503, 14, "destination_unavailable", "UH", "the service has lost all of its endpoints", "look whether it is still deployed"},
  {C::dns_failed, "dns_failed", 502, 14, "dns_error", "DF", "the upstream DNS server did not answer", "look at `dns.upstream` and the server's health"},
  {C::dns_name_unknown, "dns_name_unknown", 502, 14, "dns_error", "DF", "the name does not exist", "correct the name"},
  {C::dns_refused, "dns_refused", 502, 14, "dns_error", "DF", "the DNS query was malformed or is not supported", "correct the client"},
  {C::connect_refused, "connect_refused", 502, 14, "connection_refused", "UF", "the endpoint refused the connection", "look whether the process listens on that port"},
  {C::connect_unreachable, "connect_unreachable", 502, 14, "destination_ip_unroutable", "UF", "the endpoint's address cannot be reached", "look at the route and the endpoint's address"},
  {C::connect_failed, "connect_failed", 502, 14, "connection_refused", "UF", "the connection could not be made", "correct what the errno behind this names: EADDRNOTAVAIL is this pod out of local ports, EACCES or EPERM a packet filter or policy, all else the endpoint's address or the network"},
  {C::reset_before_response, "reset_before_response", 502, 14, "connection_terminated", "UC", "the upstream reset the connection before it answered", "if the request may be repeated, give it an Idempotency-Key, or set `retries.non_idempotent` of the route"},
  {C::closed_before_response, "closed_before_response", 502, 14, "connection_terminated", "UC", "the upstream closed the connection before it answered", "if the request may be repeated, give it an Idempotency-Key, or set `retries.non_idempotent` of the route"},
  {C::reset_in_response, "reset_in_response", 502, 14, "http_response_incomplete", "UC", "the upstream reset the connection in the middle of its response", "look at the upstream's log"},
  {C::response_malformed, "response_malformed", 502, 14, "http_protocol_error", "UPE", "the response head is not valid HTTP/1.1", "correct the upstream"},
  {C::response_truncated, "response_truncated", 502, 14, "http_response_incomplete", "UC", "the response body ended before its announced length", "look at the upstream's log"},
  {C::response_framing_ambiguous, "response_framing_ambiguous", 502, 14, "http_protocol_error", "UPE", "the response's framing can be read in two ways", "send exactly one of Content-Length and Transfer-Encoding: chunked"},
  {C::response_head_too_large, "response_head_too_large", 502, 8, "http_response_header_section_size", "UPE", "the response head exceeds `limits.head`", "send fewer or shorter header fields"},
  {C::downstream_reset, "downstream_reset", 499, 1, "connection_terminated", "DC", "the caller reset the connection", "look at the caller"},
  {C::downstream_aborted, "downstream_aborted", 499, 1, "connection_terminated", "DC", "the caller went away before the response was complete", "look at the caller's own timeout"},
  {C::upstream_reset, "upstream_reset", 502, 14, "connection_terminated", "UC", "the upstream reset the connection", "look at the upstream's log at this time: it was restarted, has a time-out of its own, or met what it takes for an error"},
  {C::connect_timeout, "connect_timeout", 504, 14, "connection_timeout", "UF", "the connection was not made within `timeouts.connect`", "look whether the endpoint is reachable, or raise timeouts.connect"},
  {C::attempt_timeout, "attempt_timeout", 504, 4, "http_response_timeout", "UT", "no response came within `timeouts.attempt`", "look why the upstream is slow, or raise timeouts.attempt"},
  {C::first_byte_timeout, "first_byte_timeout", 504, 4, "http_response_timeout", "UT", "no response came within `timeouts.first_byte` of the request's end", "look why the upstream is slow, or raise timeouts.first_byte"},
  {C::request_timeout, "request_timeout", 504, 4, "http_response_timeout", "UT", "no response began within `timeouts.request`", "look why the upstream is slow, or raise timeouts.request"},
  {C::deadline_exceeded, "deadline_exceeded", 504, 4, "http_response_timeout", "UT", "the time that the caller gave the request is over: its `grpc-timeout`, what its own sidecar had left of `timeouts.request`, or what `background.give_up_after` leaves a delivery", "look which hop was slow, or have the caller wait longer"},
  {C::idle_timeout, "idle_timeout", 504, 4, "connection_read_timeout", "SI", "nothing moved within `timeouts.idle`", "raise timeouts.idle"},
  {C::stream_idle_timeout, "stream_idle_timeout", 504, 4, "connection_read_timeout", "SI", "nothing moved within `timeouts.stream_idle` behind the response head", "raise timeouts.stream_idle"},
  {C::duration_exceeded, "duration_exceeded", 504, 4, "http_response_timeout", "UT", "it took longer than `timeouts.max_duration` in all", "look whether it should ever end, or raise timeouts.max_duration"},
  {C::drain_timeout, "drain_timeout", 503, 14, "connection_terminated", "SI", "the drain period ended before the exchange did", "raise drain.timeout"},
  {C::draining, "draining", 503, 14, "destination_unavailable", "SI", "the sidecar is draining", "dial another instance"},
  {C::cancelled, "cancelled", 499, 1, "connection_terminated", "DC", "the work was cancelled because its result was no longer wanted", "nothing is to be mended: the events before this say who wanted it no longer"},
  {C::end_of_stream, "end_of_stream", 502, 14, "connection_terminated", "UC", "the stream ended", "nothing is to be mended: the peer left before it said anything"},
  {C::io_failed, "io_failed", 502, 14, "connection_terminated", "UC", "a system call failed", "look at the network and at the kernel's log of this node for the errno behind this; if neither knows of it, report it to us"},
  {C::config_invalid, "config_invalid", 500, 13, "proxy_configuration_error", "-", "the configuration is not valid", "run `epaulet check FILE`"},
  {C::internal, "internal", 500, 13, "proxy_internal_error", "-", "an internal error", "please report it"},
}};
// clang-format on

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].code != static_cast<ErrorCode>(i)) return false;
  }
  return true;
}
static_assert(rows_are_in_order(),
              "the table holds one row for each code, in the order of the enum");

}  // namespace

const ErrorDescription& describe(ErrorCode code) {
  EPAULET_ASSERT(code < C::count_);
  return kTable[static_cast<std::size_t>(code)];
}

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::none:
      return "none";
    case Stage::accept:
      return "accept";
    case Stage::tls:
      return "tls";
    case Stage::detect:
      return "detect";
    case Stage::parse:
      return "parse";
    case Stage::route:
      return "route";
    case Stage::authenticate:
      return "authenticate";
    case Stage::authorize:
      return "authorize";
    case Stage::limit:
      return "limit";
    case Stage::resolve:
      return "resolve";
    case Stage::connect:
      return "connect";
    case Stage::send:
      return "send";
    case Stage::receive:
      return "receive";
    case Stage::relay:
      return "relay";
    case Stage::dns:
      return "dns";
    case Stage::config:
      return "config";
    case Stage::shutdown:
      return "shutdown";
  }
  return "none";
}

std::string_view name_of(Side side) {
  switch (side) {
    case Side::self:
      return "self";
    case Side::downstream:
      return "downstream";
    case Side::upstream:
      return "upstream";
  }
  return "self";
}

}  // namespace epaulet
