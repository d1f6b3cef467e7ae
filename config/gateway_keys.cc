#include "config/gateway_keys.h"

#include <charconv>

#include "config/binding.h"
#include "config/context.h"
#include "config/diagnostic.h"
#include "config/scalar_types.h"

/// The keys of Gateway API's route documents, as rows like those of our own file. What nobody reads
/// (status, labels) is ignored; all else that is not here is an unknown key.
namespace epaulet::config::gateway {
namespace {

constexpr std::size_t kRulesMax = 64;  // The API's own limits are 16, 64 and 16.
constexpr std::size_t kMatchesMax = 128;
constexpr std::size_t kItemsMax = 64;

constexpr Scalar optional_text(std::string_view noun, std::string_view example) {
  Scalar type = types::text(noun, example);
  type.may_be_empty = true;
  return type;
}

constexpr Key ignored(std::string_view name) {
  Key row{name, types::kBoolean, "", ""};
  row.ignored = true;
  return row;
}

constexpr Key nullable(Key row) {
  row.nullable = true;
  return row;
}

constexpr Scalar kAny = types::text("a text", "v2");
constexpr Scalar kGroup = optional_text("an API group", "\"\"");
constexpr Scalar kKind = types::text("a kind", "Service");
constexpr Scalar kName = types::text("a name", "api", check_host_name, types::kHostRegex);
/// As Kubernetes names namespaces and Services (RFC 1123), so that it may be part of a name of
/// ours.
std::optional<Complaint> check_object_label(std::string_view text) {
  if (auto complaint = check_host_name(text)) return complaint;
  if (text.find_first_of("._") == std::string_view::npos) return std::nullopt;
  return Complaint{in_quotes(text) + " is no name of a namespace or a Service",
                   "lower-case letters, digits and hyphens, for example shop",
                   {}};
}
constexpr Scalar kLabel = types::text("a name", "shop", check_object_label);

/// Of a route, which begins the names of routes of ours.
std::optional<Complaint> check_route_name(std::string_view text) {
  if (auto complaint = check_host_name(text)) return complaint;
  if (text.find('_') == std::string_view::npos) return std::nullopt;
  return Complaint{in_quotes(text) + " is no name of an object of Kubernetes",
                   "lower-case letters, digits, hyphens and dots",
                   {}};
}
constexpr Scalar kRouteName = types::text("a name", "orders", check_route_name);
constexpr Scalar kSection = types::text("a name", "http", check_host_name, types::kHostRegex);
constexpr Choice kValueMatchTypes[] = {
    {"Exact", static_cast<int>(MatchType::exact)},
    {"RegularExpression", static_cast<int>(MatchType::regular_expression)}};
constexpr Scalar kValueMatchType =
    types::choice("Exact or RegularExpression", "Exact", kValueMatchTypes);

// Matches.

constexpr Choice kPathMatchTypes[] = {
    {"Exact", static_cast<int>(MatchType::exact)},
    {"PathPrefix", static_cast<int>(MatchType::path_prefix)},
    {"RegularExpression", static_cast<int>(MatchType::regular_expression)}};
constexpr Scalar kPathMatchType =
    types::choice("Exact, PathPrefix or RegularExpression", "PathPrefix", kPathMatchTypes);
constexpr Scalar kPathValue = types::text("a path", "/orders");
constexpr Key kPathKeys[] = {
    key<&PathMatch::type>("type", kPathMatchType, "", ""),
    key<&PathMatch::value>("value", kPathValue, "", ""),
};
constexpr Object kPath{"gateway_path", "", kPathKeys, origin_of<PathMatch>};

constexpr Key kValueKeys[] = {
    key<&ValueMatch::type>("type", kValueMatchType, "", ""),
    required(key<&ValueMatch::name>("name", kAny, "", "")),
    required(key<&ValueMatch::value>("value", kAny, "", "")),
};
constexpr Object kValue{"gateway_value", "", kValueKeys, origin_of<ValueMatch>};
constexpr List kValues = list_of<ValueMatch>(kValue, 0, kItemsMax);

constexpr Scalar kMethod = types::text("a method", "GET", check_method);
constexpr Key kHttpMatchKeys[] = {
    key<&Match::path>("path", kPath, "", ""),
    key<&Match::headers>("headers", kValues, "", ""),
    key<&Match::query_params>("queryParams", kValues, "", ""),
    key<&Match::method>("method", kMethod, "", ""),
};
constexpr Object kHttpMatch{"gateway_match", "", kHttpMatchKeys, origin_of<Match>};
constexpr List kHttpMatches = list_of<Match>(kHttpMatch, 0, kMatchesMax);

constexpr Scalar kRpcName = optional_text("a name", "orders.Orders");
constexpr Key kRpcKeys[] = {
    key<&MethodMatch::type>("type", kValueMatchType, "", ""),
    key<&MethodMatch::service>("service", kRpcName, "", ""),
    key<&MethodMatch::method>("method", kRpcName, "", ""),
};
constexpr Object kRpc{"gateway_method", "", kRpcKeys, origin_of<MethodMatch>};
constexpr Key kGrpcMatchKeys[] = {
    key<&Match::rpc>("method", kRpc, "", ""),
    key<&Match::headers>("headers", kValues, "", ""),
};
constexpr Object kGrpcMatch{"gateway_grpc_match", "", kGrpcMatchKeys, origin_of<Match>};
constexpr List kGrpcMatches = list_of<Match>(kGrpcMatch, 0, kMatchesMax);

// Filters.

constexpr Scalar kFieldValue = optional_text("a header value", "blue");
constexpr Key kHeaderValueKeys[] = {
    required(key<&HeaderValue::name>("name", kAny, "", "")),
    required(key<&HeaderValue::value>("value", kFieldValue, "", "")),
};
constexpr Object kHeaderValue{"gateway_header", "", kHeaderValueKeys, origin_of<HeaderValue>};
constexpr List kHeaderValues = list_of<HeaderValue>(kHeaderValue, 0, kItemsMax);
constexpr List kHeaderNames = list_of<std::string>(kAny, 0, kItemsMax);
constexpr Key kModifierKeys[] = {
    key<&HeaderModifier::set>("set", kHeaderValues, "", ""),
    key<&HeaderModifier::add>("add", kHeaderValues, "", ""),
    key<&HeaderModifier::remove>("remove", kHeaderNames, "", ""),
};
constexpr Object kModifier{"gateway_modifier", "", kModifierKeys, origin_of<HeaderModifier>};

constexpr Scalar kNewPath = optional_text("a path", "/v2");
constexpr Scalar kModifierType =
    types::text("ReplaceFullPath or ReplacePrefixMatch", "ReplacePrefixMatch");
constexpr Key kPathModifierKeys[] = {
    required(key<&PathModifier::type>("type", kModifierType, "", "")),
    key<&PathModifier::replace_full_path>("replaceFullPath", kNewPath, "", ""),
    key<&PathModifier::replace_prefix_match>("replacePrefixMatch", kNewPath, "", ""),
};

void close_path_modifier(void* object, Context& context) {
  const auto& path = *static_cast<const PathModifier*>(object);
  const bool is_full = path.type == "ReplaceFullPath";
  if (!is_full && path.type != "ReplacePrefixMatch") {
    context.complain(
        "type", "expected ReplaceFullPath or ReplacePrefixMatch; found " + in_quotes(path.type));
    return;
  }
  if (is_full == path.replace_full_path.has_value() &&
      is_full != path.replace_prefix_match.has_value())
    return;
  context.complain("", "type " + path.type + " needs " +
                           (is_full ? "replaceFullPath" : "replacePrefixMatch") + " and no other");
}
constexpr Object kPathModifier{"gateway_path_modifier", "", kPathModifierKeys,
                               origin_of<PathModifier>, close_path_modifier};

constexpr Choice kRedirectCodes[] = {
    {"301", 301}, {"302", 302}, {"303", 303}, {"307", 307}, {"308", 308}};
constexpr Scalar kRedirectCode =
    types::choice("301, 302, 303, 307 or 308", "308", kRedirectCodes, true);
constexpr Scalar kScheme = types::text("http or https", "https", check_http_scheme);
constexpr Scalar kHost = types::text("a host name", "shop.example", check_host_name);
constexpr Key kRedirectKeys[] = {
    key<&Redirect::scheme>("scheme", kScheme, "", ""),
    key<&Redirect::hostname>("hostname", kHost, "", ""),
    key<&Redirect::path>("path", kPathModifier, "", ""),
    key<&Redirect::port>("port", types::kPort, "", ""),
    key<&Redirect::status_code>("statusCode", kRedirectCode, "", ""),
};
constexpr Object kRedirect{"gateway_redirect", "", kRedirectKeys, origin_of<Redirect>};
constexpr Key kRewriteKeys[] = {
    key<&Rewrite::hostname>("hostname", kHost, "", ""),
    key<&Rewrite::path>("path", kPathModifier, "", ""),
};
constexpr Object kRewrite{"gateway_rewrite", "", kRewriteKeys, origin_of<Rewrite>};

constexpr Key kServiceRefKeys[] = {
    key<&ServiceRef::group>("group", kGroup, "", ""),
    key<&ServiceRef::kind>("kind", kKind, "", ""),
    key<&ServiceRef::name_space>("namespace", kLabel, "", ""),
    required(key<&ServiceRef::name>("name", kLabel, "", "")),
    key<&ServiceRef::port>("port", types::kPort, "", ""),
};
constexpr Object kServiceRef{"gateway_service", "", kServiceRefKeys, origin_of<ServiceRef>};
constexpr Scalar kPercent = types::integer("a percentage", "10", 0, 100);
constexpr Scalar kNumerator = types::integer("a number", "1", 0, INT32_MAX);
constexpr Scalar kDenominator = types::integer("a number", "1000", 1, INT32_MAX);
constexpr Key kFractionKeys[] = {
    required(key<&Fraction::numerator>("numerator", kNumerator, "", "")),
    key<&Fraction::denominator>("denominator", kDenominator, "", ""),
};

void close_fraction(void* object, Context& context) {
  const auto& fraction = *static_cast<const Fraction*>(object);
  if (fraction.numerator <= fraction.denominator) return;
  context.complain("numerator", "more than all: numerator is above denominator");
}
constexpr Object kFraction{"gateway_fraction", "", kFractionKeys, origin_of<Fraction>,
                           close_fraction};
constexpr Key kMirrorKeys[] = {
    required(key<&Mirror::to>("backendRef", kServiceRef, "", "")),
    key<&Mirror::percent>("percent", kPercent, "", ""),
    key<&Mirror::fraction>("fraction", kFraction, "", ""),
};

void close_mirror(void* object, Context& context) {
  (void)object;
  if (!context.has("percent") || !context.has("fraction")) return;
  context.complain("fraction", "percent and fraction say the same", "remove one of them");
}
constexpr Object kMirror{"gateway_mirror", "", kMirrorKeys, origin_of<Mirror>, close_mirror};

constexpr List kTexts = list_of<std::string>(kAny, 0, kItemsMax);
constexpr Scalar kSeconds = types::integer("a number of seconds", "600", 1, INT32_MAX);
constexpr Key kCorsKeys[] = {
    key<&Cors::allow_origins>("allowOrigins", kTexts, "", ""),
    key<&Cors::allow_credentials>("allowCredentials", types::kBoolean, "", ""),
    key<&Cors::allow_methods>("allowMethods", kTexts, "", ""),
    key<&Cors::allow_headers>("allowHeaders", kTexts, "", ""),
    key<&Cors::expose_headers>("exposeHeaders", kTexts, "", ""),
    key<&Cors::max_age>("maxAge", kSeconds, "", ""),
};
constexpr Object kCors{"gateway_cors", "", kCorsKeys, origin_of<Cors>};

constexpr Scalar kFilterType = types::text("a filter's type", "RequestHeaderModifier");
constexpr Key kHttpFilterKeys[] = {
    required(key<&Filter::type>("type", kFilterType, "", "")),
    key<&Filter::request_headers>("requestHeaderModifier", kModifier, "", ""),
    key<&Filter::response_headers>("responseHeaderModifier", kModifier, "", ""),
    key<&Filter::redirect>("requestRedirect", kRedirect, "", ""),
    key<&Filter::rewrite>("urlRewrite", kRewrite, "", ""),
    key<&Filter::mirror>("requestMirror", kMirror, "", ""),
    key<&Filter::cors>("cors", kCors, "", ""),
    ignored("extensionRef"),  // Refused by `type`, where it matters.
    ignored("externalAuth"),
};
constexpr Object kHttpFilter{"gateway_filter", "", kHttpFilterKeys, origin_of<Filter>};
constexpr List kHttpFilters = list_of<Filter>(kHttpFilter, 0, kItemsMax);
constexpr Key kGrpcFilterKeys[] = {
    required(key<&Filter::type>("type", kFilterType, "", "")),
    key<&Filter::request_headers>("requestHeaderModifier", kModifier, "", ""),
    key<&Filter::response_headers>("responseHeaderModifier", kModifier, "", ""),
    key<&Filter::mirror>("requestMirror", kMirror, "", ""),
    ignored("extensionRef"),
};
constexpr Object kGrpcFilter{"gateway_grpc_filter", "", kGrpcFilterKeys, origin_of<Filter>};
constexpr List kGrpcFilters = list_of<Filter>(kGrpcFilter, 0, kItemsMax);

// Rules.

constexpr Scalar kWeight = types::integer("a weight", "90", 0, 1'000'000);
constexpr auto backend_keys(const List& filters) {
  return std::array{
      key<&BackendRef::to, &ServiceRef::group>("group", kGroup, "", ""),
      key<&BackendRef::to, &ServiceRef::kind>("kind", kKind, "", ""),
      key<&BackendRef::to, &ServiceRef::name_space>("namespace", kLabel, "", ""),
      required(key<&BackendRef::to, &ServiceRef::name>("name", kLabel, "", "")),
      key<&BackendRef::to, &ServiceRef::port>("port", types::kPort, "", ""),
      key<&BackendRef::weight>("weight", kWeight, "", ""),
      key<&BackendRef::filters>("filters", filters, "", ""),
  };
}
constexpr auto kHttpBackendKeys = backend_keys(kHttpFilters);
constexpr auto kGrpcBackendKeys = backend_keys(kGrpcFilters);

void close_backend(void* object, Context&) {
  auto& backend = *static_cast<BackendRef*>(object);
  backend.to.origin = backend.origin;
}
constexpr Object kHttpBackend{"gateway_backend", "", kHttpBackendKeys, origin_of<BackendRef>,
                              close_backend};
constexpr List kHttpBackends = list_of<BackendRef>(kHttpBackend, 0, kItemsMax);
constexpr Object kGrpcBackend{"gateway_grpc_backend", "", kGrpcBackendKeys, origin_of<BackendRef>,
                              close_backend};
constexpr List kGrpcBackends = list_of<BackendRef>(kGrpcBackend, 0, kItemsMax);

std::optional<Complaint> check_duration(std::string_view text) {
  const auto read = read_duration(text);
  if (!read)
    return Complaint{in_quotes(text) + " is not a duration of Gateway API",
                     "up to four whole numbers with h, m, s or ms, for example 1m30s",
                     {}};
  if (*read > std::chrono::hours(24))
    return Complaint{std::string(text) + " is out of range: at most 24h", {}, {}};
  return std::nullopt;
}
constexpr Scalar kDuration = types::text("a duration", "10s", check_duration);
constexpr Key kTimeoutsKeys[] = {
    key<&Timeouts::request>("request", kDuration, "", ""),
    key<&Timeouts::backend_request>("backendRequest", kDuration, "", ""),
};
constexpr Object kTimeouts{"gateway_timeouts", "", kTimeoutsKeys, origin_of<Timeouts>};
constexpr Scalar kCode = types::integer("a response status", "503", 400, 599);
constexpr List kCodes = list_of<std::uint16_t>(kCode, 0, 200);
constexpr Scalar kAttempts = types::integer("a number of retries", "3", 0, limits::kRetriesMax);
constexpr Key kRetryKeys[] = {
    key<&Retry::codes>("codes", kCodes, "", ""),
    key<&Retry::attempts>("attempts", kAttempts, "", ""),
    key<&Retry::backoff>("backoff", kDuration, "", ""),
};
constexpr Object kRetry{"gateway_retry", "", kRetryKeys, origin_of<Retry>};

std::optional<Complaint> check_long_duration(std::string_view text) {
  return read_duration(text) ? std::nullopt : check_duration(text);
}
constexpr Scalar kLongDuration = types::text("a duration", "24h", check_long_duration);
constexpr Key kCookieConfigKeys[] = {
    key<&SessionPersistence::lifetime_type>("lifetimeType", kAny, "", ""),
};
constexpr Object kCookieConfig{"gateway_cookie", "", kCookieConfigKeys};
constexpr Key kSessionKeys[] = {
    key<&SessionPersistence::session_name>("sessionName", kAny, "", ""),
    key<&SessionPersistence::type>("type", kAny, "", ""),
    key<&SessionPersistence::absolute_timeout>("absoluteTimeout", kLongDuration, "", ""),
    key<&SessionPersistence::idle_timeout>("idleTimeout", kLongDuration, "", ""),
    group("cookieConfig", kCookieConfig, ""),
};
constexpr Object kSession{"gateway_session", "", kSessionKeys, origin_of<SessionPersistence>};

constexpr Key kHttpRuleKeys[] = {
    key<&Rule::name>("name", kRouteName, "", ""),
    key<&Rule::matches>("matches", kHttpMatches, "", ""),
    key<&Rule::filters>("filters", kHttpFilters, "", ""),
    key<&Rule::backends>("backendRefs", kHttpBackends, "", ""),
    key<&Rule::timeouts>("timeouts", kTimeouts, "", ""),
    key<&Rule::retry>("retry", kRetry, "", ""),
    key<&Rule::session>("sessionPersistence", kSession, "", ""),
};
constexpr Object kHttpRule{"gateway_rule", "", kHttpRuleKeys, origin_of<Rule>};
constexpr List kHttpRules = list_of<Rule>(kHttpRule, 0, kRulesMax);
constexpr Key kGrpcRuleKeys[] = {
    key<&Rule::name>("name", kRouteName, "", ""),
    key<&Rule::matches>("matches", kGrpcMatches, "", ""),
    key<&Rule::filters>("filters", kGrpcFilters, "", ""),
    key<&Rule::backends>("backendRefs", kGrpcBackends, "", ""),
    key<&Rule::session>("sessionPersistence", kSession, "", ""),
};
constexpr Object kGrpcRule{"gateway_grpc_rule", "", kGrpcRuleKeys, origin_of<Rule>};
constexpr List kGrpcRules = list_of<Rule>(kGrpcRule, 0, kRulesMax);

// Documents.

constexpr Key kParentKeys[] = {
    key<&ParentRef::group>("group", kGroup, "", ""),
    key<&ParentRef::kind>("kind", kKind, "", ""),
    key<&ParentRef::name_space>("namespace", kLabel, "", ""),
    required(key<&ParentRef::name>("name", kName, "", "")),
    key<&ParentRef::section_name>("sectionName", kSection, "", ""),
    key<&ParentRef::port>("port", types::kPort, "", ""),
};
constexpr Object kParent{"gateway_parent", "", kParentKeys, origin_of<ParentRef>};
constexpr List kParents = list_of<ParentRef>(kParent, 0, kItemsMax);
constexpr List kHostnames = list_of<std::string>(kAny, 0, kItemsMax);

constexpr Key kHttpSpecKeys[] = {
    key<&Route::parents>("parentRefs", kParents, "", ""),
    key<&Route::hostnames>("hostnames", kHostnames, "", ""),
    key<&Route::rules>("rules", kHttpRules, "", ""),
    ignored("useDefaultGateways"),
};
constexpr Object kHttpSpec{"gateway_spec", "", kHttpSpecKeys};
constexpr Key kGrpcSpecKeys[] = {
    key<&Route::parents>("parentRefs", kParents, "", ""),
    key<&Route::hostnames>("hostnames", kHostnames, "", ""),
    key<&Route::rules>("rules", kGrpcRules, "", ""),
    ignored("useDefaultGateways"),
};
constexpr Object kGrpcSpec{"gateway_grpc_spec", "", kGrpcSpecKeys};

std::optional<Complaint> check_time(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  bool is_fine = text.size() == kForm.size();
  for (std::size_t i = 0; is_fine && i < kForm.size(); ++i) {
    is_fine = kForm[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == kForm[i];
  }
  if (is_fine) return std::nullopt;
  return Complaint{in_quotes(text) + " is not a time as Kubernetes writes it",
                   "for example 2026-01-31T12:00:00Z",
                   {}};
}
constexpr Scalar kTime = types::text("a time", "2026-01-31T12:00:00Z", check_time);
constexpr Key kMetadataKeys[] = {
    required(key<&Route::name>("name", kRouteName, "", "")),
    key<&Route::name_space>("namespace", kLabel, "", ""),
    nullable(key<&Route::created>("creationTimestamp", kTime, "", "")),
    ignored("annotations"),
    ignored("deletionGracePeriodSeconds"),
    ignored("deletionTimestamp"),
    ignored("finalizers"),
    ignored("generateName"),
    ignored("generation"),
    ignored("labels"),
    ignored("managedFields"),
    ignored("ownerReferences"),
    ignored("resourceVersion"),
    ignored("selfLink"),
    ignored("uid"),
};
constexpr Object kMetadata{"gateway_metadata", "", kMetadataKeys};

constexpr auto document_keys(const Object& spec) {
  return std::array{
      ignored("apiVersion"),  // Which said what the document is.
      ignored("kind"),
      required(group("metadata", kMetadata, "")),
      required(group("spec", spec, "")),
      ignored("status"),
  };
}
constexpr auto kHttpRouteKeys = document_keys(kHttpSpec);
constexpr auto kGrpcRouteKeys = document_keys(kGrpcSpec);
constexpr Object kHttpRoute{"HTTPRoute", "", kHttpRouteKeys, origin_of<Route>};
constexpr Object kGrpcRoute{"GRPCRoute", "", kGrpcRouteKeys, origin_of<Route>};

}  // namespace

const Object& keys_of(Kind kind) {
  return kind == Kind::http_route ? kHttpRoute : kGrpcRoute;
}

std::optional<Duration> read_duration(std::string_view text) {
  constexpr std::size_t kPartsMax = 4;
  constexpr std::size_t kDigitsMax = 5;
  Duration total{};
  std::size_t parts = 0;
  for (; !text.empty(); ++parts) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || digits > kDigitsMax || text.front() == '-') return std::nullopt;
    text.remove_prefix(digits);
    if (text.starts_with("ms")) {
      total += std::chrono::milliseconds(number);
      text.remove_prefix(2);
      continue;
    }
    switch (text.empty() ? '\0' : text.front()) {
      case 'h':
        total += std::chrono::hours(number);
        break;
      case 'm':
        total += std::chrono::minutes(number);
        break;
      case 's':
        total += std::chrono::seconds(number);
        break;
      default:
        return std::nullopt;
    }
    text.remove_prefix(1);
  }
  if (parts == 0 || parts > kPartsMax) return std::nullopt;
  return total;
}

}  // namespace epaulet::config::gateway
