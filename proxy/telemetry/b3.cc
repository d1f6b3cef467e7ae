#include "telemetry/b3.h"

#include <algorithm>

#include "base/ascii.h"

namespace epaulet::telemetry {
namespace {

constexpr std::size_t kShortId = 16;  // Digits.
constexpr std::size_t kLongId = 32;

/// Lower case is the rule; whoever writes upper case means the same.
bool read_hex(std::string_view text, char* out) {
  bool any = false;
  for (const char c : text) {
    const char digit = to_lower(c);
    if (!((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f'))) return false;
    any = any || digit != '0';
    *out++ = digit;
  }
  return any;
}

std::optional<TraceContext> read_ids(std::string_view trace, std::string_view span) {
  if ((trace.size() != kShortId && trace.size() != kLongId) || span.size() != kShortId)
    return std::nullopt;
  TraceContext context;
  context.trace_id.fill('0');
  if (!read_hex(trace, context.trace_id.data() + kLongId - trace.size())) return std::nullopt;
  if (!read_hex(span, context.parent_id.data())) return std::nullopt;
  return context;
}

/// "true" and "false" are of early versions.
bool read_decision(std::string_view text, B3& out) {
  if (text == "1" || text == "true") {
    out.decision = true;
  } else if (text == "0" || text == "false") {
    out.decision = false;
  } else if (text == "d") {
    out.decision = out.debug = true;
  } else {
    return false;
  }
  return true;
}

B3 with_context(B3 b3, const TraceContext& context) {
  b3.context = context;
  b3.context->sampled = b3.decision.value_or(false);
  return b3;
}

std::string_view trace_id_of(const TraceContext& context) {
  const std::string_view all(context.trace_id.data(), kLongId);
  const bool is_short = all.substr(0, kShortId).find_first_not_of('0') == all.npos;
  return is_short ? all.substr(kShortId) : all;
}

std::string_view parent_of(const TraceContext& context) {
  return {context.parent_id.data(), context.parent_id.size()};
}

}  // namespace

std::optional<B3> parse_b3(std::string_view value) {
  B3 b3;
  if (value.size() < kShortId) {
    if (!read_decision(value, b3)) return std::nullopt;
    return b3;
  }
  const auto trace_end = value.find('-');
  if (trace_end == value.npos) return std::nullopt;
  const auto trace = value.substr(0, trace_end);
  auto rest = value.substr(trace_end + 1);
  const auto context = read_ids(trace, rest.substr(0, kShortId));
  if (!context) return std::nullopt;
  rest.remove_prefix(kShortId);
  if (rest.empty()) return with_context(b3, *context);
  if (rest.front() != '-') return std::nullopt;
  rest.remove_prefix(1);
  const auto decision_end = std::min(rest.find('-'), rest.size());
  if (!read_decision(rest.substr(0, decision_end), b3)) return std::nullopt;
  if (decision_end < rest.size()) {
    std::array<char, kShortId> grandparent;
    const auto text = rest.substr(decision_end + 1);
    if (text.size() != kShortId || !read_hex(text, grandparent.data())) return std::nullopt;
  }
  return with_context(b3, *context);
}

std::optional<B3> parse_b3(const B3Fields& fields) {
  B3 b3;
  if (!fields.sampled.empty() && !read_decision(fields.sampled, b3)) return std::nullopt;
  if (fields.flags == "1") b3.decision = b3.debug = true;
  if (fields.trace_id.empty() && fields.span_id.empty()) {
    if (!b3.decision) return std::nullopt;
    return b3;
  }
  const auto context = read_ids(fields.trace_id, fields.span_id);
  if (!context) return std::nullopt;
  return with_context(b3, *context);
}

void B3Lines::add(const TraceContext& context, bool debug) {
  put("b3: ");
  put(trace_id_of(context));
  put("-");
  put(parent_of(context));
  put(debug ? "-d\r\n" : context.sampled ? "-1\r\n" : "-0\r\n");
}

void B3Lines::add_multi(const TraceContext& context, bool debug) {
  put("x-b3-traceid: ");
  put(trace_id_of(context));
  put("\r\nx-b3-spanid: ");
  put(parent_of(context));
  // The flag says that it is sampled, and then nothing else says so.
  put(debug             ? "\r\nx-b3-flags: 1\r\n"
      : context.sampled ? "\r\nx-b3-sampled: 1\r\n"
                        : "\r\nx-b3-sampled: 0\r\n");
}

}  // namespace epaulet::telemetry
