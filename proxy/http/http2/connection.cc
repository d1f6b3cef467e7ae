#include "http/http2/connection.h"

#include <array>
#include <cstring>

#include "io/ops.h"

namespace epaulet::http::http2 {
namespace {

constexpr std::chrono::seconds kLastWords{10};
constexpr std::chrono::seconds kLastWordsToOffenders{1};

}  // namespace

Connection::Connection(Role role, const SessionLimits& limits, SessionEvents& events,
                       ByteStream& stream, StreamReader& reader, Scope& scope)
    : session_(role, limits, events),
      stream_(stream),
      reader_(reader),
      scope_(scope),
      stall_max_(limits.stall_max),
      reading_(scope),
      writing_(scope),
      output_(scope.loop()) {}

Connection::~Connection() = default;

/// As many frames as fit into one write.
std::size_t Connection::collect() {
  std::size_t filled = 0;
  for (;;) {
    // A frame is at most 16 KiB and its header: behind that much there must be room for another.
    if (out_ && out_.size() - filled < limits::kBlockBytes + 64) return filled;
    const auto frame = session_.output();
    if (frame.empty()) return filled;
    if (!out_) out_ = Block::allocate(limits::kLargeBlockBytes);
    std::memcpy(out_.data() + filled, frame.data(), frame.size());
    filled += frame.size();
  }
}

/// Its end is the reader's, too.
Task<Error> Connection::write() {
  const auto end = co_await write_frames();
  reading_.cancel({ErrorCode::cancelled, Side::self, Stage::receive});
  co_return end;
}

Task<Error> Connection::write_frames() {
  for (;;) {
    const auto waited = co_await output_.wait(writing_);
    if (!waited) co_return waited.error();
    // The loop works through one event after the other, and each may have a frame for us: one write
    // for all of them.
    co_await next_turn(loop());
    output_.reset();
    for (std::size_t size = collect(); size > 0; size = collect()) {
      const std::array<ConstBytes, 1> buffers{ConstBytes(out_.span().first(size))};
      session_.handed_over();
      Scope writing(writing_);
      if (stall_max_.count() > 0) {
        writing.set_deadline(loop().now() + stall_max_,
                             {ErrorCode::idle_timeout, Side::self, Stage::send});
      }
      const auto written = co_await write_all(stream_, buffers, writing);
      if (!written) co_return written.error();
    }
    out_.reset();
    if (session_.finished()) co_return Error();
  }
}

Task<Error> Connection::run(Between* between) {
  constexpr unsigned kReadsPerTurn = 4;
  last_input_ = loop().now();
  writer_.start(write());
  kick();
  Error why(ErrorCode::end_of_stream, Side::self, Stage::receive);
  bool offended = false;
  for (unsigned reads = 1; !session_.finished() && writer_.running(); ++reads) {
    if (reader_.buffered().empty()) {
      const auto filled = co_await reader_.fill(reading_);
      if (!filled) {
        if (scope_.cancelled() || !reading_.cancelled()) why = filled.error();
        break;
      }
      if (*filled == 0) break;
    }
    last_input_ = loop().now();
    const auto received = session_.receive(reader_.buffered(), last_input_);
    reader_.consume(reader_.buffered().size());
    if (between != nullptr) between->after_input();
    kick();
    if (!received) {
      why = received.error();
      offended = true;
      break;
    }
    // A peer that never pauses must not keep the others waiting.
    if (reads % kReadsPerTurn == 0) co_await next_turn(loop());
  }
  closing_ = true;
  ended_well_ = session_.finished() && !scope_.cancelled();
  // What is still to be told (the last answer's end, a GOAWAY) goes out; a peer that does not read
  // does not hold us.
  if (writer_.running() && (offended || ended_well_)) {
    const auto limit = offended ? kLastWordsToOffenders : kLastWords;
    writing_.set_deadline(loop().now() + limit, {ErrorCode::idle_timeout, Side::self, Stage::send});
    kick();
  } else {
    writing_.cancel({ErrorCode::cancelled, Side::self, Stage::send});
  }
  const Error written = co_await writer_.join();
  if (why.code == ErrorCode::end_of_stream && written.code != ErrorCode::none &&
      written.code != ErrorCode::cancelled) {
    why = written;
  }
  co_return why;
}

}  // namespace epaulet::http::http2
