#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"

/// Which endpoint of a backend is next.
namespace epaulet::config {
namespace {

constexpr Choice kBalancePolicies[] = {
    {"p2c_ewma", static_cast<int>(BalancePolicy::p2c_ewma)},
    {"least_request", static_cast<int>(BalancePolicy::least_request)},
    {"round_robin", static_cast<int>(BalancePolicy::round_robin)},
    {"random", static_cast<int>(BalancePolicy::random)},
    {"sticky", static_cast<int>(BalancePolicy::sticky)},
    {"ring_hash", static_cast<int>(BalancePolicy::ring_hash)},
    {"maglev", static_cast<int>(BalancePolicy::maglev)}};
constexpr Scalar kBalancePolicy =
    types::choice("a way to balance", "least_request", kBalancePolicies);
constexpr Scalar kSlowStart =
    types::duration("30s", std::chrono::seconds(1), std::chrono::hours(1));
constexpr Scalar kCookieName =
    types::text("a cookie's name", "session", check_cookie_name, types::kTokenRegex);
constexpr Scalar kCookieTtl =
    types::duration("1h", std::chrono::seconds(1), std::chrono::hours(365 * 24));
constexpr Key kSessionKeyKeys[] = {
    key<&SessionKeySettings::cookie>("cookie", kCookieName, "",
                                     "A cookie of ours, which the first answer sets; its value "
                                     "says nothing of the endpoint."),
    key<&SessionKeySettings::ttl>("ttl", kCookieTtl, "",
                                  "How long the caller keeps the cookie; absent: as long as the "
                                  "browser runs."),
    key<&SessionKeySettings::header>("header", types::kHeaderName, "",
                                     "A request header; requests without it go anywhere."),
    key<&SessionKeySettings::source>("source", types::kBoolean, "",
                                     "The calling pod: all that it sends goes to one endpoint, "
                                     "what is not HTTP included."),
};

void close_session_key(void* object, Context& context) {
  const auto& by = *static_cast<const SessionKeySettings*>(object);
  if (by.source == false) {
    context.complain("source", "source: false says nothing", "remove it, or write true");
  }
  if (context.has("cookie") + context.has("header") + context.has("source") != 1) {
    context.complain("", "expected exactly one of cookie, header and source",
                     "by: { cookie: session }, by: { header: x-session } or by: { source: true }");
  }
  if (context.has("ttl") && !context.has("cookie")) {
    context.complain("ttl", "ttl belongs to cookie", "remove ttl");
  }
}
constexpr Object kSessionKey{"session_key", "What the requests of one session have in common.",
                             kSessionKeyKeys, origin_of<SessionKeySettings>, close_session_key};

constexpr Scalar make_overprovisioning() {
  Scalar type{ScalarKind::number, "a number", "1.4"};
  type.min = 1;
  type.max = 10;
  return type;
}
constexpr Scalar kOverprovisioning = make_overprovisioning();
constexpr Key kLocalityKeys[] = {
    key<&LocalitySettings::overprovisioning_factor>(
        "overprovisioning_factor", kOverprovisioning, "1.4",
        "The own zone gets all requests as long as this times the share of its endpoints that are "
        "well is 1 or more (1.4: five of seven), below that so much of them; other zones get the "
        "rest. 1 to 10."),
};
constexpr Object kLocality{"locality",
                           "Endpoints of the own zone first, as long as enough of them are well; "
                           "sessions are not divided.",
                           kLocalityKeys,
                           origin_of<LocalitySettings>,
                           nullptr,
                           true};

constexpr Key kBalanceKeys[] = {
    key<&BalanceSettings::policy>(
        "policy", kBalancePolicy, "p2c_ewma",
        "p2c_ewma: the better of two by latency and what is under way; least_request: by what is "
        "under way alone; round_robin: one after the other; random: any; sticky, ring_hash and "
        "maglev: a session stays at its endpoint as long as that is there."),
    key<&BalanceSettings::by>("by", kSessionKey, "",
                              "What makes a session, with sticky, ring_hash and maglev."),
    key<&BalanceSettings::slow_start>(
        "slow_start", kSlowStart, "",
        "A new endpoint's share grows to the full one in this time, with p2c_ewma and "
        "least_request; absent: it has it at once."),
    key<&BalanceSettings::locality>(
        "locality", kLocality, "",
        "Endpoints of workload.zone first, where zones are known; {} will do; absent: zones do not "
        "matter."),
};

void close_balance(void* object, Context& context) {
  const auto& balance = *static_cast<const BalanceSettings*>(object);
  const auto policy = balance.policy;
  if (keeps_sessions(policy) && !context.has("by")) {
    context.complain("policy", "this policy needs by",
                     "by: { cookie: session }, by: { header: x-session } or by: { source: true }");
  }
  if (!keeps_sessions(policy) && context.has("by")) {
    context.complain("by", "by belongs to the policies sticky, ring_hash and maglev",
                     "add policy: sticky, or remove by");
  }
  const bool looks_at_loads =
      policy == BalancePolicy::p2c_ewma || policy == BalancePolicy::least_request;
  if (!looks_at_loads && context.has("slow_start")) {
    context.complain("slow_start", "slow_start belongs to the policies p2c_ewma and least_request",
                     "remove slow_start, or add policy: p2c_ewma");
  }
}

}  // namespace

const Object kBalance{"balance", "Which endpoint is next.", kBalanceKeys,
                      origin_of<BalanceSettings>, close_balance};

}  // namespace epaulet::config
