#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "telemetry/record.h"
#include "telemetry/span.h"

namespace epaulet::telemetry {

/// An exchange as a span, on its way from its worker to whoever collects spans: numbers and ids,
/// and behind them as many events, links and bytes of text as it has.
struct SpanRecord {
  std::uint32_t size = 0;  ///< Of all of it, in bytes.
  StringId service = 0;
  SpanIds ids;
  std::uint64_t parent = 0;   ///< 0: it begins the trace.
  std::int64_t start_ns = 0;  ///< Since 1970.
  std::int64_t end_ns = 0;
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  SocketAddress upstream;
  SocketAddress downstream;
  StringId route = 0;
  StringId backend = 0;
  StringId rule = 0;
  StringId peer = 0;
  StringId endpoint = 0;
  std::uint16_t status = 0;
  std::uint16_t port = 0;
  std::uint16_t path_bytes = 0;
  std::uint16_t query_bytes = 0;
  std::uint16_t host_bytes = 0;
  std::optional<std::uint8_t> grpc_status;
  ErrorCode error = ErrorCode::none;
  Direction direction = Direction::inbound;
  std::uint8_t attempts = 0;
  std::uint8_t events = 0;
  std::uint8_t links = 0;
  bool http2 = false;
  bool http10 = false;
  bool grpc = false;
  bool mesh_tls = false;
  bool failed = false;
  bool is_joined = false;
  std::array<char, 12> method{};  ///< Zero-terminated, cut.
  RequestId request_id;
};

struct SpanEvent {
  std::uint32_t at_us = 0;  ///< Since the span's start.
  std::uint32_t a = 0;      ///< As trace.h says.
  std::uint32_t b = 0;
  Event event = Event::accepted;
};

/// One in memory of its own, as bytes.
class PackedSpan {
 public:
  PackedSpan(const SpanDetails& details, const ExchangeRecord& record, WallTime wall_now);
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  void append(const void* from, std::size_t bytes);

  static constexpr std::size_t kMost =
      sizeof(SpanRecord) + limits::kSpanEventsMax * sizeof(SpanEvent) +
      limits::kSpanLinksMax * sizeof(SpanIds) + 3 * limits::kSpanTextBytesMax;
  std::array<char, kMost> bytes_;
  std::size_t size_ = 0;
};

/// The same to be read. Views are into the bytes that it was made of.
struct Span {
  explicit Span(std::string_view packed);

  SpanRecord record;
  std::array<SpanEvent, limits::kSpanEventsMax> events;
  std::array<SpanIds, limits::kSpanLinksMax> links;
  std::string_view path;
  std::string_view query;
  std::string_view host;
};

/// The first of the packed spans in `bytes`, which holds whole ones.
[[nodiscard]] std::string_view first_span(std::string_view bytes);

}  // namespace epaulet::telemetry
