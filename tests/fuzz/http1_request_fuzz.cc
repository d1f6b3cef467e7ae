#include "tests/fuzz/support/heads.h"

namespace {

using namespace epaulet;
using namespace epaulet::http;

constexpr http1::HeadLimits kLimits;

/// Codec and oracle agree, on whether and on what.
bool parse(std::string_view bytes, RequestHead& head) {
  const bool taken = http1::parse_request_head(as_bytes(bytes), kLimits, head).has_value();
  if (bytes.size() > kLimits.bytes) {
    EPAULET_ASSERT(!taken);
    return false;
  }
  const auto naive = naive::read_request(bytes, kLimits.fields);
  EPAULET_ASSERT(taken == naive.ok);
  if (!taken) return false;
  EPAULET_ASSERT(head.framing.kind == naive.kind && head.framing.length == naive.length);
  EPAULET_ASSERT(head.keep_alive == naive.keep_alive);
  EPAULET_ASSERT(head.path == naive.path && head.query == naive.query);
  EPAULET_ASSERT(head.authority == naive.authority);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const auto end = fuzz::head_end(text, http1::MessageKind::request);
  RequestHead head;
  parse(text, head);
  if (!end || !parse(text.substr(0, *end), head)) return 0;
  fuzz::check_fields(head, text.substr(0, *end));

  // What goes out is read by the next hop as we read it, and a further hop changes nothing.
  remove_hop_by_hop(head, head.upgrade.empty() ? Upgrading::no : Upgrading::yes);
  const std::string once = fuzz::written(head);
  if (once.size() > kLimits.bytes) return 0;
  RequestHead next;
  EPAULET_ASSERT(parse(once, next));
  EPAULET_ASSERT(next.version == Version::http11);
  EPAULET_ASSERT(next.method_text == head.method_text);
  EPAULET_ASSERT(next.path == head.path || (head.form == TargetForm::absolute && next.path == "*"));
  EPAULET_ASSERT(next.query == head.query && next.upgrade == head.upgrade);
  EPAULET_ASSERT(next.framing.kind == head.framing.kind &&
                 next.framing.length == head.framing.length);
  EPAULET_ASSERT(next.expects_continue == head.expects_continue);
  remove_hop_by_hop(next, next.upgrade.empty() ? Upgrading::no : Upgrading::yes);
  EPAULET_ASSERT(fuzz::written(next) == once);
  return 0;
}
