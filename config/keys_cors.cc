#include "base/limits.h"
#include "config/context.h"
#include "config/keys_shaping.h"
#include "config/scalar_types.h"
#include "config/text_checks.h"

/// Pages of other origins, and expressions that requests must fit.
namespace epaulet::config {
namespace {

// Origins.

constexpr std::size_t kOriginsMax = 64;
constexpr Scalar kCorsOrigin =
    types::text("an origin", "https://shop.example", check_cors_origin, "^(\\*|[a-z].*://.+)$");
constexpr Scalar kCorsMethod = types::text("a method or *", "PUT", check_cors_method);
constexpr Scalar kCorsHeader = types::text("a header name or *", "x-tenant", check_cors_header);
constexpr List kCorsOrigins = list_of<std::string>(kCorsOrigin, 1, kOriginsMax);
constexpr List kCorsMethods = list_of<std::string>(kCorsMethod, 1, kOriginsMax);
constexpr List kCorsHeaders = list_of<std::string>(kCorsHeader, 1, kOriginsMax);
constexpr Scalar kMaxAge =
    types::duration("10m", std::chrono::seconds(1), std::chrono::hours(365 * 24));

constexpr Key kCorsKeys[] = {
    required(key<&CorsSettings::allow_origins>(
        "allow_origins", kCorsOrigins, "",
        "Origins whose pages may read the answers, as browsers write them: https://shop.example, "
        "https://*.shop.example for all names below, \"*\" for any.")),
    key<&CorsSettings::allow_credentials>("allow_credentials", types::kBoolean, "false",
                                          "Whether they may send cookies, and read the answers."),
    key<&CorsSettings::allow_methods>("allow_methods", kCorsMethods, "",
                                      "Methods that they may use, \"*\" for any; absent: GET, "
                                      "HEAD and POST, which browsers ask for nobody's leave."),
    key<&CorsSettings::allow_headers>("allow_headers", kCorsHeaders, "",
                                      "Headers that their scripts may send, \"*\" for any; "
                                      "absent: those that browsers ask nobody's leave for."),
    key<&CorsSettings::expose_headers>("expose_headers", kCorsHeaders, "",
                                       "Headers of answers that their scripts may read, \"*\" for "
                                       "any; absent: those that need nobody's leave."),
    key<&CorsSettings::max_age>("max_age", kMaxAge, "5s",
                                "How long a browser may remember what a preflight was answered, "
                                "in whole seconds, 1s to 8760h."),
};

// Expressions.

constexpr Scalar kRegex = types::text("a regular expression", "\"/orders/[0-9]+\"", check_regex);
constexpr Scalar kQueryName = types::text("a parameter's name", "client", check_query_name);
constexpr Map kHeaderExpressions =
    map_of<std::string, std::string>("HEADER", types::kHeaderName, kRegex);
constexpr Map kQueryExpressions = map_of<std::string, std::string>("PARAMETER", kQueryName, kRegex);
constexpr Key kRegexKeys[] = {
    key<&RegexSettings::path>("path", kRegex, "",
                              "Of the path as it was sent, percent-encodings included and without "
                              "the query; absent: any."),
    key<&RegexSettings::headers>("headers", kHeaderExpressions, "",
                                 "Of headers, all of them; of several of a name one has to fit."),
    key<&RegexSettings::query>("query", kQueryExpressions, "",
                               "Of parameters of the query as the app reads them, all of them; of "
                               "several of a name the first counts."),
};

void close_regex(void* object, Context& context) {
  const auto& regex = *static_cast<const RegexSettings*>(object);
  if (regex.headers.size() > limits::kQueryMatchesMax ||
      regex.query.size() > limits::kQueryMatchesMax)
    context.complain("", "more than " + std::to_string(limits::kQueryMatchesMax) + " expressions");
  if (!regex.path.empty() || !regex.headers.empty() || !regex.query.empty()) return;
  context.complain("", "nothing is looked at", "write path, headers or query");
}

}  // namespace

const Object kCors{"cors", "What pages of other origins may do with the route's answers (CORS).",
                   kCorsKeys, origin_of<CorsSettings>};
const Object kRegexMatch{"regex",
                         "Regular expressions (RE2) that the whole of a text has to fit; 1024 "
                         "bytes each, and of a text 4KiB at most.",
                         kRegexKeys, origin_of<RegexSettings>, close_regex};

}  // namespace epaulet::config
