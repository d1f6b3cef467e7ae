#include "path/rate_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "balance/picker.h"

namespace epaulet::path {
namespace {

using resilience::RateLimit;
using telemetry::Event;

std::uint64_t hash_of(std::string_view text) {
  return balance::session_hash(text);
}

/// Of IPv6 the network of one customer, who has all the rest of the address to choose from.
std::uint64_t hash_of(const IpAddress& address) {
  const auto& bytes = address.bytes();
  const std::size_t significant = address.is_v4() ? 4 : 8;
  std::array<char, 9> text{};
  text[0] = address.is_v4() ? '4' : '6';
  std::copy_n(bytes.begin(), significant, text.begin() + 1);
  return hash_of({text.data(), significant + 1});
}

std::uint64_t hash_of(const Principals& who) {
  std::uint64_t hash = hash_of(who.peer);
  const auto mix_in = [&hash](std::string_view text) {
    hash = hash * 0x9e3779b97f4a7c15ULL + hash_of(text);
  };
  mix_in(who.key_owner);
  if (who.token == nullptr) return hash;
  mix_in(who.token->issuer);
  mix_in(who.token->subject_hash);
  return hash;
}

std::uint64_t key_of(const Exchange& exchange, const RateLimitState& limit,
                     const Principals* principals, const IpAddress& client) {
  if (limit.by == nullptr) return 0;
  if (!limit.by->header.empty()) {
    const auto* field = exchange.request.find(limit.by->header);
    return field == nullptr ? 0 : hash_of(field->value);
  }
  if (limit.by->principal && principals != nullptr && !principals->is_anonymous())
    return hash_of(*principals);
  return hash_of(client);
}

std::int64_t rounded_up(Duration time, Duration unit) {
  return (time + unit - Duration(1)) / unit;
}

/// What the caller hears is of the limit that it meets next.
void note(Exchange& exchange, const RateLimit::Verdict& verdict) {
  if (!exchange.rate || !verdict.allowed || verdict.remaining < exchange.rate->remaining)
    exchange.rate = verdict;
}

Error refused(Exchange& exchange, const RateLimitState& limit, const RateLimit::Verdict& verdict) {
  const auto ms = rounded_up(verdict.retry_in, std::chrono::milliseconds(1));
  const auto left = static_cast<std::int32_t>(
      std::clamp<std::int64_t>(ms, 1, std::numeric_limits<std::int32_t>::max()));
  Error error(ErrorCode::rate_limited, Side::self, Stage::limit, Retry::never, left);
  error.note = limit.note;
  exchange.trace(Stage::limit, Event::rate_limited, limit.note, static_cast<std::uint32_t>(left));
  return error;
}

}  // namespace

Result<void> within_limits(Exchange& exchange, const Principals& principals,
                           const IpAddress& client) {
  const auto& limits = exchange.snapshot().inbound_limits;
  const auto port = exchange.connection.destination.port;
  const auto meets = [&](const InboundLimit& one) {
    const bool is_of_port =
        one.ports.empty() || std::find(one.ports.begin(), one.ports.end(), port) != one.ports.end();
    // Whatever apps do by default to spellings, it counts.
    return is_of_port && (one.match.matches(exchange.request) ||
                          one.match.matches(exchange.request, Reading::lenient));
  };
  for (std::size_t i = 0; i < limits.size(); ++i) {
    if (!meets(limits[i])) continue;
    const auto& state = limits[i].state;
    const auto verdict =
        state.limit->take(key_of(exchange, state, &principals, client), exchange.now());
    note(exchange, verdict);
    if (verdict.allowed) continue;
    for (std::size_t before = 0; before < i; ++before) {
      if (!meets(limits[before])) continue;
      const auto& taken = limits[before].state;
      taken.limit->give_back(key_of(exchange, taken, &principals, client));
    }
    return refused(exchange, state, verdict);
  }
  return Result<void>();
}

Result<void> within_limit(Exchange& exchange, const RateLimitState& limit) {
  if (limit.limit == nullptr) return Result<void>();
  const auto verdict = limit.limit->take(
      key_of(exchange, limit, nullptr, exchange.record.downstream.ip), exchange.now());
  note(exchange, verdict);
  if (!verdict.allowed) return refused(exchange, limit, verdict);
  return Result<void>();
}

void add_rate_fields(const Exchange& exchange, http::AddedFields& fields) {
  if (!exchange.rate) return;
  const auto add = [&fields](std::string_view name, std::int64_t value) {
    const fmt::format_int text(value);
    fields.add(name, {text.data(), text.size()});
  };
  add("RateLimit-Limit", exchange.rate->limit);
  add("RateLimit-Remaining", exchange.rate->remaining);
  const auto reset = exchange.rate->allowed ? exchange.rate->full_in : exchange.rate->retry_in;
  add("RateLimit-Reset", rounded_up(reset, std::chrono::seconds(1)));
}

}  // namespace epaulet::path
