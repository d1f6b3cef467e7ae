#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/settings.h"

/// What `epaulet policy test` asks of a configuration: who would do what, and what must come of it.
namespace epaulet {

struct AssumedToken {
  std::string issuer;                         ///< A name under `issuers`.
  std::map<std::string, std::string> claims;  ///< `true` and `false` are booleans.
  std::string claims_json;                    ///< More of them, as a JSON object.
  bool valid = true;                          ///< False: it fails its check.
};

/// Somebody, by what he proves.
struct AssumedCaller {
  std::string identity;  ///< SPIFFE ID; "": no mesh TLS.
  std::optional<AssumedToken> token;
  std::string key_owner;  ///< Whose API key; "invalid": a wrong one; "": none.
  /// That the connection comes from; of a trusted ingress that names its clients, its client's. "":
  /// in no network; such an ingress names none.
  std::string address;
};

struct AssumedRequest {
  std::optional<std::uint16_t> port;  ///< Nothing: the only one of `workload.ports`.
  bool tcp = false;                   ///< A connection that is no HTTP.
  std::string method = "GET";
  std::string path = "/";
  std::string host = "localhost";
  std::map<std::string, std::string> headers;
};

struct ExpectedVerdict {
  bool allow = false;
  std::optional<std::uint16_t> status;  ///< Of the refusal.
  std::string rule;                     ///< That decides; "none": none does; "": any.
};

struct PolicyCase {
  Origin origin;
  std::string name;
  AssumedCaller who;
  AssumedRequest what;
  ExpectedVerdict expect;
};

struct PolicyCases {
  std::vector<PolicyCase> cases;
  std::vector<Diagnostic> diagnostics;  ///< In file order; empty if `cases` is valid.
};

[[nodiscard]] PolicyCases load_policy_cases(std::string source_name, std::string_view yaml_text);

}  // namespace epaulet
