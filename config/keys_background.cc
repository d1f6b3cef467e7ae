#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"
#include "config/units.h"

/// What is accepted at once and delivered later.
namespace epaulet::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr Scalar kTries = types::integer("a number of tries", "10", 1, 1'000);
constexpr Scalar kAge = types::duration("10m", std::chrono::seconds(1), hours(24));
constexpr Scalar kPause = types::duration("1s", milliseconds(1), hours(1));
constexpr Scalar kQueue = types::integer("a number of requests", "1000", 1, 1'000'000);
constexpr Scalar make_size() {
  Scalar type{ScalarKind::size, "a size with its unit", "16MiB"};
  type.min = 64 * 1024;
  type.max = std::int64_t{1} << 32;
  return type;
}
constexpr Scalar kSize = make_size();

void close_pauses(void* object, Context& context) {
  const auto& backoff = *static_cast<const BackoffSettings*>(object);
  if (backoff.initial <= backoff.max) return;
  context.complain("initial", "initial (" + write_duration(backoff.initial.count()) +
                                  ") is longer than max (" + write_duration(backoff.max.count()) +
                                  ")");
}
constexpr Key kPauseKeys[] = {
    key<&BackoffSettings::initial>("initial", kPause, "1s", "The longest before the second try."),
    key<&BackoffSettings::max>("max", kPause, "1m", "It doubles with each try, up to this."),
};
constexpr Object kPauses{"background_backoff",
                         "How long to wait before another try: a random time up to so much.",
                         kPauseKeys, nullptr, close_pauses};

constexpr Key kKeys[] = {
    key<&BackgroundSettings::tries>("tries", kTries, "10",
                                    "Tries, each with its own retries; then it is given up."),
    key<&BackgroundSettings::give_up_after>("give_up_after", kAge, "10m",
                                            "Since it was accepted, 1s to 24h; ends a try, too."),
    key<&BackgroundSettings::backoff>("backoff", kPauses, "", "The time between tries."),
    key<&BackgroundSettings::queue>("queue", kQueue, "1000",
                                    "Requests of this route that may wait, over all workers; "
                                    "beyond that: 503."),
    key<&BackgroundSettings::bytes>("bytes", kSize, "16MiB",
                                    "Of all of them together, heads and bodies; beyond that: 503. "
                                    "One body is 1MiB at most."),
};

}  // namespace

const Object kBackground{"background", "Requests are accepted at once and delivered later.", kKeys,
                         origin_of<BackgroundSettings>};

}  // namespace epaulet::config
