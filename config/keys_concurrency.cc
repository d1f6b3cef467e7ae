#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"

/// How much the app is asked at once, and what is refused first.
namespace epaulet::config {
namespace {

constexpr Choice kToldChoices[] = {{"sheddable", static_cast<int>(Criticality::sheddable)},
                                   {"default", static_cast<int>(Criticality::normal)},
                                   {"critical", static_cast<int>(Criticality::critical)}};
constexpr Choice kCriticalityChoices[] = {{"sheddable", static_cast<int>(Criticality::sheddable)},
                                          {"default", static_cast<int>(Criticality::normal)},
                                          {"critical", static_cast<int>(Criticality::critical)},
                                          {"exempt", static_cast<int>(Criticality::exempt)}};
constexpr Scalar kIs =
    types::choice("sheddable, default, critical or exempt", "sheddable", kCriticalityChoices);

constexpr Scalar make_port_mention() {
  Scalar type = types::kPort;
  type.mentions = Mentions::workload_port;
  return type;
}
constexpr Scalar kPortMention = make_port_mention();
constexpr List kPortMentions = list_of<std::uint16_t>(kPortMention, 1, types::kListMax);

constexpr Key kClassKeys[] = {
    required(key<&CriticalitySettings::name>("name", types::kLabel, "",
                                             "Of these requests, in explain; unique.")),
    key<&CriticalitySettings::paths>("paths", kPathPatterns, "",
                                     "As in access rules; absent: any."),
    key<&CriticalitySettings::methods>("methods", kMethods, "", "Methods; absent: any."),
    key<&CriticalitySettings::hosts>("hosts", kHostPatterns, "",
                                     "Hosts, without port; absent: any."),
    key<&CriticalitySettings::headers>("headers", kHeaderMatches, "",
                                       "Headers that a request must have, all of them."),
    key<&CriticalitySettings::ports>("ports", kPortMentions, "",
                                     "Ports of workload.ports; absent: any."),
    required(key<&CriticalitySettings::is>(
        "is", kIs, "",
        "sheddable: refused first; default; critical: refused last; exempt: never refused and not "
        "counted, for calls that wait long on purpose.")),
};
constexpr Object kClass{"criticality", "How critical these requests are.", kClassKeys,
                        origin_of<CriticalitySettings>};
constexpr List kClasses = list_of<CriticalitySettings>(kClass, 1, types::kListMax);

constexpr Scalar kLeast = types::integer("a number of requests", "8", 1, 100'000);
constexpr Scalar kMost = types::integer("a number of requests", "1000", 1, 1'000'000);
constexpr Scalar kRemeasure =
    types::duration("1m", std::chrono::seconds(1), std::chrono::hours(24));
constexpr Scalar kTolerance = types::kShare;
constexpr Key kConcurrencyKeys[] = {
    key<&ConcurrencySettings::min>("min", kLeast, "8",
                                   "The limit is never lower, and that low where the app's latency "
                                   "at rest is measured."),
    key<&ConcurrencySettings::max>("max", kMost, "1000", "The limit is never higher."),
    key<&ConcurrencySettings::tolerance>("tolerance", kTolerance, "50%",
                                         "So much slower than at rest the app may answer before "
                                         "the limit falls."),
    key<&ConcurrencySettings::remeasure>(
        "remeasure", kRemeasure, "1m",
        "How often an app that has been slower than tolerated is looked at with the limit at min, "
        "in case it is slower for good; a fifth more or less."),
    key<&ConcurrencySettings::criticality>(
        "criticality", kClasses, "",
        "What is refused first, and what last; the first that matches counts. What none matches "
        "is as critical as a sidecar of the mesh says in x-epaulet-criticality, else default."),
};

void close_concurrency(void* object, Context& context) {
  const auto& settings = *static_cast<const ConcurrencySettings*>(object);
  if (settings.min <= settings.max) return;
  context.complain("min",
                   "min (" + std::to_string(settings.min) + ") is above max (" +
                       std::to_string(settings.max) + ")",
                   "make max the larger one");
}

}  // namespace

const Object kConcurrency{"concurrency",
                          "How much the app is asked at once, found from how fast it answers.",
                          kConcurrencyKeys, origin_of<ConcurrencySettings>, close_concurrency};
const Scalar kCriticality =
    types::choice("sheddable, default or critical", "critical", kToldChoices);

}  // namespace epaulet::config
