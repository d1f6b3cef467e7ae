#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"

/// Which endpoint of a backend is next.
namespace epaulet::config {
namespace {

constexpr Choice kBalancePolicies[] = {
    {"round_robin", static_cast<int>(BalancePolicy::round_robin)},
    {"sticky", static_cast<int>(BalancePolicy::sticky)}};
constexpr Scalar kBalancePolicy =
    types::choice("round_robin or sticky", "sticky", kBalancePolicies);
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

constexpr Key kBalanceKeys[] = {
    key<&BalanceSettings::policy>("policy", kBalancePolicy, "round_robin",
                                  "round_robin: one after the other, by weight; sticky: a session "
                                  "stays at its endpoint as long as that is there."),
    key<&BalanceSettings::by>("by", kSessionKey, "", "What makes a session, with sticky."),
};

void close_balance(void* object, Context& context) {
  const auto& balance = *static_cast<const BalanceSettings*>(object);
  if (balance.policy == BalancePolicy::sticky && !context.has("by")) {
    context.complain("policy", "policy sticky needs by",
                     "by: { cookie: session }, by: { header: x-session } or by: { source: true }");
  }
  if (balance.policy != BalancePolicy::sticky && context.has("by")) {
    context.complain("by", "by belongs to policy sticky", "add policy: sticky, or remove by");
  }
}

}  // namespace

const Object kBalance{"balance", "Which endpoint is next.", kBalanceKeys,
                      origin_of<BalanceSettings>, close_balance};

}  // namespace epaulet::config
