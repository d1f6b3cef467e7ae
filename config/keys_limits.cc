#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"

/// How many requests in how much time.
namespace epaulet::config {
namespace {

constexpr Scalar kRequests = types::integer("a number of requests", "100", 1, 1'000'000);
constexpr Scalar kPer =
    types::duration("1s", std::chrono::milliseconds(100), std::chrono::hours(24));
constexpr Scalar kBuckets = types::integer("a number of buckets", "10000", 8, 1'000'000);

constexpr std::string_view kHeaderDoc = "A request header; requests without it share a bucket.";
constexpr Key kRateKeyKeys[] = {
    key<&RateKeySettings::principal>(
        "principal", types::kBoolean, "",
        "Whom the identity, the token and the API key of a request prove together; who proves "
        "nothing is known by address."),
    key<&RateKeySettings::address>("address", types::kBoolean, "",
                                   "The address that the connection comes from; of IPv6 its first "
                                   "64 bits."),
    key<&RateKeySettings::header>("header", types::kHeaderName, "", kHeaderDoc),
};
/// All requests of the app are one principal's, the workload's (reader_keys.cc says so).
constexpr Key kAppRateKeyKeys[] = {
    key<&RateKeySettings::address>("address", types::kBoolean, "",
                                   "The address that the app dials from; of IPv6 its first 64 "
                                   "bits."),
    key<&RateKeySettings::header>("header", types::kHeaderName, "", kHeaderDoc),
};

void complain_of_false(const RateKeySettings& by, Context& context) {
  const std::pair<const char*, std::optional<bool>> flags[] = {{"principal", by.principal},
                                                               {"address", by.address}};
  for (const auto& [name, value] : flags) {
    if (value != false) continue;
    context.complain(name, std::string(name) + ": false says nothing", "remove it, or write true");
  }
}

void close_rate_key(void* object, Context& context) {
  complain_of_false(*static_cast<const RateKeySettings*>(object), context);
  if (context.has("principal") + context.has("address") + context.has("header") != 1) {
    context.complain("", "expected exactly one of principal, address and header",
                     "by: { principal: true }, by: { address: true } or by: { header: x-tenant }");
  }
}
constexpr Object kRateKey{"rate_key", "Which requests share a bucket.", kRateKeyKeys,
                          origin_of<RateKeySettings>, close_rate_key};

void close_app_rate_key(void* object, Context& context) {
  complain_of_false(*static_cast<const RateKeySettings*>(object), context);
  if (context.has("address") + context.has("header") == 1) return;
  context.complain("", "expected exactly one of address and header",
                   "by: { header: x-tenant } or by: { address: true }");
}
constexpr Object kAppRateKey{"app_rate_key", "Which requests share a bucket.", kAppRateKeyKeys,
                             origin_of<RateKeySettings>, close_app_rate_key};

/// The same keys in an object of their own and among those of a rule. They count so many requests
/// in so much time.
constexpr std::string_view kRequestsDoc = "So many requests in each `per`, evenly.";
constexpr std::string_view kPerDoc = "100ms to 24h.";
constexpr std::string_view kBurstDoc =
    "So many at once after a pause; absent: as many as requests.";
constexpr std::string_view kByDoc = "Which requests share a bucket; absent: all of them.";
constexpr std::string_view kBucketsDoc =
    "Buckets at once, with by; beyond that the fullest ones are forgotten.";

constexpr Key kRateLimitKeys[] = {
    required(key<&RateLimitSettings::requests>("requests", kRequests, "", kRequestsDoc)),
    key<&RateLimitSettings::per>("per", kPer, "1s", kPerDoc),
    key<&RateLimitSettings::burst>("burst", kRequests, "", kBurstDoc),
    key<&RateLimitSettings::by>("by", kAppRateKey, "", kByDoc),
    key<&RateLimitSettings::keys>("buckets", kBuckets, "10000", kBucketsDoc),
};

constexpr Scalar make_port_mention() {
  Scalar type = types::kPort;
  type.mentions = Mentions::workload_port;
  return type;
}
constexpr Scalar kPortMention = make_port_mention();
constexpr List kPortMentions = list_of<std::uint16_t>(kPortMention, 1, types::kListMax);

using Inbound = InboundRateLimitSettings;
constexpr Key kInboundKeys[] = {
    required(key<&Inbound::name>("name", types::kLabel, "",
                                 "The limit's name in metrics, logs and explain; unique.")),
    key<&Inbound::paths>("paths", kPathPatterns, "", "As in access rules; absent: any."),
    key<&Inbound::methods>("methods", kMethods, "", "Methods; absent: any."),
    key<&Inbound::hosts>("hosts", kHostPatterns, "", "Hosts, without port; absent: any."),
    key<&Inbound::headers>("headers", kHeaderMatches, "",
                           "Headers that a request must have, all of them."),
    key<&Inbound::ports>("ports", kPortMentions, "", "Ports of workload.ports; absent: any."),
    required(key<&Inbound::limit, &RateLimitSettings::requests>("requests", kRequests, "",
                                                                kRequestsDoc)),
    key<&Inbound::limit, &RateLimitSettings::per>("per", kPer, "1s", kPerDoc),
    key<&Inbound::limit, &RateLimitSettings::burst>("burst", kRequests, "", kBurstDoc),
    key<&Inbound::limit, &RateLimitSettings::by>("by", kRateKey, "", kByDoc),
    key<&Inbound::limit, &RateLimitSettings::keys>("buckets", kBuckets, "10000", kBucketsDoc),
};
constexpr Object kInbound{"inbound_rate_limit",
                          "How many of these requests this app's callers may make.", kInboundKeys,
                          origin_of<Inbound>};

}  // namespace

const Object kRateLimit{"rate_limit", "How many requests the app may make.", kRateLimitKeys,
                        origin_of<RateLimitSettings>};
const List kRateLimits = list_of<InboundRateLimitSettings>(kInbound, 0, types::kListMax);

}  // namespace epaulet::config
