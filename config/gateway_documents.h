#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"

/// HTTPRoute and GRPCRoute of the Gateway API (gateway.networking.k8s.io/v1), as they are written.
/// What a value may be is looked at by gateway_translate.h, and only of routes that concern a
/// Service: others are none of a sidecar's business.
namespace epaulet::config::gateway {

enum class Kind : std::uint8_t { http_route, grpc_route };
enum class MatchType : std::uint8_t { exact, path_prefix, regular_expression };

/// Of a backend, or of one that gets copies. Names without namespace are in the route's.
struct ServiceRef {
  Origin origin;
  std::string group;
  std::string kind = "Service";
  std::string name_space;
  std::string name;
  std::optional<std::uint16_t> port;
};

struct ParentRef {
  Origin origin;
  std::string group;
  std::string kind = "Gateway";
  std::string name_space;
  std::string name;
  std::string section_name;
  std::optional<std::uint16_t> port;
};

struct PathMatch {
  Origin origin;
  MatchType type = MatchType::path_prefix;
  std::string value = "/";
};

/// Of a header or a parameter of the query.
struct ValueMatch {
  Origin origin;
  MatchType type = MatchType::exact;
  std::string name;
  std::string value;
};

struct MethodMatch {
  Origin origin;
  MatchType type = MatchType::exact;
  std::string service;
  std::string method;
};

struct Match {
  Origin origin;
  PathMatch path;
  std::vector<ValueMatch> headers;
  std::vector<ValueMatch> query_params;
  std::string method;              ///< Of HTTP; "": any.
  std::optional<MethodMatch> rpc;  ///< `method` of a GRPCRoute.
};

struct HeaderValue {
  Origin origin;
  std::string name;
  std::string value;
};

struct HeaderModifier {
  Origin origin;
  std::vector<HeaderValue> set;
  std::vector<HeaderValue> add;
  std::vector<std::string> remove;
};

struct PathModifier {
  Origin origin;
  std::string type;
  std::optional<std::string> replace_full_path;
  std::optional<std::string> replace_prefix_match;
};

struct Redirect {
  Origin origin;
  std::string scheme;
  std::string hostname;
  std::optional<PathModifier> path;
  std::optional<std::uint16_t> port;
  std::uint16_t status_code = 302;
};

struct Rewrite {
  Origin origin;
  std::string hostname;
  std::optional<PathModifier> path;
};

struct Fraction {
  Origin origin;
  std::uint32_t numerator = 0;
  std::uint32_t denominator = 100;
};

struct Mirror {
  Origin origin;
  ServiceRef to;
  std::optional<std::uint32_t> percent;
  std::optional<Fraction> fraction;
};

/// GEP-1767.
struct Cors {
  Origin origin;
  std::vector<std::string> allow_origins;
  bool allow_credentials = false;
  std::vector<std::string> allow_methods;
  std::vector<std::string> allow_headers;
  std::vector<std::string> expose_headers;
  std::uint32_t max_age = 5;  ///< Seconds.
};

struct Filter {
  Origin origin;
  std::string type;
  std::optional<HeaderModifier> request_headers;
  std::optional<HeaderModifier> response_headers;
  std::optional<Redirect> redirect;
  std::optional<Rewrite> rewrite;
  std::optional<Mirror> mirror;
  std::optional<Cors> cors;
};

struct BackendRef {
  Origin origin;
  ServiceRef to;
  std::uint32_t weight = 1;
  std::vector<Filter> filters;
};

/// Durations as GEP-2257 writes them; "": not said.
struct Timeouts {
  Origin origin;
  std::string request;
  std::string backend_request;
};

struct Retry {
  Origin origin;
  std::vector<std::uint16_t> codes;
  std::optional<std::uint32_t> attempts;
  std::string backoff;
};

/// GEP-1619.
struct SessionPersistence {
  Origin origin;
  std::string session_name;
  std::string type = "Cookie";
  std::string absolute_timeout;
  std::string idle_timeout;
  std::string lifetime_type = "Session";  ///< Of the cookie.
};

struct Rule {
  Origin origin;
  std::string name;
  std::vector<Match> matches;
  std::vector<Filter> filters;
  std::vector<BackendRef> backends;
  std::optional<Timeouts> timeouts;
  std::optional<Retry> retry;
  std::optional<SessionPersistence> session;
};

struct Route {
  Kind kind = Kind::http_route;
  Origin origin;  ///< Of the document.
  std::string name;
  std::string name_space = "default";
  std::string created;  ///< RFC 3339 in UTC, so that texts compare as times do; "": not said.
  std::vector<ParentRef> parents;
  std::vector<std::string> hostnames;
  std::vector<Rule> rules;
};

}  // namespace epaulet::config::gateway
