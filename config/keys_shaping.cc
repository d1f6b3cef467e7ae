#include "config/keys_shaping.h"

#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"

/// What few routes ask for: a query to match.
namespace epaulet::config {
namespace {

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

}  // namespace

const List kQueryMatches = list_of<QueryMatchSettings>(kQueryMatch, 1, limits::kQueryMatchesMax);

}  // namespace epaulet::config
