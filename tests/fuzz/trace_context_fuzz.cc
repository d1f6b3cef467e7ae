// traceparent and B3: what is read is written again, and means the same.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "telemetry/b3.h"

namespace {

using namespace epaulet::telemetry;

bool are_same(const TraceContext& a, const TraceContext& b) {
  return a.trace_id == b.trace_id && a.parent_id == b.parent_id && a.sampled == b.sampled;
}

std::string_view value_of(std::string_view line) {
  line.remove_prefix(line.find(": ") + 2);
  return line.substr(0, line.find("\r\n"));
}

void check(const B3& b3) {
  EPAULET_ASSERT(b3.context || b3.decision);
  EPAULET_ASSERT(!b3.debug || b3.decision == true);
  if (!b3.context) return;
  B3Lines line;
  line.add(*b3.context, b3.debug);
  const auto again = parse_b3(value_of(line.view()));
  EPAULET_ASSERT(again && again->context && are_same(*again->context, *b3.context));
  const auto text = b3.context->to_text();
  const auto as_w3c = TraceContext::parse({text.data(), text.size()});
  EPAULET_ASSERT(as_w3c && are_same(*as_w3c, *b3.context));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  if (const auto context = TraceContext::parse(all)) {
    const auto text = context->to_text();
    const auto again = TraceContext::parse({text.data(), text.size()});
    EPAULET_ASSERT(again && are_same(*again, *context));
  }
  if (const auto b3 = parse_b3(all)) check(*b3);
  B3Fields fields;
  auto rest = all;
  for (auto* field : {&fields.trace_id, &fields.span_id, &fields.sampled, &fields.flags}) {
    *field = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), field->size() + 1));
  }
  if (const auto b3 = parse_b3(fields)) check(*b3);
  return 0;
}
