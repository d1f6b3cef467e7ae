#include "base/ascii.h"
#include "http/sharing.h"
#include "http/stale.h"
#include "tests/fuzz/support/heads.h"

namespace {

using namespace epaulet;
using namespace epaulet::http;

constexpr http1::HeadLimits kLimits;

/// What may stand in for a failure may do so for a bounded time, and never against what forbids it.
void check_stale(const ResponseHead& head) {
  RequestHead request;
  request.method = Method::get;
  const auto declared = std::chrono::nanoseconds(std::chrono::minutes(1));
  const auto lasts = stale_for(request, head, declared);
  if (!lasts) return;
  EPAULET_ASSERT(head.status == 200 && lasts->count() >= 0);
  EPAULET_ASSERT(*lasts <= std::chrono::hours(48));
  EPAULET_ASSERT(head.find("set-cookie") == nullptr);
}

/// What several get is whole, has nothing of one caller's, and is kept from nobody else.
void check_sharing(const ResponseHead& head) {
  if (!may_answer_several(head, {})) return;
  EPAULET_ASSERT(head.status != 206 && head.status != 304 && head.status < 502);
  EPAULET_ASSERT(head.framing.kind != Framing::Kind::until_close);
  for (const Field& field : head.fields) {
    EPAULET_ASSERT(!equals_ignore_case(field.name, "set-cookie"));
    const bool is_vary = equals_ignore_case(field.name, "vary");
    if (!is_vary && !equals_ignore_case(field.name, "cache-control")) continue;
    for_each_element(field.value, [&](std::string_view one) {
      EPAULET_ASSERT(!is_vary || one != "*");
      EPAULET_ASSERT(is_vary ||
                     (!equals_ignore_case(one, "no-store") && !equals_ignore_case(one, "private")));
    });
  }
}

/// Codec and oracle agree, on whether and on what.
bool parse(std::string_view bytes, Method method, ResponseHead& head) {
  const bool taken = http1::parse_response_head(as_bytes(bytes), kLimits, method, head).has_value();
  if (bytes.size() > kLimits.bytes) {
    EPAULET_ASSERT(!taken);
    return false;
  }
  const auto naive = naive::read_response(bytes, kLimits.fields, method);
  EPAULET_ASSERT(taken == naive.ok);
  if (!taken) return false;
  EPAULET_ASSERT(head.framing.kind == naive.kind && head.framing.length == naive.length);
  EPAULET_ASSERT(head.keep_alive == naive.keep_alive);
  EPAULET_ASSERT(head.status == naive.status);
  return true;
}

}  // namespace

/// The first octet chooses the request that is answered: "H" HEAD, "C" CONNECT, anything else GET.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Method method = data[0] == 'H'   ? Method::head
                        : data[0] == 'C' ? Method::connect
                                         : Method::get;
  const auto text = fuzz::text_of(data + 1, size - 1);
  const auto end = fuzz::head_end(text, http1::MessageKind::response);
  ResponseHead head;
  parse(text, method, head);
  if (!end || !parse(text.substr(0, *end), method, head)) return 0;
  fuzz::check_fields(head, text.substr(0, *end));
  check_stale(head);
  check_sharing(head);

  // What goes out is read by the next hop as we read it, and a further hop changes nothing.
  const auto upgrading = head.upgrade.empty() ? Upgrading::no : Upgrading::yes;
  remove_hop_by_hop(head, upgrading);
  const std::string once = fuzz::written(head);
  if (once.size() > kLimits.bytes) return 0;
  ResponseHead next;
  EPAULET_ASSERT(parse(once, method, next));
  EPAULET_ASSERT(next.version == Version::http11);
  EPAULET_ASSERT(next.status == head.status && next.reason == head.reason &&
                 next.upgrade == head.upgrade);
  EPAULET_ASSERT(next.framing.kind == head.framing.kind &&
                 next.framing.length == head.framing.length);
  remove_hop_by_hop(next, upgrading);
  EPAULET_ASSERT(fuzz::written(next) == once);
  return 0;
}
