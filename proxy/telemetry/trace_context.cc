#include "telemetry/trace_context.h"

#include <algorithm>
#include <cstdint>

#include "telemetry/hex.h"

namespace epaulet::telemetry {
namespace {

/// Never all zeros: W3C Trace Context sections 3.2.2.3 and 3.2.2.4 call that invalid.
std::uint64_t non_zero(Random& random) {
  const std::uint64_t drawn = random.next();
  return drawn == 0 ? 1 : drawn;
}

/// Lower case only (section 3.2.2: HEXDIGLC).
bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/// Of an id, whose length is a multiple of eight; all zeros are none (sections 3.2.2.3, 3.2.2.4).
bool is_id(std::string_view text) {
  std::uint64_t digits = 0;
  for (std::size_t at = 0; at < text.size(); at += 8) {
    if (!is_hex_half(text.data() + at)) return false;
    digits |= read_hex_half(text.data() + at);
  }
  return digits != 0;
}

int hex_value(char c) {
  return c <= '9' ? c - '0' : c - 'a' + 10;
}

}  // namespace

std::optional<TraceContext> TraceContext::parse(std::string_view text) {
  constexpr std::size_t kSize = 55;  // version 2, trace id 32, parent id 16, flags 2, three dashes
  if (text.size() < kSize || text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  const auto version = text.substr(0, 2);
  const auto trace = text.substr(3, 32);
  const auto parent = text.substr(36, 16);
  const auto flags = text.substr(53, 2);
  if (!is_hex(version[0]) || !is_hex(version[1]) || !is_hex(flags[0]) || !is_hex(flags[1]))
    return {};
  if (!is_id(trace) || !is_id(parent)) return {};
  // Section 3.2.2.1: ff is forbidden; section 4.3: higher versions may only append after a dash.
  if (version == "ff") return {};
  if (version == "00" && text.size() != kSize) return {};
  if (text.size() > kSize && text[kSize] != '-') return {};
  TraceContext context;
  trace.copy(context.trace_id.data(), trace.size());
  parent.copy(context.parent_id.data(), parent.size());
  context.sampled = (hex_value(flags[1]) & 1) != 0;
  return context;
}

TraceContext TraceContext::begin(Random& random, bool sampled) {
  TraceContext context;
  write_hex(random.next(), context.trace_id.data());
  write_hex(non_zero(random), context.trace_id.data() + 16);
  write_hex(non_zero(random), context.parent_id.data());
  context.sampled = sampled;
  return context;
}

TraceContext TraceContext::of(const SpanIds& parent) {
  TraceContext context;
  write_hex(parent.trace_high, context.trace_id.data());
  write_hex(parent.trace_low, context.trace_id.data() + 16);
  write_hex(parent.span, context.parent_id.data());
  return context;
}

TraceContext TraceContext::child(Random& random) const {
  TraceContext context = *this;
  write_hex(non_zero(random), context.parent_id.data());
  return context;
}

std::array<char, 55> TraceContext::to_text() const {
  std::array<char, 55> text;
  char* out = std::copy_n("00-", 3, text.data());
  out = std::copy(trace_id.begin(), trace_id.end(), out);
  *out++ = '-';
  out = std::copy(parent_id.begin(), parent_id.end(), out);
  *out++ = '-';
  *out++ = '0';
  *out = sampled ? '1' : '0';
  return text;
}

void write_request_id(Random& random, std::array<char, 32>& out) {
  write_hex(random.next(), out.data());
  write_hex(random.next(), out.data() + 16);
}

}  // namespace epaulet::telemetry
