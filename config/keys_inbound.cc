#include "base/ascii.h"
#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"

/// What enters the pod: the workload's ports, its identity, and who may do what.
namespace epaulet::config {
namespace {

constexpr Choice kPortTlsChoices[] = {{"strict", static_cast<int>(PortTls::strict)},
                                      {"permissive", static_cast<int>(PortTls::permissive)}};
constexpr Choice kHygieneChoices[] = {{"reject", static_cast<int>(PathHygiene::reject)},
                                      {"normalize", static_cast<int>(PathHygiene::normalize)}};
constexpr Scalar kPortTls = types::choice("strict or permissive", "permissive", kPortTlsChoices);
constexpr Scalar kHygiene = types::choice("reject or normalize", "normalize", kHygieneChoices);

constexpr Key kWorkloadPortKeys[] = {
    key<&WorkloadPortSettings::tls>("tls", kPortTls, "strict",
                                    "Whether callers without mesh TLS are let in: strict refuses "
                                    "them, permissive serves them without an identity."),
    key<&WorkloadPortSettings::protocol>("protocol", kPortProtocol, "auto",
                                         "What the app speaks on the port: auto looks at the first "
                                         "bytes."),
    key<&WorkloadPortSettings::http>("http", kHttpVersion, "same",
                                     "The HTTP version in which the app is asked: same as its "
                                     "caller, or one that the sidecar turns all requests into."),
    key<&WorkloadPortSettings::paths>("paths", kHygiene, "reject",
                                      "What happens to a path that is not in its normal form while "
                                      "a rule looks at paths: reject answers 400, normalize "
                                      "forwards the normal form."),
    key<&WorkloadPortSettings::expose>("expose", types::kBoolean, "false",
                                       "Whether callers outside the mesh see the reason of a "
                                       "refusal in headers, not only a request id."),
};
constexpr Object kWorkloadPort{"workload_port", "A port that the app listens on.",
                               kWorkloadPortKeys, origin_of<WorkloadPortSettings>};
constexpr Map kWorkloadPorts =
    map_of<std::uint16_t, WorkloadPortSettings>("PORT", types::kPort, kWorkloadPort);

constexpr Scalar kProbePath = types::text("a request path", "/healthz", check_request_path, "^/");
constexpr Key kProbeKeys[] = {
    required(key<&ProbeSettings::path>("path", kProbePath, "", "The path that the app answers.")),
    required(
        key<&ProbeSettings::port>("port", types::kPort, "", "The port that the app answers on.")),
};
constexpr Object kProbe{"probe", "A health probe of the app.", kProbeKeys,
                        origin_of<ProbeSettings>};
constexpr List kProbes = list_of<ProbeSettings>(kProbe, 0, types::kListMax);

constexpr Key kWorkloadKeys[] = {
    key<&WorkloadSettings::service>("service", types::kHostName, "",
                                    "The name under which others dial this workload; absent: it "
                                    "serves nothing."),
    key<&WorkloadSettings::ports>("ports", kWorkloadPorts, "",
                                  "The ports that the app listens on; nothing else is delivered."),
    key<&WorkloadSettings::probes>("probes", kProbes, "",
                                   "Probes of the app, answered on the health port under "
                                   "/app-health/0, /app-health/1 and so on."),
};

constexpr Scalar kTrustDomain =
    types::text("a trust domain", "cluster.local", check_trust_domain, "^[a-z0-9._-]{1,255}$");
constexpr Key kIdentityKeys[] = {
    key<&IdentitySettings::trust_domain>("trust_domain", kTrustDomain, "cluster.local",
                                         "The SPIFFE trust domain of this mesh."),
    key<&IdentitySettings::dir>("dir", types::kFile, "",
                                "The folder with cert.pem, key.pem and ca.pem, watched for "
                                "changes; absent: no mesh TLS. Relative to the configuration's "
                                "folder."),
};

constexpr Scalar kAudience = types::text("an audience", "api");
constexpr List kAudiences = list_of<std::string>(kAudience, 1, types::kListMax);
constexpr Scalar kKeysFile = types::text("a path", "portal.jwks.json");
constexpr Key kIssuerKeysKeys[] = {
    required(key<&IssuerSettings::keys_file>("file", kKeysFile, "",
                                             "A JSON Web Key Set (RFC 7517), watched for changes. "
                                             "Relative to the configuration's folder.")),
};
constexpr Object kIssuerKeysObject{"issuer_keys", "Where the keys come from.", kIssuerKeysKeys};
constexpr Scalar kIssuerName = types::text("an issuer", "https://portal.example");
constexpr Scalar kLeeway = types::duration("60s", std::chrono::seconds(0), std::chrono::hours(1));
constexpr Key kIssuerKeys[] = {
    required(key<&IssuerSettings::issuer>("issuer", kIssuerName, "",
                                          "The exact value of the claim iss (RFC 7519 section "
                                          "4.1.1).")),
    required(key<&IssuerSettings::audiences>("audiences", kAudiences, "",
                                             "The claim aud must name one of these.")),
    required(group("keys", kIssuerKeysObject, "The keys that sign the tokens.")),
    key<&IssuerSettings::leeway>("leeway", kLeeway, "60s",
                                 "How far the issuer's clock may be off, at most 1h."),
};
constexpr Object kIssuer{"issuer", "An issuer of bearer tokens.", kIssuerKeys,
                         origin_of<IssuerSettings>};

constexpr Scalar kIssuerMention = types::text("the name of an issuer", "portal", check_label,
                                              types::kLabelRegex, Mentions::issuer);
constexpr Scalar kClaim = types::text("the name of a claim", "role");
constexpr Scalar kClaimValue = types::text("the value of a claim", "admin");
constexpr Key kTokenKeys[] = {
    required(key<&RoleGrantSettings::Token::issuer>("issuer", kIssuerMention, "",
                                                    "A name under issuers.")),
    required(key<&RoleGrantSettings::Token::claim>("claim", kClaim, "", "The claim to look at.")),
    required(key<&RoleGrantSettings::Token::value>("value", kClaimValue, "",
                                                   "The claim equals this, or is a list that has "
                                                   "it.")),
};
constexpr Object kToken{"role_token", "Holders of a token with a certain claim.", kTokenKeys};

void close_grant(void* object, Context& context) {
  (void)object;
  if (context.has("identity") != context.has("token")) return;
  context.complain("", "expected exactly one of identity and token",
                   "write one list item for each way to hold the role");
}

constexpr Key kGrantKeys[] = {
    key<&RoleGrantSettings::identity>("identity", types::kSpiffePattern, "",
                                      "Peers with this SPIFFE ID; * ends a segment, ** ends the "
                                      "pattern."),
    key<&RoleGrantSettings::token>("token", kToken, "", "Callers whose bearer token says so."),
};
constexpr Object kGrant{"role_grant", "One way to hold a role.", kGrantKeys,
                        origin_of<RoleGrantSettings>, close_grant};
constexpr List kGrants = list_of<RoleGrantSettings>(kGrant, 0, types::kLongListMax);

/// The list of grants stands where the role would: a role has nothing else.
constexpr Map make_roles() {
  Map map{"NAME", &types::kLabel, kGrants};
  map.insert = [](void* entries, const ScalarValue& name) -> Map::Entry {
    auto& role =
        (*static_cast<std::map<std::string, RoleSettings>*>(entries))[std::get<std::string>(name)];
    role.name = std::get<std::string>(name);
    return {&role.grants, &role.origin};
  };
  map.each = [](const void* entries, const Map::Visit& visit) {
    for (const auto& [name, role] :
         *static_cast<const std::map<std::string, RoleSettings>*>(entries)) {
      visit(name, &role.grants);
    }
  };
  return map;
}

void close_header_match(void* object, Context& context) {
  (void)context;
  auto& match = *static_cast<HeaderMatchSettings*>(object);
  match.name = lower(match.name);
}

constexpr Scalar kHeaderValue = types::text("a header value", "v2");
constexpr Key kHeaderMatchKeys[] = {
    required(key<&HeaderMatchSettings::name>("name", types::kHeaderName, "",
                                             "The header, in any case.")),
    key<&HeaderMatchSettings::exact>("exact", kHeaderValue, "",
                                     "Its exact value; absent: presence is enough."),
};
constexpr Object kHeaderMatch{"header_match", "A header that a request must have.",
                              kHeaderMatchKeys, nullptr, close_header_match};

constexpr Choice kRequireChoices[] = {{"token", 1}};
constexpr Scalar kRequire = types::choice("token", "token", kRequireChoices);
constexpr Scalar kRoleMention =
    types::text("the name of a role", "admin", check_label, types::kLabelRegex, Mentions::role);
constexpr List kRoleMentions = list_of<std::string>(kRoleMention, 1, types::kListMax);
constexpr Scalar make_port_mention() {
  Scalar type = types::kPort;
  type.mentions = Mentions::workload_port;
  return type;
}
constexpr Scalar kPortMention = make_port_mention();
constexpr List kPortMentions = list_of<std::uint16_t>(kPortMention, 1, types::kListMax);

void close_rule(void* object, Context& context) {
  (void)object;
  if (!context.has("allow") && !context.has("deny")) {
    context.complain("", "the rule has neither allow nor deny and decides nothing",
                     "add allow: [ROLE] or deny: [ROLE]");
  }
  if (context.has("require") && !context.has("allow") && context.has("deny")) {
    context.complain("require", "require has no effect on a rule that only denies",
                     "move it to the rule that allows");
  }
}

constexpr Key kRuleKeys[] = {
    required(key<&AccessRuleSettings::name>("name", types::kLabel, "",
                                            "The rule's name in logs and explain; unique.")),
    key<&AccessRuleSettings::paths>("paths", kPathPatterns, "",
                                    "Paths the rule is about; absent: any. A * segment stands for "
                                    "any one segment, ** at the end for any rest."),
    key<&AccessRuleSettings::methods>("methods", kMethods, "",
                                      "Methods the rule is about; absent: any."),
    key<&AccessRuleSettings::hosts>("hosts", kHostPatterns, "",
                                    "Hosts the rule is about, without port; absent: any."),
    key<&AccessRuleSettings::headers>("headers", kHeaderMatches, "",
                                      "Headers that a request must have, all of them."),
    key<&AccessRuleSettings::ports>("ports", kPortMentions, "",
                                    "Ports of workload.ports the rule is about; absent: any."),
    key<&AccessRuleSettings::allow>("allow", kRoleMentions, "",
                                    "Roles that may: names under roles, or anyone (every caller) "
                                    "or authenticated (every caller with an identity or a valid "
                                    "token)."),
    key<&AccessRuleSettings::deny>("deny", kRoleMentions, "",
                                   "Roles that may not; all denying rules are asked before any "
                                   "rule allows."),
    key<&AccessRuleSettings::require_token>("require", kRequire, "",
                                            "token: a request without a valid bearer token is "
                                            "answered 401, whatever the peer's identity."),
};
constexpr Object kRule{"access_rule", "A rule about who may do what.", kRuleKeys,
                       origin_of<AccessRuleSettings>, close_rule};

constexpr Choice kInvalidTokenChoices[] = {{"401", 401}, {"403", 403}};

}  // namespace

const Object kWorkload{"workload", "The app beside this sidecar.", kWorkloadKeys,
                       origin_of<WorkloadSettings>};
const Object kIdentity{"identity", "Who this workload is.", kIdentityKeys,
                       origin_of<IdentitySettings>};
const Map kIssuers = map_of<std::string, IssuerSettings>("NAME", types::kLabel, kIssuer);
const Map kRoles = make_roles();
const List kAccess = list_of<AccessRuleSettings>(kRule, 0, types::kLongListMax);
const List kPathPatterns = list_of<std::string>(types::kPathPattern, 1, types::kListMax);
const List kMethods = list_of<std::string>(types::kMethod, 1, types::kListMax);
const List kHostPatterns = list_of<std::string>(types::kHostPattern, 1, types::kListMax);
const List kHeaderMatches = list_of<HeaderMatchSettings>(kHeaderMatch, 1, types::kListMax);
const Scalar kInvalidTokenStatus = types::choice("401 or 403", "403", kInvalidTokenChoices, true);

}  // namespace epaulet::config
