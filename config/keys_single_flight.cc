#include <algorithm>

#include "base/identity_fields.h"
#include "config/context.h"
#include "config/diagnostic.h"
#include "config/keys_shaping.h"
#include "config/scalar_types.h"
#include "config/text_checks.h"

/// Requests that ask the same at the same time.
namespace epaulet::config {
namespace {

constexpr Scalar kWait =
    types::duration("2s", std::chrono::milliseconds(10), std::chrono::minutes(1));
constexpr Scalar kWaiting = types::integer("a number of requests", "1000", 1, 1'000'000);
constexpr Scalar make_size() {
  Scalar type{ScalarKind::size, "a size with its unit", "4MiB"};
  type.min = 64 * 1024;
  type.max = std::int64_t{1} << 32;
  return type;
}
constexpr Scalar kSize = make_size();
constexpr List kHeaderNames = list_of<std::string>(types::kHeaderName, 1, 20);

constexpr Key kKeys[] = {
    key<&SingleFlightSettings::wait>("wait", kWait, "2s",
                                     "For another's answer, 10ms to 1m, and half of what a request "
                                     "has left at most; then it asks itself, too."),
    key<&SingleFlightSettings::waiting>("waiting", kWaiting, "1000",
                                        "Requests that wait, over all workers; others ask "
                                        "themselves."),
    key<&SingleFlightSettings::bytes>("bytes", kSize, "4MiB",
                                      "Of all answers that are kept for them; a body is 256KiB at "
                                      "most."),
    key<&SingleFlightSettings::ignore_headers>(
        "ignore_headers", kHeaderNames, "",
        "Headers that change no answer and do not say who asks; all others, but for ids of "
        "requests and traces, must be the same. In shared answers they are left out."),
    key<&SingleFlightSettings::with_credentials>(
        "with_credentials", types::kBoolean, "false",
        "Requests with Authorization, Cookie or another credential too, with those that have the "
        "same; absent: each of them asks."),
};

/// Whatever names a user must be compared, under whichever name it goes. What others of our keys
/// take for one is looked for in validate.cc.
void close_single_flight(void* object, Context& context) {
  const auto& settings = *static_cast<const SingleFlightSettings*>(object);
  for (const auto& name : settings.ignore_headers) {
    if (std::find(kIdentityFields.begin(), kIdentityFields.end(), as_cgi(name)) ==
        kIdentityFields.end())
      continue;
    context.complain("ignore_headers", in_quotes(name) + " says whose the answer is",
                     "remove it from ignore_headers");
  }
  if (!settings.with_credentials || settings.ignore_headers.empty()) return;
  context.complain("ignore_headers",
                   "with credentials all headers are compared, since any may say whose it is",
                   "remove ignore_headers or with_credentials");
}

}  // namespace

const Object kSingleFlight{
    "single_flight",
    "GETs and HEADs that ask the same at the same time, of one worker, are answered "
    "by one.",
    kKeys, origin_of<SingleFlightSettings>, close_single_flight};

}  // namespace epaulet::config
