#include "admin/end_page.h"

#include <charconv>

#include "crypto/path_secret.h"

namespace epaulet::admin {
namespace {

constexpr std::chrono::milliseconds kLookEvery{50};

Response told(std::string text) {
  Response page;
  page.content_type = kTextType;
  page.body = std::move(text);
  return page;
}

}  // namespace

Task<Response> EndPage::answer(std::string_view path, Scope& scope) {
  auto rest = path.substr(kPrefix.size());
  const auto secret = rest.substr(0, rest.find('/'));
  if (!is_path_secret(secret_) || !is_same_secret(secret, secret_))
    co_return error_page(404, "there is no such page");
  rest.remove_prefix(secret.size());
  if (rest.empty()) {
    seams_.begin();
    co_return told("no new callers are to come\n");
  }
  int seconds = 0;
  const char* const end = rest.data() + rest.size();
  const auto parsed = std::from_chars(rest.data() + 1, end, seconds);
  if (parsed.ec != std::errc{} || parsed.ptr != end || seconds < 0 || seconds > kSecondsMax)
    co_return error_page(404, "there is no such page");
  co_return co_await hold(std::chrono::seconds(seconds), scope);
}

Task<Response> EndPage::hold(std::chrono::seconds time, Scope& scope) {
  Loop& loop = scope.loop();
  const auto latest = loop.now() + kOursComesWithin;
  while (!seams_.begun_at() && loop.now() < latest) {
    const auto slept = co_await sleep_until(scope, loop.now() + kLookEvery);
    if (!slept) co_return told("");
  }
  const auto begun = seams_.begun_at();
  if (!begun) co_return told("the sidecar goes on\n");
  (void)co_await sleep_until(scope, *begun + time);
  co_return told("callers have had their time\n");
}

}  // namespace epaulet::admin
