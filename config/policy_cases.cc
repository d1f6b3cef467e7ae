#include "config/policy_cases.h"

#include "base/limits.h"
#include "config/binding.h"
#include "config/parse.h"
#include "config/scalar_types.h"

namespace epaulet {
namespace {

using namespace config;

constexpr Scalar kText = types::text("a text", "staff");
constexpr Scalar kJson = types::text("a JSON object", "'{\"roles\": [\"staff\"]}'");
constexpr Map kClaims = map_of<std::string, std::string>("NAME", kText, kText);
constexpr Key kTokenKeys[] = {
    required(key<&AssumedToken::issuer>("issuer", types::kLabel, "", "A name under issuers.")),
    key<&AssumedToken::claims>("claims", kClaims, "", "Its claims; true and false are booleans."),
    key<&AssumedToken::claims_json>("claims_json", kJson, "", "More claims, as a JSON object."),
    key<&AssumedToken::valid>("valid", types::kBoolean, "true", "Whether it passes its check."),
};
constexpr Object kToken{"case_token", "A token.", kTokenKeys};
constexpr Key kWhoKeys[] = {
    key<&AssumedCaller::identity>("identity", kText, "", "The peer's SPIFFE ID."),
    key<&AssumedCaller::token>("token", kToken, "", "The request's token."),
    key<&AssumedCaller::key_owner>("key_owner", types::kLabel, "",
                                   "Whose API key it shows, or invalid."),
    key<&AssumedCaller::address>("address", kText, "", "The address that it comes from."),
};
constexpr Object kWho{"case_who", "Who asks; without keys: an anonymous caller.", kWhoKeys};

constexpr Scalar kMethod = types::text("a method", "GET");
constexpr Scalar kPath = types::text("a path", "/orders/1");
constexpr Map kHeaders = map_of<std::string, std::string>("NAME", types::kHeaderName, kText);
constexpr Key kWhatKeys[] = {
    key<&AssumedRequest::port>("port", types::kPort, "", "Of workload.ports."),
    key<&AssumedRequest::tcp>("tcp", types::kBoolean, "false", "A connection that is no HTTP."),
    key<&AssumedRequest::method>("method", kMethod, "GET", "The method."),
    key<&AssumedRequest::path>("path", kPath, "/", "The path, with its query if you like."),
    key<&AssumedRequest::host>("host", kText, "localhost", "The host."),
    key<&AssumedRequest::headers>("headers", kHeaders, "", "Header fields."),
};
constexpr Object kWhat{"case_what", "What is asked for.", kWhatKeys};

constexpr Choice kVerdicts[] = {{"allow", 1}, {"deny", 0}};
constexpr Scalar kVerdict = types::choice("allow or deny", "deny", kVerdicts);
constexpr Scalar kStatus = types::integer("a status", "403", 100, 599);
constexpr Key kExpectKeys[] = {
    required(key<&ExpectedVerdict::allow>("verdict", kVerdict, "", "Whether it gets in.")),
    key<&ExpectedVerdict::status>("status", kStatus, "", "Of the refusal."),
    key<&ExpectedVerdict::rule>("rule", types::kLabel, "", "The rule that decides, or none."),
};
constexpr Object kExpect{"case_expect", "What must come of it.", kExpectKeys};

constexpr Key kCaseKeys[] = {
    required(key<&PolicyCase::name>("name", kText, "", "What it shows.")),
    key<&PolicyCase::who>("who", kWho, "", "Who asks."),
    key<&PolicyCase::what>("what", kWhat, "", "What is asked for."),
    required(key<&PolicyCase::expect>("expect", kExpect, "", "What must come of it.")),
};
constexpr Object kCase{"case", "A question and its answer.", kCaseKeys, origin_of<PolicyCase>};
constexpr List kCases = list_of<PolicyCase>(kCase, 1, types::kLongListMax);
constexpr Key kFileKeys[] = {
    required(key<&PolicyCases::cases>("cases", kCases, "", "Questions with their answers.")),
};
constexpr Object kFile{"cases_file", "What epaulet policy test asks.", kFileKeys};

}  // namespace

PolicyCases load_policy_cases(std::string source_name, std::string_view yaml_text) {
  PolicyCases loaded;
  SourceText source(std::move(source_name), yaml_text);
  if (auto diagnostic = source.check_characters()) {
    loaded.diagnostics.push_back(std::move(*diagnostic));
    return loaded;
  }
  Complaints complaints(source);
  if (auto diagnostic = parse_as(kFile, &loaded, source, complaints)) {
    loaded.diagnostics.push_back(std::move(*diagnostic));
  } else if (!complaints.empty()) {
    loaded.diagnostics = complaints.take();
  }
  return loaded;
}

}  // namespace epaulet
