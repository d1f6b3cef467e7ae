#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/ascii.h"
#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"

/// How callers prove who they are, beyond a certificate: issuers of tokens, API keys, and the roles
/// that these give.
namespace epaulet::config {
namespace {

constexpr Scalar kAudience = types::text("an audience", "api");
constexpr List kAudiences = list_of<std::string>(kAudience, 1, types::kListMax);
constexpr Scalar kKeysFile = types::text("a path", "portal.jwks.json");
constexpr Scalar kVariable = types::text("the name of an environment variable", "PORTAL_SECRET",
                                         check_variable_name, "^[A-Za-z_][A-Za-z0-9_]*$");
constexpr Scalar kKeysUrl =
    types::text("an https URL", "https://portal.example/.well-known/jwks.json", check_fetch_url,
                "^https?://[^#@\\s]+$");
constexpr Scalar kKeysCa = types::text("a path", "portal-ca.pem");
constexpr Scalar kRefresh = types::duration("5m", std::chrono::seconds(10), std::chrono::hours(24));
constexpr Key kIssuerKeysKeys[] = {
    key<&IssuerSettings::keys_file>("file", kKeysFile, "",
                                    "A JSON Web Key Set (RFC 7517), watched for changes. Relative "
                                    "to the configuration's folder."),
    key<&IssuerSettings::secret_file>("secret_file", types::kFile, "",
                                      "The secret of HS256, HS384 or HS512, as it is but for a "
                                      "line end; watched. Relative to the configuration's folder."),
    key<&IssuerSettings::secret_env>("secret_env", kVariable, "",
                                     "The environment variable that holds such a secret."),
    key<&IssuerSettings::keys_url>("url", kKeysUrl, "",
                                   "Where a JSON Web Key Set is fetched, and again when it has "
                                   "aged or a token names a key that is not in it."),
    key<&IssuerSettings::keys_ca>("ca", kKeysCa, "",
                                  "With url: the roots that its server must lead to, read at each "
                                  "fetch; absent: the system's. Relative to the configuration's "
                                  "folder."),
    key<&IssuerSettings::keys_refresh>("refresh", kRefresh, "5m",
                                       "With url: how long a set counts as fresh, 10s to 24h; "
                                       "Cache-Control: max-age may shorten it."),
    key<&IssuerSettings::keys_plaintext>("plaintext", types::kBoolean, "false",
                                         "With url: allows http://, where whoever is on the way "
                                         "can make tokens."),
};

void expect_one(Context& context, std::initializer_list<std::string_view> keys,
                std::string_view remedy) {
  std::string list;
  std::size_t found = 0;
  for (const auto key : keys) {
    found += context.has(key) ? 1 : 0;
    list += (list.empty() ? "" : key == *(keys.end() - 1) ? " and " : ", ") + std::string(key);
  }
  if (found != 1) context.complain("", "expected exactly one of " + list, std::string(remedy));
}

void close_issuer_keys(void* object, Context& context) {
  const auto& issuer = *static_cast<const IssuerSettings*>(object);
  expect_one(context, {"file", "url", "secret_file", "secret_env"},
             "for example file: portal.jwks.json");
  if (!context.has("url")) {
    // What GET /config shows has every key that has a default.
    const IssuerSettings defaults;
    const auto complain = [&](std::string_view key, bool is_said) {
      if (is_said)
        context.complain(key, "there is no url that would need it", "add url, or remove it");
    };
    complain("ca", !issuer.keys_ca.empty());
    complain("refresh", issuer.keys_refresh != defaults.keys_refresh);
    complain("plaintext", issuer.keys_plaintext);
    return;
  }
  const bool is_plaintext = issuer.keys_url.starts_with("http://");
  if (is_plaintext && !issuer.keys_plaintext) {
    context.complain("url", "keys that come by http:// are the keys of whoever is on the way",
                     "write https://, or plaintext: true if you trust the network");
  }
  if (is_plaintext && context.has("ca"))
    context.complain("ca", "http:// has no certificate to lead anywhere", "write https://");
}

constexpr Object kIssuerKeysObject{"issuer_keys", "Where the keys come from.", kIssuerKeysKeys,
                                   nullptr, close_issuer_keys};

/// In the order of the enum.
constexpr auto make_algorithms() {
  std::array<Choice, kJwtAlgorithmNames.size()> choices;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    choices[i] = {kJwtAlgorithmNames[i], static_cast<std::int64_t>(i)};
  }
  return choices;
}
constexpr auto kAlgorithmChoices = make_algorithms();
constexpr Scalar kAlgorithm = types::choice("an algorithm", "RS256", kAlgorithmChoices);
constexpr List kAlgorithms = list_of<JwtAlgorithm>(kAlgorithm, 1, kJwtAlgorithmNames.size());

constexpr Scalar kClaim = types::text("the name of a claim", "role");
constexpr Scalar kClaimValue = types::text("the value of a claim", "admin");
constexpr List kClaimPath = list_of<std::string>(kClaim, 1, limits::kTokenDepthMax);

void close_required_claim(void* object, Context& context) {
  (void)object;
  expect_one(context, {"claim", "claim_path"}, "for example claim: service");
}

constexpr Key kRequiredClaimKeys[] = {
    key<&RequiredClaimSettings::claim>("claim", kClaim, "", "The claim's name."),
    key<&RequiredClaimSettings::claim_path>("claim_path", kClaimPath, "",
                                            "Instead: the names on the way to a claim in a claim."),
    key<&RequiredClaimSettings::value>("value", kClaimValue, "",
                                       "What it equals or, as a list, has: a text, a number, true "
                                       "or false; absent: anything but null and false."),
};
constexpr Object kRequiredClaim{"required_claim", "A claim that every token must have.",
                                kRequiredClaimKeys, origin_of<RequiredClaimSettings>,
                                close_required_claim};
constexpr List kRequiredClaims = list_of<RequiredClaimSettings>(kRequiredClaim, 1, 64);

constexpr Scalar kCredentialHeader =
    types::text("a header name", "x-api-key", check_credential_header, types::kTokenRegex);
constexpr Scalar kCookie =
    types::text("the name of a cookie", "session", check_cookie_token, types::kTokenRegex);
constexpr Scalar kParameter = types::text("the name of a query parameter", "access_token",
                                          check_cookie_token, types::kTokenRegex);
constexpr Key kTokenPlaceKeys[] = {
    key<&TokenPlaceSettings::header>("header", kCredentialHeader, "",
                                     "A header; Authorization, which is what counts without this "
                                     "key, holds `Bearer` before the token."),
    key<&TokenPlaceSettings::cookie>("cookie", kCookie, "", "Instead: a cookie."),
    key<&TokenPlaceSettings::query>("query", kParameter, "",
                                    "Instead: a parameter of the query, which is never forwarded: "
                                    "addresses end up in logs."),
};
void close_token_place(void* object, Context& context) {
  (void)object;
  expect_one(context, {"header", "cookie", "query"}, "for example cookie: session");
}
constexpr Object kTokenPlace{"token_place", "Where in a request the token stands.", kTokenPlaceKeys,
                             nullptr, close_token_place};
constexpr Scalar kIssuerName = types::text("an issuer", "https://portal.example");
constexpr Scalar kLeeway = types::duration("60s", std::chrono::seconds(0), std::chrono::hours(1));
constexpr Key kIssuerKeys[] = {
    required(key<&IssuerSettings::issuer>("issuer", kIssuerName, "",
                                          "The exact value of the claim iss (RFC 7519 section "
                                          "4.1.1).")),
    required(key<&IssuerSettings::audiences>("audiences", kAudiences, "",
                                             "The claim aud must name one of these.")),
    key<&IssuerSettings::algorithms>("algorithms", kAlgorithms, "",
                                     "How its tokens are signed, whatever they say; absent: RS256, "
                                     "or HS256 with a secret."),
    required(group("keys", kIssuerKeysObject, "The keys that sign the tokens.")),
    key<&IssuerSettings::leeway>("leeway", kLeeway, "60s",
                                 "How far the issuer's clock may be off, at most 1h."),
    key<&IssuerSettings::require>("require", kRequiredClaims, "",
                                  "Claims that a token must have, or it is invalid."),
    key<&IssuerSettings::token>("token", kTokenPlace, "",
                                "Where its tokens stand; elsewhere they are not looked at."),
    key<&IssuerSettings::forward>("forward", types::kBoolean, "true",
                                  "Whether the app sees the token; never one from the query."),
};

void close_issuer(void* object, Context& context) {
  auto& issuer = *static_cast<IssuerSettings*>(object);
  const bool has_secret = !issuer.secret_file.empty() || !issuer.secret_env.empty();
  if (issuer.algorithms.empty())
    issuer.algorithms = {has_secret ? JwtAlgorithm::hs256 : JwtAlgorithm::rs256};
  const auto secret = std::count_if(issuer.algorithms.begin(), issuer.algorithms.end(),
                                    [](JwtAlgorithm one) { return is_symmetric(one); });
  const auto all = static_cast<std::ptrdiff_t>(issuer.algorithms.size());
  if (secret != 0 && secret != all) {
    context.complain("algorithms", "who verifies with a secret could sign for those with a pair",
                     "make two issuers of HS256, HS384, HS512 and of the others");
  } else if (has_secret && secret == 0) {
    context.complain("algorithms", "a secret verifies HS256, HS384 and HS512 alone",
                     "write keys: { file: FILE } with a JSON Web Key Set");
  } else if (!issuer.keys_url.empty() && secret != 0) {
    context.complain("algorithms", "a secret that is fetched is none: anybody could",
                     "write keys: { secret_file: FILE }, or algorithms with a key pair");
  }
  if (!issuer.token.query.empty() && context.has("forward") && issuer.forward) {
    context.complain("forward", "a token from the query is never forwarded", "leave the key out");
  }
  if (!issuer.token.query.empty()) issuer.forward = false;
}

constexpr Object kIssuer{"issuer", "An issuer of bearer tokens.", kIssuerKeys,
                         origin_of<IssuerSettings>, close_issuer};

constexpr Scalar kIssuerMention = types::text("the name of an issuer", "portal", check_label,
                                              types::kLabelRegex, Mentions::issuer);
constexpr Scalar kPermission = types::text("a permission", "read:orders", check_permission);

void close_role_token(void* object, Context& context) {
  (void)object;
  expect_one(context, {"claim", "claim_path", "permission"}, "for example claim: role");
  const bool takes_value = !context.has("permission");
  if (context.has("value") == takes_value) return;
  context.complain(
      "value",
      takes_value ? "a claim needs the value that it must have" : "a permission is its own value",
      takes_value ? "add value: admin, for example" : "leave value out");
}

constexpr Key kTokenKeys[] = {
    required(key<&RoleGrantSettings::Token::issuer>("issuer", kIssuerMention, "",
                                                    "A name under issuers.")),
    key<&RoleGrantSettings::Token::claim>("claim", kClaim, "", "The claim to look at."),
    key<&RoleGrantSettings::Token::claim_path>("claim_path", kClaimPath, "",
                                               "Instead: the names on the way to a claim in a "
                                               "claim."),
    key<&RoleGrantSettings::Token::value>("value", kClaimValue, "",
                                          "The claim equals this, or is a list that has it."),
    key<&RoleGrantSettings::Token::permission>("permission", kPermission, "",
                                               "Instead of a claim: a word of the claim scope, or "
                                               "an item of scope or permissions."),
};
constexpr Object kToken{"role_token", "Holders of a token with a certain claim.", kTokenKeys,
                        nullptr, close_role_token};

constexpr Scalar kOwnerMention = types::text("the name of an owner of API keys", "user-service",
                                             check_label, types::kLabelRegex, Mentions::key_owner);
constexpr Key kKeyGrantKeys[] = {
    required(key<&RoleGrantSettings::Key::owner>("owner", kOwnerMention, "",
                                                 "A name under api_keys.owners.")),
};
constexpr Object kKeyGrant{"role_key", "Whoever shows an API key of an owner.", kKeyGrantKeys};

constexpr Scalar make_network() {
  Scalar type{ScalarKind::network, "a network", "10.0.0.0/8"};
  type.max = 128;
  return type;
}
constexpr Scalar kNetwork = make_network();

void close_grant(void* object, Context& context) {
  (void)object;
  expect_one(context, {"identity", "token", "key", "network"},
             "write one list item for each way to hold the role");
}

constexpr Key kGrantKeys[] = {
    key<&RoleGrantSettings::identity>("identity", types::kSpiffePattern, "",
                                      "Peers with this SPIFFE ID; * ends a segment, ** ends the "
                                      "pattern."),
    key<&RoleGrantSettings::token>("token", kToken, "", "Callers whose bearer token says so."),
    key<&RoleGrantSettings::key>("key", kKeyGrant, "", "Callers who show an API key."),
    key<&RoleGrantSettings::network>("network", kNetwork, "",
                                     "Callers whose connection comes from there, whatever headers "
                                     "say; it makes nobody authenticated."),
};
constexpr Object kGrant{"role_grant", "One way to hold a role.", kGrantKeys,
                        origin_of<RoleGrantSettings>, close_grant};

// ---- API keys. ----

void close_key_owner(void* object, Context& context) {
  (void)object;
  if (!context.has("file") && !context.has("env")) {
    context.complain("", "the owner has no keys", "add file: FILE or env: VARIABLE");
  }
}

constexpr Key kKeyOwnerKeys[] = {
    key<&ApiKeyOwnerSettings::file>("file", types::kFile, "",
                                    "Keys, one a line: as epaulet key hash prints them "
                                    "(sha256:HEX), or as they are; # begins a comment. Watched. "
                                    "Relative to the configuration's folder."),
    key<&ApiKeyOwnerSettings::env>("env", kVariable, "",
                                   "An environment variable with such lines, read at the start."),
};
constexpr Object kKeyOwner{"api_key_owner", "Where the keys of one owner stand.", kKeyOwnerKeys,
                           origin_of<ApiKeyOwnerSettings>, close_key_owner};
constexpr Map kKeyOwners =
    map_of<std::string, ApiKeyOwnerSettings>("NAME", types::kLabel, kKeyOwner);

void close_api_keys(void* object, Context& context) {
  const auto& keys = *static_cast<const ApiKeySettings*>(object);
  if (equals_ignore_case(keys.header, keys.owner_header)) {
    context.complain("owner_header", "the header of the key cannot name its owner as well",
                     "for example owner_header: X-Service-Name");
  }
}

constexpr Key kApiKeysKeys[] = {
    key<&ApiKeySettings::header>("header", kCredentialHeader, "X-API-Key",
                                 "The header that holds the key, in any case."),
    key<&ApiKeySettings::owner_header>("owner_header", kCredentialHeader, "",
                                       "A header that must name the owner beside its key; absent: "
                                       "none is looked at."),
    key<&ApiKeySettings::forward>("forward", types::kBoolean, "false",
                                  "Whether the app sees the key."),
    key<&ApiKeySettings::owners>("owners", kKeyOwners, "",
                                 "Who has keys, by name; without any, keys are not looked at."),
};

// ---- What is sent for the app. ----

constexpr Scalar kMintAlgorithm = types::choice("an algorithm", "ES256", kAlgorithmChoices);
constexpr List kMintAudiences = list_of<std::string>(kAudience, 1, 64);
constexpr List kMintPermissions = list_of<std::string>(kPermission, 1, types::kListMax);
constexpr Scalar kLifetime =
    types::duration("5m", std::chrono::seconds(10), std::chrono::hours(24));
constexpr Scalar kSubject = types::text("a subject", "user-service");
constexpr Scalar kKeyId = types::text("the name of a key", "k1");
constexpr Key kMintKeys[] = {
    required(key<&MintSettings::key_file>("key_file", types::kFile, "",
                                          "The private key (PEM), or with HS256 and its like the "
                                          "secret; watched. Relative to the configuration's "
                                          "folder.")),
    key<&MintSettings::algorithm>("algorithm", kMintAlgorithm, "ES256", "How it is signed."),
    key<&MintSettings::key_id>("key_id", kKeyId, "", "The kid that it names; absent: none."),
    required(key<&MintSettings::issuer>("issuer", kIssuerName, "", "The claim iss.")),
    key<&MintSettings::subject>("subject", kSubject, "",
                                "The claim sub; absent: workload.service."),
    required(key<&MintSettings::audiences>("audiences", kMintAudiences, "", "The claim aud.")),
    key<&MintSettings::permissions>("permissions", kMintPermissions, "",
                                    "The claim permissions; absent: none."),
    key<&MintSettings::lifetime>("lifetime", kLifetime, "5m",
                                 "From iat to exp, 10s to 24h; renewed after four fifths of it."),
    key<&MintSettings::header>("header", kCredentialHeader, "Authorization",
                               "The header; Authorization gets `Bearer` before the token."),
};
constexpr Object kMint{"minted_token", "A token that the sidecar signs; it says service: true.",
                       kMintKeys, origin_of<MintSettings>};

void close_sent_key(void* object, Context& context) {
  (void)object;
  expect_one(context, {"file", "env"}, "for example file: order-service.key");
  if (context.has("owner_header") == context.has("owner")) return;
  context.complain("", "owner_header and owner belong together", "write both, or neither");
}
constexpr Key kSentKeyKeys[] = {
    key<&SentKeySettings::file>("file", types::kFile, "",
                                "A file with the key alone; watched. Relative to the "
                                "configuration's folder."),
    key<&SentKeySettings::env>("env", kVariable, "", "Instead: the variable with the key."),
    key<&SentKeySettings::header>("header", kCredentialHeader, "X-API-Key", "The header."),
    key<&SentKeySettings::owner_header>("owner_header", kCredentialHeader, "",
                                        "A header that names the owner; absent: none."),
    key<&SentKeySettings::owner>("owner", kSubject, "", "The owner that it names."),
};
constexpr Object kSentKey{"sent_key", "An API key that the sidecar sends.", kSentKeyKeys,
                          origin_of<SentKeySettings>, close_sent_key};

void close_credentials(void* object, Context& context) {
  (void)object;
  if (!context.has("token") && !context.has("key"))
    context.complain("", "there is nothing to send", "add token or key");
}
constexpr Key kCredentialKeys[] = {
    key<&CredentialSettings::token>("token", kMint, "", "A token that is signed here."),
    key<&CredentialSettings::key>("key", kSentKey, "", "An API key."),
    key<&CredentialSettings::overwrite>("overwrite", types::kBoolean, "false",
                                        "Whether it takes the place of what the app sends itself."),
};

}  // namespace

const Object kCredentials{"credentials", "What the app's requests are sent with.", kCredentialKeys,
                          origin_of<CredentialSettings>, close_credentials};
const Map kIssuers = map_of<std::string, IssuerSettings>("NAME", types::kLabel, kIssuer);
const List kRoleGrants = list_of<RoleGrantSettings>(kGrant, 0, types::kLongListMax);
const Object kApiKeys{"api_keys", "API keys that callers may show.", kApiKeysKeys,
                      origin_of<ApiKeySettings>, close_api_keys};

}  // namespace epaulet::config
