#include "base/ascii.h"
#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/keys_probe.h"
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

constexpr List kProbes = list_of<ProbeSettings>(kProbe, 0, types::kListMax);

constexpr Scalar kZone = types::text("a zone", "eu-1a", check_label, types::kLabelRegex);
constexpr Key kWorkloadKeys[] = {
    key<&WorkloadSettings::service>("service", types::kHostName, "",
                                    "The name under which others dial this workload; absent: it "
                                    "serves nothing."),
    key<&WorkloadSettings::zone>("zone", kZone, "",
                                 "The zone that this workload runs in, for balance.locality; "
                                 "absent: that which the directory tells of its own address."),
    key<&WorkloadSettings::ports>("ports", kWorkloadPorts, "",
                                  "The ports that the app listens on; nothing else is delivered."),
    key<&WorkloadSettings::probes>("probes", kProbes, "",
                                   "Probes of the app, answered on the health port under "
                                   "/app-health/SECRET/0, /app-health/SECRET/1 and so on; without "
                                   "a secret under /app-health/0."),
    key<&WorkloadSettings::metrics>("metrics", kAppMetrics, "",
                                    "Metrics of the app, served on the metrics port beside the "
                                    "sidecar's own; absent: only those."),
};

constexpr Scalar kTrustDomain =
    types::text("a trust domain", "cluster.local", check_trust_domain, "^[a-z0-9._-]{1,255}$");
constexpr Scalar kServiceUrl = types::text("an https URL", "https://identity.mesh:15014",
                                           check_https_origin, "^https://[^/?#@\\s]+$");
constexpr Scalar kCaFile = types::text("a path", "/etc/epaulet/ca.pem");
constexpr Scalar kTokenFile = types::text("a path", "/var/run/epaulet/token");
constexpr Key kIdentityKeys[] = {
    key<&IdentitySettings::trust_domain>("trust_domain", kTrustDomain, "cluster.local",
                                         "The SPIFFE trust domain of this mesh."),
    key<&IdentitySettings::dir>("dir", types::kFile, "",
                                "The folder with cert.pem, key.pem and ca.pem, watched for "
                                "changes; absent: none. Relative to the configuration's folder."),
    key<&IdentitySettings::service>("service", kServiceUrl, "",
                                    "The identity service, which signs a key that never leaves "
                                    "the memory; absent: none. With dir, its files hold until the "
                                    "service has answered, and prove who we are."),
    key<&IdentitySettings::ca>("ca", kCaFile, "",
                               "The roots that the service must lead to, read each time that "
                               "nothing newer is known; absent: those of dir. Relative to the "
                               "configuration's folder."),
    key<&IdentitySettings::token_file>("token_file", kTokenFile, "",
                                       "The bootstrap token, read when it is needed; absent: the "
                                       "certificate in dir proves who we are. Relative to the "
                                       "configuration's folder."),
};

constexpr Scalar kDirectoryUrl =
    types::text("an https URL", "https://epaulet-directory.epaulet-system.svc.cluster.local:15016",
                check_https_origin, "^https://[^/?#@\\s]+$");
constexpr List kDirectoryIdentities = list_of<std::string>(types::kSpiffeId, 1, types::kListMax);
constexpr Key kDirectoryKeys[] = {
    required(key<&DirectorySettings::url>("url", kDirectoryUrl, "", "Where it is asked.")),
    required(key<&DirectorySettings::identities>("identities", kDirectoryIdentities, "",
                                                 "SPIFFE IDs that it may have.")),
};

/// What the service needs, and what nobody needs without it.
void close_identity(void* object, Context& context) {
  (void)object;
  if (!context.has("service")) {
    for (const std::string_view key : {"ca", "token_file"}) {
      if (!context.has(key)) continue;
      context.complain(key, "there is no identity.service that would need it",
                       "add service: https://HOST:PORT, or remove it");
    }
    return;
  }
  if (context.has("dir")) return;
  if (!context.has("ca")) {
    context.complain("service", "nobody knows which roots the identity service must lead to",
                     "add ca: FILE, the ca.pem of `epaulet-certs init`");
  }
  if (!context.has("token_file")) {
    context.complain("service", "nothing proves to the identity service who this workload is",
                     "add token_file: FILE, made by `epaulet-certs token`, or dir: FOLDER with a "
                     "first certificate");
  }
}

/// The list of grants stands where the role would: a role has nothing else.
constexpr Map make_roles() {
  Map map{"NAME", &types::kLabel, kRoleGrants};
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
    key<&HeaderMatchSettings::exact>(
        "exact", kHeaderValue, "",
        "Its exact value, \"\" for an empty one; absent: presence is enough."),
};
constexpr Object kHeaderMatch{"header_match", "A header that a request must have.",
                              kHeaderMatchKeys, nullptr, close_header_match};

constexpr Choice kRequireChoices[] = {{"token", static_cast<int>(RequiredProof::token)},
                                      {"key", static_cast<int>(RequiredProof::key)}};
constexpr Scalar kRequire = types::choice("token or key", "token", kRequireChoices);
constexpr Choice kModeChoices[] = {{"enforce", static_cast<int>(AccessMode::enforce)},
                                   {"audit", static_cast<int>(AccessMode::audit)}};
constexpr Scalar kMode = types::choice("enforce or audit", "audit", kModeChoices);
constexpr Scalar kGrpcMethod =
    types::text("a gRPC method", "user.UserService/GetUser", check_grpc_method,
                "^[A-Za-z0-9_.]+/([A-Za-z0-9_]+|\\*)$");
constexpr List kGrpcMethods = list_of<std::string>(kGrpcMethod, 1, types::kListMax);
constexpr Scalar kPermission = types::text("a permission", "read:orders", check_permission);
constexpr List kPermissions = list_of<std::string>(kPermission, 1, types::kListMax);
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
  const auto& rule = *static_cast<const AccessRuleSettings*>(object);
  if (!context.has("allow") && !context.has("deny")) {
    context.complain("", "the rule has neither allow nor deny and decides nothing",
                     "add allow: [ROLE] or deny: [ROLE]");
  }
  if (!context.has("allow") && context.has("deny")) {
    for (const std::string_view idle : {"require", "permissions"}) {
      if (!context.has(idle)) continue;
      context.complain(idle, std::string(idle) + " has no effect on a rule that only denies",
                       "move it to the rule that allows");
    }
  }
  if (rule.require == RequiredProof::key && context.has("permissions")) {
    context.complain("permissions", "only tokens carry permissions, and the rule requires a key",
                     "write require: token, or give the key's owner a role");
  }
}

constexpr Key kRuleKeys[] = {
    required(key<&AccessRuleSettings::name>("name", types::kLabel, "",
                                            "The rule's name in logs and explain; unique.")),
    key<&AccessRuleSettings::paths>("paths", kPathPatterns, "",
                                    "Paths the rule is about; absent: any. A * segment stands for "
                                    "any one segment, ** at the end for any rest."),
    key<&AccessRuleSettings::grpc>("grpc", kGrpcMethods, "",
                                   "gRPC methods the rule is about, with their package and "
                                   "service; * for all of a service. Each is a path more."),
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
    key<&AccessRuleSettings::require>("require", kRequire, "",
                                      "token, key: a request without a valid one is answered 401, "
                                      "whatever the peer's identity."),
    key<&AccessRuleSettings::permissions>("permissions", kPermissions, "",
                                          "What the request's token must permit, all of it, "
                                          "besides a role of allow; without a token: 401."),
    key<&AccessRuleSettings::mode>("mode", kMode, "enforce",
                                   "audit: where the rule would refuse it lets through, and log, "
                                   "metrics and explain tell; others that deny still do."),
};
constexpr Object kRule{"access_rule", "A rule about who may do what.", kRuleKeys,
                       origin_of<AccessRuleSettings>, close_rule};

// ---- Clients outside, as an ingress tells of them. ----

constexpr Choice kClientAddressChoices[] = {
    {"none", static_cast<int>(ClientAddressField::none)},
    {"x-forwarded-for", static_cast<int>(ClientAddressField::x_forwarded_for)},
    {"forwarded", static_cast<int>(ClientAddressField::forwarded)},
    {"x-real-ip", static_cast<int>(ClientAddressField::x_real_ip)}};
constexpr Scalar kClientAddress = types::choice("none, x-forwarded-for, forwarded or x-real-ip",
                                                "x-forwarded-for", kClientAddressChoices);
constexpr Scalar kIdentityHeader =
    types::text("a header that says who somebody is", "x-hasura-role", check_identity_header,
                types::kTokenRegex);
constexpr List kIdentityHeaders = list_of<std::string>(kIdentityHeader, 1, 64);
constexpr List kTrustedIngresses = list_of<std::string>(types::kSpiffePattern, 1, 64);
constexpr Scalar kHops = types::integer("a number", "1", 1, 16);
constexpr Key kIngressKeys[] = {
    key<&IngressSettings::trusted>("trusted", kTrustedIngresses, "",
                                   "SPIFFE IDs of ingresses: what they say of where a request "
                                   "came from (Forwarded, X-Forwarded-*, X-Real-IP) reaches the "
                                   "app, and nobody else's does; * ends a segment, ** the "
                                   "pattern."),
    key<&IngressSettings::identity_headers>(
        "identity_headers", kIdentityHeaders, "",
        "Headers that say who the client is, and are removed elsewhere: they reach the app from a "
        "trusted ingress, and where the app itself is an ingress, they leave it."),
    key<&IngressSettings::client_address>("client_address", kClientAddress, "none",
                                          "The header by which a trusted ingress names its client: "
                                          "roles by network go by that address instead of the "
                                          "ingress's own, and without it the request is refused."),
    key<&IngressSettings::hops>("hops", kHops, "1",
                                "Which address counts, from the right: 1 is the one that the "
                                "ingress itself has seen, 2 what the proxy before it has, 1 to "
                                "16."),
};

void close_ingress(void* object, Context& context) {
  auto& ingress = *static_cast<IngressSettings*>(object);
  for (auto& name : ingress.identity_headers) name = lower(name);
  if (ingress.client_address != ClientAddressField::none && !context.has("trusted")) {
    context.complain("client_address", "nobody is trusted to name a client",
                     "add trusted: [ spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/INGRESS ]");
  }
  if (ingress.hops == 1) return;
  if (ingress.client_address == ClientAddressField::none ||
      ingress.client_address == ClientAddressField::x_real_ip) {
    context.complain("hops", "only x-forwarded-for and forwarded list more than one address",
                     "add client_address: x-forwarded-for, or leave hops out");
  }
}

constexpr Choice kInvalidTokenChoices[] = {{"401", 401}, {"403", 403}};

}  // namespace

const Object kWorkload{"workload", "The app beside this sidecar.", kWorkloadKeys,
                       origin_of<WorkloadSettings>};
const Object kIdentity{"identity", "Who this workload is.", kIdentityKeys,
                       origin_of<IdentitySettings>, close_identity};
const Object kDirectory{"directory", "Who knows the services of a Kubernetes cluster.",
                        kDirectoryKeys, origin_of<DirectorySettings>};
const Map kRoles = make_roles();
const List kAccess = list_of<AccessRuleSettings>(kRule, 0, types::kLongListMax);
const List kPathPatterns = list_of<std::string>(types::kPathPattern, 1, types::kListMax);
const List kMethods = list_of<std::string>(types::kMethod, 1, types::kListMax);
const List kHostPatterns = list_of<std::string>(types::kHostPattern, 1, types::kListMax);
const List kHeaderMatches = list_of<HeaderMatchSettings>(kHeaderMatch, 1, types::kListMax);
const Scalar kAccessMode = kMode;
const Object kIngress{"ingress", "Whose word about clients outside of the mesh counts.",
                      kIngressKeys, origin_of<IngressSettings>, close_ingress};
const Scalar kInvalidTokenStatus = types::choice("401 or 403", "403", kInvalidTokenChoices, true);

}  // namespace epaulet::config
