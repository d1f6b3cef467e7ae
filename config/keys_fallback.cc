#include "config/binding.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/scalar_types.h"

/// What is answered when nothing else can be.
namespace epaulet::config {
namespace {

constexpr Scalar kStatus = types::status("5xx", 400, 599);
constexpr List kStatuses = list_of<std::uint16_t>(kStatus, 1, 200);
constexpr Scalar kAge = types::duration("10m", std::chrono::seconds(1), std::chrono::hours(24));
constexpr Scalar make_size() {
  Scalar type{ScalarKind::size, "a size with its unit", "4MiB"};
  type.min = 64 * 1024;
  type.max = std::int64_t{1} << 30;
  return type;
}
constexpr Scalar kSize = make_size();
constexpr Scalar kAnswerStatus = types::integer("a response status", "200", 200, 599);
constexpr Scalar kContentType = types::text("a media type", "application/json", check_media_type);
constexpr Scalar kBody = types::text("a text", "\"[]\"");

constexpr Key kLastGoodKeys[] = {
    key<&LastGoodSettings::keep>("keep", kAge, "",
                                 "How long a response without Cache-Control: stale-if-error is "
                                 "good, 1s to 24h; absent: only what says so itself."),
    key<&LastGoodSettings::bytes>("bytes", kSize, "4MiB",
                                  "Of all that is kept for the route; the oldest make room. One "
                                  "body is 256KiB at most."),
};
constexpr Object kLastGood{"last_good", "What a GET was last answered with 200.", kLastGoodKeys,
                           origin_of<LastGoodSettings>};

constexpr Key kAnswerKeys[] = {
    key<&FixedAnswerSettings::status>("status", kAnswerStatus, "200", "200 to 599."),
    key<&FixedAnswerSettings::content_type>("content_type", kContentType,
                                            "text/plain; charset=utf-8", "Of the body."),
    key<&FixedAnswerSettings::body>("body", kBody, "", "Absent: empty."),
};

void close_answer(void* object, Context& context) {
  const auto status = static_cast<const FixedAnswerSettings*>(object)->status;
  if (status != 204 && status != 205 && status != 304) return;
  if (context.has("body"))
    context.complain("body", "a response of this status has no body", "remove body");
}
constexpr Object kAnswer{"fallback_answer", "A fixed response.", kAnswerKeys,
                         origin_of<FixedAnswerSettings>, close_answer};

constexpr Scalar kBackendMention = types::text(
    "the name of a backend", "api.default", check_host_name, types::kHostRegex, Mentions::backend);

constexpr Key kKeys[] = {
    key<&FallbackSettings::failures, &FailureSettings::statuses>(
        "statuses", kStatuses, "",
        "Response statuses that it stands in for: 400 to 599, 4xx, 5xx; absent: 5xx. It always "
        "does where no response came."),
    key<&FallbackSettings::last_good>("last_good", kLastGood, "",
                                      "First the last good response to this GET, where HTTP's "
                                      "rules for caches and this let it be kept."),
    key<&FallbackSettings::backend>(
        "backend", kBackendMention, "",
        "Then what this one answers, in the time that is left: without timeouts.attempt a backend "
        "that hangs leaves none. What may have reached an app goes there only if it is idempotent, "
        "has an Idempotency-Key, or retries.non_idempotent says so."),
    key<&FallbackSettings::answer>("answer", kAnswer, "", "Then this."),
};

void close_fallback(void* object, Context& context) {
  (void)object;
  if (context.has("last_good") || context.has("backend") || context.has("answer")) return;
  context.complain("", "the fallback has nothing to give",
                   "add last_good: { keep: 10m }, backend: NAME or answer: { body: TEXT }");
}

}  // namespace

const Object kFallback{"fallback", "What is answered instead of a failure.", kKeys,
                       origin_of<FallbackSettings>, close_fallback};

}  // namespace epaulet::config
