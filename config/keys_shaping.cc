#include "config/keys_shaping.h"

#include <algorithm>

#include "base/ascii.h"
#include "config/context.h"
#include "config/diagnostic.h"
#include "config/keys.h"
#include "config/scalar_types.h"

/// What few routes ask for: a query to match, and what is done to requests and responses.
namespace epaulet::config {
namespace {

// Queries.

constexpr Scalar kQueryName = types::text("a parameter's name", "api-version", check_query_name);
constexpr Scalar kQueryValue = types::text("a parameter's value", "\"2.0\"", check_query_value);
constexpr Scalar kQueryPattern = types::text("a pattern", "\"2.*\"", check_query_pattern);
constexpr Key kQueryMatchKeys[] = {
    required(key<&QueryMatchSettings::name>("name", kQueryName, "",
                                            "The parameter, with its case. Of several of a name "
                                            "the first counts.")),
    key<&QueryMatchSettings::exact>("exact", kQueryValue, "",
                                    "Its value, with its case; as the app reads it, without "
                                    "percent-encoding. Without exact and pattern presence is "
                                    "enough."),
    key<&QueryMatchSettings::pattern>("pattern", kQueryPattern, "",
                                      "The same, where a * stands for any text, also for none."),
};

void close_query_match(void* object, Context& context) {
  (void)object;
  if (!context.has("exact") || !context.has("pattern")) return;
  context.complain("pattern", "a value is compared with exact or with pattern, not with both",
                   "remove one of them");
}
constexpr Object kQueryMatch{"query_match", "A parameter of the query that a request must have.",
                             kQueryMatchKeys, nullptr, close_query_match};

// Header fields.

constexpr Scalar kRequestField =
    types::text("a header name", "x-tenant", check_edited_request_header, types::kTokenRegex);
constexpr Scalar kGivenRequestField =
    types::text("a header name", "x-tenant", check_given_request_header, types::kTokenRegex);
constexpr Scalar kResponseField =
    types::text("a header name", "cache-control", check_edited_response_header, types::kTokenRegex);
constexpr Scalar kFieldValue = types::text("a header value", "blue", check_field_value);
constexpr Map kRequestFields =
    map_of<std::string, std::string>("HEADER", kGivenRequestField, kFieldValue);
constexpr Map kResponseFields =
    map_of<std::string, std::string>("HEADER", kResponseField, kFieldValue);
constexpr List kRequestNames = list_of<std::string>(kRequestField, 1, limits::kHeaderEditsMax);
constexpr List kResponseNames = list_of<std::string>(kResponseField, 1, limits::kHeaderEditsMax);

constexpr std::string_view kSetDoc = "Fields that stand there instead of any of their name.";
constexpr std::string_view kAddDoc = "Fields that are added beside those of their name.";
constexpr std::string_view kRemoveDoc = "Names of fields that are taken out.";
constexpr Key kRequestModifierKeys[] = {
    key<&HeaderModifierSettings::set>("set", kRequestFields, "", kSetDoc),
    key<&HeaderModifierSettings::add>("add", kRequestFields, "", kAddDoc),
    key<&HeaderModifierSettings::remove>("remove", kRequestNames, "", kRemoveDoc),
};
constexpr Key kResponseModifierKeys[] = {
    key<&HeaderModifierSettings::set>("set", kResponseFields, "", kSetDoc),
    key<&HeaderModifierSettings::add>("add", kResponseFields, "", kAddDoc),
    key<&HeaderModifierSettings::remove>("remove", kResponseNames, "", kRemoveDoc),
};

void check_twice(const HeaderModifierSettings& edits, Context& context) {
  std::vector<std::string> names;
  for (const auto& [name, value] : edits.set) names.push_back(lower(name));
  for (const auto& [name, value] : edits.add) names.push_back(lower(name));
  for (const auto& name : edits.remove) names.push_back(lower(name));
  if (names.size() > limits::kHeaderEditsMax) {
    context.complain("", "more than " + std::to_string(limits::kHeaderEditsMax) + " fields");
    return;
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return;
  context.complain("", "the header " + in_quotes(*twice) + " is named twice",
                   "set it, add it or remove it");
}

void close_modifier(void* object, Context& context) {
  const auto& edits = *static_cast<const HeaderModifierSettings*>(object);
  check_twice(edits, context);
  if (context.has("set") || context.has("add") || context.has("remove")) return;
  context.complain("", "no field is changed", "write set: { x-tenant: blue }, add or remove");
}

// Targets.

constexpr Scalar kPath = types::text("a path", "/v2", check_new_path, types::kPathRegex);
constexpr Scalar kNewHost =
    types::text("a host name", "legacy.internal", check_host_name, types::kHostRegex);
constexpr std::string_view kFullDoc = "The whole path, whatever it was; the query stays.";
constexpr std::string_view kPrefixDoc =
    "What stands there instead of the part before /** of the path that matched; the query stays.";

template <class Change>
void check_one_path(const Change& change, Context& context) {
  if (change.replace_full_path.empty() || change.replace_prefix_match.empty()) return;
  context.complain("replace_prefix_match", "the path is replaced as a whole or in part, not both",
                   "remove replace_full_path or replace_prefix_match");
}

constexpr Key kUrlRewriteKeys[] = {
    key<&UrlRewriteSettings::hostname>("hostname", kNewHost, "",
                                       "The host that the backend is asked for; absent: the one "
                                       "that the app asked for."),
    key<&UrlRewriteSettings::replace_full_path>("replace_full_path", kPath, "", kFullDoc),
    key<&UrlRewriteSettings::replace_prefix_match>("replace_prefix_match", kPath, "", kPrefixDoc),
};

void close_rewrite(void* object, Context& context) {
  check_one_path(*static_cast<const UrlRewriteSettings*>(object), context);
  if (context.has("hostname") || context.has("replace_full_path") ||
      context.has("replace_prefix_match"))
    return;
  context.complain("", "nothing is rewritten",
                   "write hostname, replace_full_path or replace_prefix_match");
}

constexpr Scalar kScheme = types::text("http or https", "https", check_http_scheme, "^https?$");
constexpr Choice kRedirectChoices[] = {
    {"301", 301}, {"302", 302}, {"303", 303}, {"307", 307}, {"308", 308}};
constexpr Scalar kRedirectStatus =
    types::choice("301, 302, 303, 307 or 308", "308", kRedirectChoices, true);
constexpr Key kRedirectKeys[] = {
    key<&RedirectSettings::scheme>("scheme", kScheme, "",
                                   "http or https; absent: http, at the port that was dialled."),
    key<&RedirectSettings::hostname>("hostname", kNewHost, "", "Absent: the request's host."),
    key<&RedirectSettings::port>("port", types::kPort, "",
                                 "Absent: the scheme's usual one, or without scheme the one that "
                                 "was dialled."),
    key<&RedirectSettings::replace_full_path>("replace_full_path", kPath, "", kFullDoc),
    key<&RedirectSettings::replace_prefix_match>("replace_prefix_match", kPath, "", kPrefixDoc),
    key<&RedirectSettings::status>("status", kRedirectStatus, "302",
                                   "301, 302, 303, 307 or 308; with 307 and 308 the method and "
                                   "body stay."),
};

void close_redirect(void* object, Context& context) {
  check_one_path(*static_cast<const RedirectSettings*>(object), context);
  for (const auto* name :
       {"scheme", "hostname", "port", "replace_full_path", "replace_prefix_match"})
    if (context.has(name)) return;
  context.complain("", "the redirect leads back to where it came from",
                   "write scheme, hostname, port, replace_full_path or replace_prefix_match");
}

// Faults.

using std::chrono::milliseconds;
constexpr Scalar kDelay = types::duration("100ms", milliseconds(1), std::chrono::hours(1));
constexpr Scalar kAbortStatus = types::integer("a response status", "503", 400, 599);
constexpr std::string_view kShareDoc = "Of the route's requests, drawn for each anew.";
constexpr Key kDelayKeys[] = {
    required(key<&FaultDelaySettings::time>("time", kDelay, "",
                                            "1ms to 1h; it counts within timeouts.request.")),
    key<&FaultDelaySettings::share>("share", types::kShare, "100%", kShareDoc),
};
constexpr Object kFaultDelay{"fault_delay", "Requests are held up before the backend is asked.",
                             kDelayKeys, origin_of<FaultDelaySettings>};
constexpr Key kAbortKeys[] = {
    key<&FaultAbortSettings::status>("status", kAbortStatus, "",
                                     "400 to 599; a call of gRPC gets the status that clients make "
                                     "of it."),
    key<&FaultAbortSettings::grpc_status>("grpc_status", kGrpcStatus, "",
                                          "Instead: calls of gRPC alone are answered, with this."),
    key<&FaultAbortSettings::share>("share", types::kShare, "100%", kShareDoc),
};

void close_abort(void* object, Context& context) {
  (void)object;
  if (context.has("status") != context.has("grpc_status")) return;
  context.complain("", "expected exactly one of status and grpc_status",
                   "status: 503, or grpc_status: unavailable for calls of gRPC alone");
}
constexpr Object kFaultAbort{"fault_abort", "Requests are answered instead of the backend.",
                             kAbortKeys, origin_of<FaultAbortSettings>, close_abort};
constexpr Key kFaultKeys[] = {
    key<&FaultSettings::headers>("headers", kHeaderMatches, "",
                                 "Only for requests with all of these headers; absent: for all."),
    key<&FaultSettings::delay>("delay", kFaultDelay, "", "Holds them up."),
    key<&FaultSettings::abort>("abort", kFaultAbort, "", "Answers them, after any delay."),
};

void close_fault(void* object, Context& context) {
  (void)object;
  if (context.has("delay") || context.has("abort")) return;
  context.complain("", "the fault does nothing",
                   "write delay: { time: 100ms } or abort: { status: 503 }");
}

// Mirrors.

constexpr Scalar kBackendMention = types::text(
    "the name of a backend", "api.default", check_host_name, types::kHostRegex, Mentions::backend);
constexpr Scalar kAtOnce = types::integer("a number of requests", "100", 1, 100'000);
constexpr Scalar make_mirror_size() {
  Scalar type{ScalarKind::size, "a size with its unit", "16MiB"};
  type.min = 256 * 1024;  // The largest head, the largest body twice, and what each takes itself.
  type.max = std::int64_t{1} << 32;
  return type;
}
constexpr Scalar kMirrorSize = make_mirror_size();
constexpr std::size_t kMirrorsMax = 16;
constexpr Key kMirrorTargetKeys[] = {
    required(key<&MirrorTargetSettings::backend>("backend", kBackendMention, "",
                                                 "What gets these copies.")),
    key<&MirrorTargetSettings::share>("share", types::kShare, "100%", kShareDoc),
};
constexpr Object kMirrorTarget{"mirror_target", "Another backend that gets copies.",
                               kMirrorTargetKeys, origin_of<MirrorTargetSettings>};
constexpr List kMirrorTargets = list_of<MirrorTargetSettings>(kMirrorTarget, 1, kMirrorsMax);
constexpr Key kMirrorKeys[] = {
    required(key<&MirrorSettings::backend>("backend", kBackendMention, "",
                                           "What gets the copies, with all that the requests "
                                           "carry, credentials included.")),
    key<&MirrorSettings::share>("share", types::kShare, "100%", kShareDoc),
    key<&MirrorSettings::also>("also", kMirrorTargets, "",
                               "Further backends that get copies, each drawn for itself."),
    key<&MirrorSettings::at_once>("at_once", kAtOnce, "100",
                                  "Copies under way, over all workers; beyond that none is made."),
    key<&MirrorSettings::bytes>("bytes", kMirrorSize, "16MiB",
                                "Of all of them together, with 32KiB that each takes itself; of "
                                "one body 64KiB at most."),
};

std::size_t bytes_added_by(const std::optional<HeaderModifierSettings>& edits) {
  std::size_t bytes = 0;
  const auto count = [&bytes](const auto& fields) {
    for (const auto& [name, value] : fields) bytes += name.size() + value.size() + 4;
  };
  if (edits) count(edits->set);
  if (edits) count(edits->add);
  return bytes;
}

void check_bytes_of_edits(const ShapingSettings& shaping, Context& context) {
  const auto bytes =
      bytes_added_by(shaping.request_headers) + bytes_added_by(shaping.response_headers);
  if (bytes <= kEditedBytesMax) return;
  const bool by_request = shaping.request_headers.has_value();
  context.complain(by_request ? "request_header_modifier" : "response_header_modifier",
                   "the fields that the route adds are " + std::to_string(bytes) +
                       " bytes, more than " + std::to_string(kEditedBytesMax) + " together",
                   "heads have room for 64KiB in all: shorten or remove fields");
}

// Refusals.

constexpr Scalar kRefusedStatus = types::integer("a response status", "404", 400, 599);
constexpr Key kRefuseKeys[] = {
    key<&RefuseSettings::status>("status", kRefusedStatus, "404",
                                 "400 to 599; a call of gRPC gets unimplemented for 404, "
                                 "unavailable for 500, else the status that clients make of it."),
    key<&RefuseSettings::share>("share", types::kShare, "100%", kShareDoc),
};

/// A prefix has an end only in paths that have one.
void check_prefix(const RouteSettings& route, std::string_view key, Context& context) {
  const bool all_open =
      !route.paths.empty() && std::all_of(route.paths.begin(), route.paths.end(),
                                          [](const auto& path) { return path.ends_with("/**"); });
  if (all_open) return;
  context.complain(key, "replace_prefix_match needs paths that all end in /**",
                   "write for example paths: [/v1/**], or replace_full_path");
}

}  // namespace

const List kQueryMatches = list_of<QueryMatchSettings>(kQueryMatch, 1, limits::kQueryMatchesMax);
const Object kRequestHeaderModifier{
    "request_header_modifier", "What is changed in the fields of requests.", kRequestModifierKeys,
    origin_of<HeaderModifierSettings>, close_modifier};
const Object kResponseHeaderModifier{
    "response_header_modifier", "What is changed in the fields of responses.",
    kResponseModifierKeys, origin_of<HeaderModifierSettings>, close_modifier};
const Object kUrlRewrite{"url_rewrite", "What the backend is asked for instead.", kUrlRewriteKeys,
                         origin_of<UrlRewriteSettings>, close_rewrite};
const Object kRequestRedirect{"request_redirect", "Where the app is sent instead.", kRedirectKeys,
                              origin_of<RedirectSettings>, close_redirect};

const Object kFault{"fault", "What is done to requests on purpose, to see how the app takes it.",
                    kFaultKeys, origin_of<FaultSettings>, close_fault};

const Object kRequestMirror{"request_mirror",
                            "A copy of its requests goes to another backend, whose answers are "
                            "compared and thrown away.",
                            kMirrorKeys, origin_of<MirrorSettings>};

const List kRoutePorts = list_of<std::uint16_t>(types::kPort, 1, types::kListMax);
const Object kRefuse{"refuse", "Requests that lead nowhere on purpose.", kRefuseKeys,
                     origin_of<RefuseSettings>};

void check_refuse(const RefuseSettings& refuse, Context& context) {
  if (context.has("request_redirect"))
    context.complain("refuse", "a request is refused or redirected, not both",
                     "remove refuse or request_redirect");
  if (refuse.share >= 1.0 && context.has("to"))
    context.complain("to", "to is about a backend, and refuse lets no request get there",
                     "remove to, or give refuse a share");
}

void check_shaping(const RouteSettings& route, Context& context) {
  if (route.shaping == nullptr) return;
  const auto& shaping = *route.shaping;
  check_bytes_of_edits(shaping, context);
  if (shaping.mirror && route.background)
    context.complain("request_mirror", "what is delivered in the background is not mirrored",
                     "remove request_mirror or background");
  if (shaping.single_flight && route.background)
    context.complain("single_flight", "what is delivered in the background is answered at once",
                     "remove single_flight or background");
  if (shaping.refuse) check_refuse(*shaping.refuse, context);
  if (shaping.rewrite && !shaping.rewrite->replace_prefix_match.empty())
    check_prefix(route, "url_rewrite", context);
  if (!shaping.redirect) return;
  if (!shaping.redirect->replace_prefix_match.empty())
    check_prefix(route, "request_redirect", context);
  for (const auto* name :
       {"to", "url_rewrite", "request_header_modifier", "response_header_modifier", "fault",
        "request_mirror", "single_flight", "retries", "breaker", "fallback", "background"}) {
    if (!context.has(name)) continue;
    context.complain(name, std::string(name) + " is about a backend, and a redirect asks none",
                     "remove it, or request_redirect");
  }
}

}  // namespace epaulet::config
