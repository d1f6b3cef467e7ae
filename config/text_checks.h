#pragma once

#include <optional>
#include <string_view>

#include "config/scalar.h"

/// Rules of texts, each a pure function for Scalar::check: a complaint, or nothing if all is well.
namespace epaulet::config {

/// A DNS name (RFC 1123 section 2.1) in lower case; underscores are let through, since container
/// names have them. No trailing dot, no address.
[[nodiscard]] std::optional<Complaint> check_host_name(std::string_view text);

/// A DNS name, or `*.` and one: any name that ends so, at least one label longer. Also an address
/// as it stands in Host: IPv6 in brackets.
[[nodiscard]] std::optional<Complaint> check_host_pattern(std::string_view text);

/// A name of a rule, route, role or issuer: it is shown in logs, metrics and headers.
/// 1..63 of letters, digits and `._:-`, beginning with a letter or digit.
[[nodiscard]] std::optional<Complaint> check_label(std::string_view text);

/// A port's name as Kubernetes has them (RFC 6335 section 5.1): 1 to 15 lower-case letters, digits
/// and single hyphens, at least one letter, no hyphen at the ends.
[[nodiscard]] std::optional<Complaint> check_port_name(std::string_view text);

/// Segments after `/`: each is literal, `*` (any one segment) or, as the last, `**` (any rest,
/// also none). Literal segments are in normal form, since paths are compared in normal form:
/// no empty or dot segment, no encoded slash, no `\`, `;`, `?` or `#`, no control character and no
/// overlong UTF-8, encoded or not.
[[nodiscard]] std::optional<Complaint> check_path_pattern(std::string_view text);

/// A request target in origin form (RFC 9112 section 3.2.1).
[[nodiscard]] std::optional<Complaint> check_request_path(std::string_view text);

/// A token (RFC 9110 section 9.1) in upper case.
[[nodiscard]] std::optional<Complaint> check_method(std::string_view text);

/// A token (RFC 9110 section 5.1), no pseudo-header.
[[nodiscard]] std::optional<Complaint> check_media_type(std::string_view text);
[[nodiscard]] std::optional<Complaint> check_header_name(std::string_view text);

/// What is compared with a query: as the app reads it, not percent-encoded.
[[nodiscard]] std::optional<Complaint> check_query_name(std::string_view text);
[[nodiscard]] std::optional<Complaint> check_query_value(std::string_view text);
[[nodiscard]] std::optional<Complaint> check_query_pattern(std::string_view text);

/// A header name as servers read it that hand fields to apps as CGI variables: lower case, with a
/// hyphen for all that is neither letter nor digit.
[[nodiscard]] std::string as_cgi(std::string_view text);

/// The name of a field that a route may change: a header name that is none of framing, of one
/// connection, of the mesh or of its bookkeeping, in any spelling that servers take for it.
[[nodiscard]] std::optional<Complaint> check_edited_request_header(std::string_view text);
[[nodiscard]] std::optional<Complaint> check_edited_response_header(std::string_view text);

/// The same of one that is given a value, which stands in the open: no credential's.
[[nodiscard]] std::optional<Complaint> check_given_request_header(std::string_view text);

/// The name of a field that a probe may bring: none of framing and of one connection.
[[nodiscard]] std::optional<Complaint> check_probe_header(std::string_view text);

/// RFC 9110 section 5.5, in one line and without white space at its ends.
[[nodiscard]] std::optional<Complaint> check_field_value(std::string_view text);

/// http or https.
[[nodiscard]] std::optional<Complaint> check_http_scheme(std::string_view text);

/// A path that stands in the place of another: a literal one in normal form.
[[nodiscard]] std::optional<Complaint> check_new_path(std::string_view text);

/// The name of a field that carries a credential: a header name that no part of HTTP has taken.
[[nodiscard]] std::optional<Complaint> check_credential_header(std::string_view text);

/// A name of an environment variable (POSIX.1-2017 section 8.1), in either case.
[[nodiscard]] std::optional<Complaint> check_variable_name(std::string_view text);

/// A token (RFC 9110 section 5.6.2): a cookie's name, or a parameter's.
[[nodiscard]] std::optional<Complaint> check_cookie_token(std::string_view text);

/// One word of the claim `scope` (RFC 6749 section 3.3).
[[nodiscard]] std::optional<Complaint> check_permission(std::string_view text);

/// package.Service/Method, or package.Service/* for all of a service's.
[[nodiscard]] std::optional<Complaint> check_grpc_method(std::string_view text);

/// A token (RFC 6265 section 4.1.1), without a prefix that obliges to attributes we do not set.
[[nodiscard]] std::optional<Complaint> check_cookie_name(std::string_view text);

/// Of a page, as browsers write it (SCHEME://HOST[:PORT]); the host may be `*` or begin with `*.`.
/// Or `*` alone: any.
[[nodiscard]] std::optional<Complaint> check_cors_origin(std::string_view text);

/// check_method() or check_header_name(), or `*`: any.
[[nodiscard]] std::optional<Complaint> check_cors_method(std::string_view text);
[[nodiscard]] std::optional<Complaint> check_cors_header(std::string_view text);

/// A regular expression in RE2's syntax, within the limits of regex/regex.h.
[[nodiscard]] std::optional<Complaint> check_regex(std::string_view text);

/// https://HOST[:PORT] and nothing else.
[[nodiscard]] std::optional<Complaint> check_https_origin(std::string_view text);

/// http(s)://HOST[:PORT][/PATH][?QUERY], in ASCII, without user and fragment.
[[nodiscard]] std::optional<Complaint> check_fetch_url(std::string_view text);

/// One of kIdentityFields, in any case.
[[nodiscard]] std::optional<Complaint> check_identity_header(std::string_view text);

/// The authority of a SPIFFE ID: lower-case letters, digits and `.-_` (SPIFFE-ID section 2.1).
[[nodiscard]] std::optional<Complaint> check_trust_domain(std::string_view text);

/// spiffe://TRUST-DOMAIN/PATH (SPIFFE-ID section 2). In the path, a segment may end with `*` (any
/// rest of this segment), and the last segment may be `**` (any rest).
[[nodiscard]] std::optional<Complaint> check_spiffe_pattern(std::string_view text);

/// The same without any `*`: whoever is dialled proves one of the names listed, exactly.
[[nodiscard]] std::optional<Complaint> check_spiffe_id(std::string_view text);

/// The trust domain of a text that check_spiffe_pattern() accepts.
[[nodiscard]] std::string_view trust_domain_of(std::string_view spiffe_pattern);

}  // namespace epaulet::config
